"""How a face looks in numbers: landmarks, areas of labels, lightness.

They measure edits that no colour shows ("smiling", "old", "glasses") and take no part in training an edit.
"""

from __future__ import annotations

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.face_parser import FACIAL_HAIR, LABELS
from mcaclip.perception.parsing_head import CLASSES

LEAST_BACKGROUND = 0.02
"""Share of the picture that a background takes at least."""
LEAST_HAIR = 0.02
"""Share of the picture that is added to that of the hair before its logarithm."""
SMOOTHED, BROW_BAND, LASHES = 0.06, 0.12, 0.05
"""Side of the window that smooths skin, half the height of the band along the brows, and the height of that along
the lashes, in distances of the eyes."""


def landmark_measures(points: np.ndarray) -> dict[str, float]:
    """Shape of a face from dlib's points `[68, 2]`, without unit.

    Returns:
        Over the distance of the eyes: `mouth width`; `mouth open`, the gap between the lips; `smile`, how far the
        mouth's corners lie above its middle; `brow height` above the eyes; `lip height`,
        of both lips together; `jaw width`, at the height of the mouth; `nose width`, of its
        wings. And `yaw`, the nose's place between the edges of the face, 0..1; `eyes open`, height over width of the
        eyes.
    """
    right, left = points[36:42].mean(0), points[42:48].mean(0)
    apart = _apart(points)
    down = np.array([right[1] - left[1], left[0] - right[0]]) / apart
    across = points[16] - points[0]
    brows = (points[17:22].mean(0) + points[22:27].mean(0)) / 2
    corners = (points[48] + points[54]) / 2
    return {
        "mouth width": _length(points[54] - points[48]) / apart,
        "mouth open": _length(points[66] - points[62]) / apart,
        "smile": float((points[[51, 57]].mean(0) - corners) @ down) / apart,
        "brow height": float(((left + right) / 2 - brows) @ down) / apart,
        "lip height": (_length(points[51] - points[62]) + _length(points[57] - points[66])) / apart,
        "jaw width": _length(points[12] - points[4]) / apart,
        "nose width": _length(points[35] - points[31]) / apart,
        "yaw": float(np.dot(points[30] - points[0], across) / np.dot(across, across)),
        "eyes open": (_openness(points[36:42]) + _openness(points[42:48])) / 2,
    }


def _length(vector: np.ndarray) -> float:
    return max(float(np.linalg.norm(vector)), 1e-6)


def _apart(points: np.ndarray) -> float:
    """Distance of the eyes of points `[68, 2]`."""
    return _length(points[42:48].mean(0) - points[36:42].mean(0))


