"""The difficult faces are as difficult as their list says; a face that looks ahead is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mcaclip.evaluation.difficult_faces import DIFFICULT_FACES
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.perception.parsing_head import CLASSES

FACE = slice(CLASSES.index("skin"), CLASSES.index("l_lip") + 1)


def turned(parsed: Tensor) -> float:
    """Distance of the nose from the skin's middle, in square roots of the skin's area."""
    columns = torch.arange(parsed.shape[-1]).float()
    skin, nose = (parsed[CLASSES.index(name)] for name in ("skin", "nose"))
    middles = [float((part.sum(0) * columns).sum() / part.sum()) for part in (nose, skin)]
    return abs(middles[0] - middles[1]) / float(skin.sum()) ** 0.5


def share(parsed: Tensor, name: str) -> float:
    """Pixels of a class, as a share of the face's."""
    return float(parsed[CLASSES.index(name)].sum() / parsed[FACE].sum())


@pytest.fixture(scope="module")
def parsed(preview, parser) -> dict[str, Tensor]:
    """Class probabilities `[19, 256, 256]` of the difficult faces and a plain one, by name."""
    faces = [(face.name, face.seed, face.truncation_psi) for face in DIFFICULT_FACES] + [("plain", 1, 0.7)]
    with torch.no_grad():
        w = [truncate(preview.mapping(seeded_z(1, seed)), preview.w_avg, psi) for _, seed, psi in faces]
        found = parser.parse(synthesize(preview, broadcast_w(torch.cat(w)), keep=parser.layers), 256)
    return {name: own for (name, _, _), own in zip(faces, found, strict=True)}


def test_names_are_distinct():
    assert len({face.name for face in DIFFICULT_FACES}) == len(DIFFICULT_FACES) == 8


@pytest.mark.parametrize("face", DIFFICULT_FACES, ids=lambda face: face.name)
def test_each_is_what_it_is_listed_as(parsed, face):
    if face.kind == "profile":
        assert turned(parsed[face.name]) > 0.3
    else:
        assert share(parsed[face.name], {"glasses": "eye_g", "hat": "hat"}[face.kind]) > 0.13


def test_a_plain_face_is_none_of_it(parsed):
    face = parsed["plain"]
    assert turned(face) < 0.1 and share(face, "eye_g") < 0.02 and share(face, "hat") < 0.05
