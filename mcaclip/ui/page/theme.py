"""The page's look: paper and ink, one turquoise; neutral greys around pictures so that colours read true."""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import LocalFont

INK = "#f7f6f4 #efeeeb #e2e0dc #cdcac4 #a09d97 #76736e #57554f #3b3a37 #272725 #1b1b1a #131312"
TURQUOISE = "#effaf8 #d6f2ed #aee4dc #7acfc4 #45b3a7 #23978c #157a72 #14625c #154e4a #15413e #062624"
"""Shades from light to dark."""
COLOURS = {
    "body_background_fill": ("*neutral_50", "*neutral_950"),
    "body_text_color": ("*neutral_900", "*neutral_100"),
    "body_text_color_subdued": ("*neutral_600", "*neutral_400"),
    "background_fill_primary": ("#ffffff", "*neutral_900"),
    "background_fill_secondary": ("*neutral_100", "*neutral_800"),
    "border_color_primary": ("*neutral_200", "*neutral_700"),
    "block_background_fill": ("#ffffff", "*neutral_900"),
    "block_border_color": ("*neutral_200", "*neutral_800"),
    "block_title_text_color": ("*neutral_900", "*neutral_100"),
    "block_info_text_color": ("*neutral_600", "*neutral_400"),
    "input_background_fill": ("#ffffff", "*neutral_950"),
    "input_border_color": ("*neutral_300", "*neutral_700"),
    "input_border_color_focus": ("*primary_500", "*primary_400"),
    "slider_color": ("*primary_600", "*primary_400"),
    "button_primary_background_fill": ("*neutral_900", "*neutral_100"),
    "button_primary_background_fill_hover": ("*primary_700", "*primary_200"),
    "button_primary_text_color": ("#ffffff", "*neutral_950"),
    "button_secondary_background_fill": ("#ffffff", "*neutral_900"),
    "button_secondary_background_fill_hover": ("*neutral_100", "*neutral_800"),
    "button_secondary_border_color": ("*neutral_300", "*neutral_700"),
    "button_secondary_text_color": ("*neutral_900", "*neutral_100"),
    "checkbox_label_background_fill": ("#ffffff", "*neutral_900"),
    "checkbox_label_background_fill_selected": ("*primary_50", "*primary_950"),
    "checkbox_label_border_color": ("*neutral_300", "*neutral_700"),
    "checkbox_label_border_color_selected": ("*primary_600", "*primary_400"),
    "checkbox_background_color_selected": ("*primary_600", "*primary_500"),
    "checkbox_border_color_selected": ("*primary_600", "*primary_500"),
    "link_text_color": ("*primary_700", "*primary_300"),
}
"""Part of the page to its light and its dark colour."""


def build_theme() -> gr.themes.Base:
    """Light and dark.

    The fonts come with Gradio, so the page asks no other host for anything. These are weights that Gradio
    ships whole; its 600 and most of its other families hold only a few letters.
    """
    names = [f"c{step}" for step in (50, *range(100, 1000, 100), 950)]
    ink, turquoise = (Color(**dict(zip(names, shades.split(), strict=True))) for shades in (INK, TURQUOISE))
    theme = gr.themes.Base(
        primary_hue=turquoise,
        secondary_hue=turquoise,
        neutral_hue=ink,
        radius_size=sizes.radius_sm,
        spacing_size=sizes.spacing_md,
        text_size=sizes.text_md,
        font=[LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    )
    return theme.set(
        block_border_width="1px",
        block_shadow="none",
        block_label_shadow="none",
        block_title_text_weight="600",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px rgba(35, 151, 140, 0.18)",
        button_primary_text_color_hover_dark="*neutral_950",
        button_primary_border_color="transparent",
        button_border_width="1px",
        button_large_text_weight="400",
        button_large_text_size="*text_md",
        loader_color="*primary_500",
        **{name: light for name, (light, _) in COLOURS.items()},
        **{f"{name}_dark": dark for name, (_, dark) in COLOURS.items()},
    )