def _smoothed(values: Tensor, points: np.ndarray) -> Tensor:
    """`[1, C, S, S]` without the texture of skin; the window is a share of the distance of the eyes."""
    side = 2 * round(SMOOTHED * _apart(points) / 2) + 1
    return F.avg_pool2d(values, side, 1, side // 2, count_include_pad=False)


def _openness(eye: np.ndarray) -> float:
    """Height over width of an eye `[6, 2]`. Source: Soukupova and Cech 2016, the eye aspect ratio."""
    return (_length(eye[1] - eye[5]) + _length(eye[2] - eye[4])) / 2 / _length(eye[3] - eye[0])


def colour_measures(lab: Tensor, parsed: Tensor, points: np.ndarray) -> dict[str, float]:
    """Hair, glasses and the chin's darkness.

    Args:
        lab: the picture in Lab, `[1, 3, 256, 256]`.
        parsed: `[1, 19, 256, 256]`.
        points: `[68, 2]` in pixels of the picture.

    Returns:
        `hair` and `glasses`, shares of the picture; `hair extent`, the logarithm of the hair's share, so that half of
        little hair is as much as half of a mane; `hair lightness`, and `chin darkness` against the cheeks, in L.
    """
    light = lab[0, 0]
    hair, glasses = (parsed[0, CLASSES.index(name)] for name in ("hair", "eye_g"))
    eyes = _apart(points)
    (x, lip), chin = points[57], points[8, 1]
    below = _mean(light, x - 0.25 * eyes, lip + 0.12 * eyes, x + 0.25 * eyes, chin - 0.1 * eyes)
    cheeks = [_mean(light, *box) for box in _cheek_boxes(points)]
    return {
        "hair": float(hair.mean()),
        "hair extent": math.log(LEAST_HAIR + float(hair.mean())),
        "glasses": float(glasses.mean()),
        "hair lightness": float((light * hair).sum() / hair.sum().clamp_min(1.0)),
        "chin darkness": sum(cheeks) / 2 - below,
    }


def _mean(light: Tensor, left: float, top: float, right: float, bottom: float) -> float:
    """Mean of `light [S, S]` in a box."""
    return float(_box(light, left, top, right, bottom).mean())


def _box(light: Tensor, left: float, top: float, right: float, bottom: float) -> Tensor:
    """What a box, which may reach beyond it and holds one pixel at least, has of `light [S, S]`."""
    x, y, x_end, y_end = (min(max(round(float(v)), 0), light.shape[0] - 1) for v in (left, top, right, bottom))
    return light[y : max(y_end, y) + 1, x : max(x_end, x) + 1]


def label_measures(parsed: Tensor, points: np.ndarray) -> dict[str, float]:
    """Areas of labels, in per cent of the picture.

    Args:
        parsed: `[1, 22, S, S]` in the order of `LABELS`.
        points: `[68, 2]` in pixels of the labels.

    Returns:
        `facial hair`, `goatee`, `moustache`, `hat`, `earrings`, `teeth` (all that is inside the mouth),
        `long hair` (below the chin) and `fringe` (hair between the hairline's usual place and the brows).
    """
    shares = {name: 100 * float(parsed[0, number].mean()) for number, name in enumerate(LABELS)}
    hair, side = parsed[0, LABELS.index("hair")], parsed.shape[-1]
    chin = int(np.clip(points[8, 1], 0, side - 1))
    eyes = _apart(points)
    brows = points[17:27]
    top, bottom = (int(np.clip(v, 0, side)) for v in (brows[:, 1].min() - 0.9 * eyes, brows[:, 1].mean()))
    left, right = (int(np.clip(v, 0, side)) for v in (brows[:, 0].min(), brows[:, 0].max()))
    return {
        "facial hair": sum(shares[name] for name in FACIAL_HAIR),
        "goatee": shares["goatee"],
        "moustache": shares["moustache"],
        "hat": shares["hat"],
        "earrings": shares["ear_r"],
        "teeth": shares["mouth"],
        "long hair": 100 * float(hair[chin:].sum()) / side**2,
        "fringe": 100 * float(hair[top:bottom, left:right].sum()) / side**2,
    }


def skin_measures(lab: Tensor, parsed: Tensor, points: np.ndarray) -> dict[str, float]:
    """Lightness of the skin, and make-up.

    Args:
        lab: the picture in Lab, `[1, 3, 256, 256]`.
        parsed: `[1, 22, 256, 256]` in the order of `LABELS`.
        points: `[68, 2]` in pixels of the picture.

    Returns:
        `skin lightness`, mean L of the face's skin; `lip colour`, how far lips and skin are apart in Lab's a and b;
        against the skin's mean, `cheek redness` in a and `lid darkness` in L.
    """
    skin = parsed[0, LABELS.index("skin")]
    lips = parsed[0, [LABELS.index("u_lip"), LABELS.index("l_lip")]].sum(0)
    of_lips, of_skin = ((lab[0] * mask).sum((1, 2)) / mask.sum().clamp_min(1.0) for mask in (lips, skin))
    cheeks = [_mean(lab[0, 1], *box) for box in _cheek_boxes(points)]
    lids = [_mean(lab[0, 0], *box) for box in _lid_boxes(points)]
    return {
        "skin lightness": float(of_skin[0]),
        "lip colour": float((of_lips - of_skin)[1:].norm()),
        "cheek redness": sum(cheeks) / 2 - float(of_skin[1]),
        "lid darkness": float(of_skin[0]) - sum(lids) / 2,
    }


def _cheek_boxes(points: np.ndarray) -> list[tuple[float, float, float, float]]:
    """A box below each eye: left, top, right, bottom."""
    eyes = _apart(points)
    return [(x - 0.12 * eyes, y + 0.2 * eyes, x + 0.12 * eyes, y + 0.45 * eyes) for x, y in points[[41, 46]]]


def _lid_boxes(points: np.ndarray) -> list[tuple[float, float, float, float]]:
    """A box above each eye, over the half of the way to the brow that is nearer to the eye."""
    boxes = []
    for brow, eye in ((points[17:22], points[36:42]), (points[22:27], points[42:48])):
        lid = eye[1:3, 1].mean()
        boxes.append((eye[:, 0].min(), (lid + brow[:, 1].mean()) / 2, eye[:, 0].max(), lid))
    return boxes


def fine_measures(lab: Tensor, points: np.ndarray) -> dict[str, float]:
    """What only a large picture shows.

    Args:
        lab: the picture in Lab, `[1, 3, S, S]`.
        points: `[68, 2]` in pixels of the picture.

    Returns:
        `skin detail`, mean difference in L of the cheeks and the forehead from their smoothed selves; `brow
        darkness`, how much darker, in L, a band along the brows is than the cheeks, which grows with their thickness.
    """
    light, eyes = lab[0, 0], _apart(points)
    detail, cheeks = (light - _smoothed(lab[:, :1], points)[0, 0]).abs(), _cheek_boxes(points)
    level, middle = points[17:27, 1].min(), points[27, 0]
    forehead = (middle - 0.4 * eyes, level - 0.45 * eyes, middle + 0.4 * eyes, level - 0.2 * eyes)
    band = BROW_BAND * eyes
    brows = [
        _mean(light, min(a[0], b[0]), (a[1] + b[1]) / 2 - band, max(a[0], b[0]), (a[1] + b[1]) / 2 + band)
        for a, b in ((points[n], points[n + 1]) for n in (17, 18, 19, 20, 22, 23, 24, 25))
    ]
    bright = sum(_mean(light, *box) for box in cheeks) / 2
    return {
        "skin detail": sum(_mean(detail, *box) for box in (*cheeks, forehead)) / 3,
        "brow darkness": bright - sum(brows) / len(brows),
    }


def finish_measures(lab: Tensor, parsed: Tensor, points: np.ndarray) -> dict[str, float]:
    """What a make-up artist and a photographer see.

    Args:
        lab: the picture in Lab, `[1, 3, S, S]`.
        parsed: `[1, 22, S', S']` in the order of `LABELS`, of the same picture.
        points: `[68, 2]` in pixels of the picture.

    Returns:
        `picture lightness` and `picture warmth`, means of L and b; `background detail`, mean difference in L of the
        background from its smoothed self; `skin spots`, how much darker than their surroundings, in L, the darkest
        sixth of the cheeks is; `lash darkness`, how much darker the upper rim of the eyes is than the cheeks;
        `lip shine`, how much lighter the lightest twentieth of the lips is than their mean.
    """
    light, eyes = lab[0, 0], _apart(points)
    parts = F.interpolate(parsed, size=light.shape, mode="bilinear")
    behind, lips = (
        parts[0, LABELS.index("background")],
        parts[0, [LABELS.index("u_lip"), LABELS.index("l_lip")]].sum(0),
    )
    detail = light - _smoothed(lab[:, :1], points)[0, 0]
    spots = [_darkest(_box(detail, *box)) for box in _cheek_boxes(points)]
    rim, cheeks = LASHES * eyes, sum(_mean(light, *box) for box in _cheek_boxes(points)) / 2
    lashes = [_mean(light, x - rim, y - rim, x + rim, y) for x, y in points[[37, 38, 43, 44]]]
    shown = light[lips > 0.5]
    return {
        "picture lightness": float(light.mean()),
        "picture warmth": float(lab[0, 2].mean()),
        "background detail": float((detail.abs() * behind).sum() / behind.sum().clamp_min(1.0)),
        "skin spots": sum(spots) / len(spots),
        "lash darkness": cheeks - sum(lashes) / len(lashes),
        "lip shine": float(shown.quantile(0.95) - shown.mean()) if len(shown) else 0.0,
    }


def retouch_measures(lab: Tensor, parsed: Tensor, points: np.ndarray) -> dict[str, float]:
    """What somebody sees who retouches photos.

    Args:
        lab: the picture in Lab, `[1, 3, S, S]`.
        parsed: `[1, 22, S', S']` in the order of `LABELS`, of the same picture.
        points: `[68, 2]` in pixels of the picture.

    Returns:
        `dark circles`, how much darker, in L, the skin right below the eyes is than the cheeks; `skin shine`, how
        much lighter the lightest twentieth of the face's skin is than its median; `skin blotches`, mean distance of
        the skin, without its texture, from its mean in a and b; `eye whites`, mean L of the lightest quarter of the
        eyes; `background lightness`, mean L; `picture contrast`, standard deviation of L of the picture without its
        texture; `picture detail`, mean difference in L from the smoothed picture; `picture patches`, share of
        the places that hardly differ from their neighbours; `picture chroma`, mean distance
        from grey; `colour spread`, mean distance from the mean in a and b. What the picture lacks is left out.
    """
    light, colour = lab[0, 0], lab[0, 1:]
    eyes, even = _apart(points), _smoothed(lab, points)[0]
    below = [
        _mean(light, x - 0.15 * eyes, y + 0.07 * eyes, x + 0.15 * eyes, y + 0.17 * eyes)
        for x, y in _lower_lids(points)
    ]
    grain = (F.avg_pool2d(light[None], 3, 1) - light[1:-1, 1:-1]).abs()
    found = {
        "dark circles": sum(_mean(light, *box) for box in _cheek_boxes(points)) / 2 - sum(below) / 2,
        "picture contrast": float(even[0].std()),
        "picture detail": float((light - even[0]).abs().mean()),
        "picture patches": float((grain < grain.mean() / 4).float().mean()),
        "picture chroma": float(colour.norm(dim=0).mean()),
        "colour spread": float((colour - colour.mean((1, 2), keepdim=True)).norm(dim=0).mean()),
    }
    parts = F.interpolate(parsed, size=light.shape, mode="bilinear")[0]
    skin, seen, behind = (
        parts[[LABELS.index(name) for name in names]].sum(0) > 0.5
        for names in (("skin", "nose"), ("l_eye", "r_eye"), ("background",))
    )
    if skin.any():
        tone = even[1:, skin]
        found["skin shine"] = float(light[skin].quantile(0.95) - light[skin].median())
        found["skin blotches"] = float((tone - tone.mean(1, keepdim=True)).norm(dim=0).mean())
    if seen.any():
        found["eye whites"] = float(light[seen].sort().values[-max(1, int(seen.sum()) // 4) :].mean())
    if behind.float().mean() > LEAST_BACKGROUND:
        found["background lightness"] = float(light[behind].mean())
    return found


def _lower_lids(points: np.ndarray) -> list[np.ndarray]:
    """The middle of each lower lid, `[2]`."""
    return [points[40:42].mean(0), points[46:48].mean(0)]


def _darkest(detail: Tensor) -> float:
    """Minus the mean of the lowest sixth."""
    return -float(detail.flatten().sort().values[: max(1, detail.numel() // 6)].mean())
