"""Pictures that explain an edit: overlays, mask tiles, maps of change. Pure functions on arrays."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

from mcaclip.types import to_uint8

TINT = (20, 196, 178)
"""RGB of the overlay: a turquoise, the hue furthest from skin."""

FULL_CHANGE = 0.25
"""Mean change of a pixel, as a share of the whole range, that is drawn brightest in `change_map`."""

SCREEN_QUALITY = 92
"""JPEG quality on a screen: no visible bands, a fifth of the bytes of PNG, and written in 10 ms at 1024 px. WebP of
the same quality is half as large and takes four to twelve times as long."""

MASK_DARK = (22, 24, 27)
MASK_LIGHT = (248, 246, 240)


def screen_picture(pixels: np.ndarray, quality: int = SCREEN_QUALITY) -> bytes:
    """`uint8 [H, W, 3]` as a file for a screen; what is kept is a PNG (`mcaclip.results.export`)."""
    written = BytesIO()
    Image.fromarray(pixels).save(written, format="JPEG", quality=quality, subsampling=0)
    return written.getvalue()


def overlay(source: Tensor, mask: Tensor) -> np.ndarray:
    """The source with the edited region tinted and outlined.

    The region keeps two fifths of the source's light, so that the face stays readable under the tint;
    the rest is greyed a little to let the region stand out.

    Args:
        source: `float32 [3, S, S]` in [-1, 1].
        mask: `float32 [1, S, S]` in [0, 1].
    """
    colours = to_uint8(source).astype(np.float32)
    grey = cv2.transform(colours, np.full((1, 3), 1 / 3, np.float32))[..., None]
    weight = mask.detach().float().clamp(0, 1)[0].cpu().numpy()[..., None]
    quiet = 0.55 * colours + 0.45 * grey
    region = 0.4 * colours + (0.21 + 0.39 / 255 * grey) * np.array(TINT, np.float32)
    blended = quiet + weight * (region - quiet)
    return _outline(np.rint(blended).clip(0, 255).astype(np.uint8), weight[..., 0])


def _outline(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Draws the line where the mask crosses one half, thin and half transparent."""
    inside = (weight > 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    line = picture.copy()
    width = max(1, round(picture.shape[0] / 400))
    cv2.drawContours(line, contours, -1, (255, 255, 255), width, cv2.LINE_AA)
    return cv2.addWeighted(line, 0.6, picture, 0.4, 0)


def mask_tile(mask: Tensor, side: int = 256) -> np.ndarray:
    """One layer's mask as a square picture, its own pixels kept visible.

    Args:
        mask: `float32 [1, s, s]` in [0, 1].
        side: of the tile in pixels. Smaller masks are repeated (nearest neighbour), larger ones averaged.

    Returns:
        `uint8 [side, side, 3]`, nearly black where nothing changes, nearly white where everything may.
    """
    values = mask.detach().float().clamp(0, 1)[0].cpu().numpy()
    method = cv2.INTER_NEAREST if values.shape[0] <= side else cv2.INTER_AREA
    scaled = cv2.resize(values, (side, side), interpolation=method)[..., None]
    dark, light = np.array(MASK_DARK, np.float32), np.array(MASK_LIGHT, np.float32)
    return np.rint(dark + scaled * (light - dark)).astype(np.uint8)


def change_map(source: Tensor, edited: Tensor, side: int = 256) -> np.ndarray:
    """How much every part of a picture changed: dark where nothing did, over red to pale yellow.

    Args:
        source: `float32 [3, S, S]` in [-1, 1].
        edited: the same face after the edit, likewise.
        side: of the result in pixels.

    Returns:
        `uint8 [side, side, 3]`; the scale is the same for all pictures: it ends at a mean change of a quarter of the
        range.
    """
    change = (edited - source).detach().float().abs().mean(0).cpu().numpy() / 2
    method = cv2.INTER_AREA if change.shape[0] > side else cv2.INTER_LINEAR
    share = cv2.resize(change, (side, side), interpolation=method) / FULL_CHANGE
    values = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def mask_png(mask: Tensor) -> np.ndarray:
    """`float32 [1, s, s]` in [0, 1] to `uint8 [s, s]`, the mask itself at its own size."""
    return (mask.detach().float().clamp(0, 1)[0] * 255).round().byte().cpu().numpy()
