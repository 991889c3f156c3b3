"""How words and views are shown to a space: its sentences for a prompt, and what surrounds a view of a picture.

A published CLIP gets what CF-CLIP's code gives it. FaceCLIP has learned sentences about faces, and keeps its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mcaclip.platform.torchvision_guard import ensure_torchvision

LEFT_OUT = "a photo of many {}."
"""OpenAI's list for ImageNet has 80 templates; the 79 of StyleGAN-NADA and CF-CLIP are those without this one."""
SOURCE_WORD = "face"


@dataclass(frozen=True)
class Presentation:
    """What a space is shown.

    Attributes:
        templates: sentences with `{}` in the place of a prompt.
        neutral: as many sentences about a face that is not edited: the source texts of CLIP-NCE, and its negatives.
        surroundings: what fills a view of a picture beyond its borders: "zeros", a middle grey, or "reflection".
    """

    templates: tuple[str, ...]
    neutral: tuple[str, ...]
    surroundings: Literal["zeros", "reflection"]

    def texts(self, prompt: str) -> list[str]:
        """The prompt in every template."""
        return [template.format(prompt) for template in self.templates]


FACE_PRESENTATION = Presentation(
    (
        "a photo of a face with {}", "a person with {}", "a portrait of someone with {}", "{}", "a face with {}",
        "a close-up of a person who has {}", "someone wearing {}", "a picture of a person with {}",
    ),
    (
        "a face", "a photo of a face", "a portrait of a person", "a person", "a picture of someone",
        "a natural face", "a face without makeup", "an ordinary person",
    ),
    "reflection",
)  # fmt: skip
"""FaceCLIP's: it has read of faces alone, never of "a plushie face" or "graffiti of a face". In grey surroundings
it recognises an edit less often than in mirrored ones (docs/paper-stack.md)."""


def published_presentation() -> Presentation:
    """That of CF-CLIP's code: 79 templates for ImageNet, the source word in each of them, views on grey."""
    ensure_torchvision()
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES

    every = (template("{}") for template in OPENAI_IMAGENET_TEMPLATES)
    templates = tuple(template for template in every if template != LEFT_OUT)
    return Presentation(templates, tuple(template.format(SOURCE_WORD) for template in templates), "zeros")
