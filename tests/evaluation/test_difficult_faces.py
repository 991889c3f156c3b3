"""The hard faces are as hard as their list says; a face that looks ahead is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mcaclip.evaluation.difficult_faces import DIFFICULT_FACES
from mcaclip.generators.synthesis import synthesize
from mcaclip.loading import load_parser
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
def parse(editor):
    parser = load_parser(editor.slots, editor.device)

    @torch.no_grad()
    def parse(seed: int, truncation_psi: float) -> Tensor:
        """Class probabilities `[19, 256, 256]`."""
        code = editor.sample(seed, truncation_psi).w_plus[None]
        return parser.parse(synthesize(editor.models.preview, code, keep=parser.layers), 256)[0]

    return parse


def test_names_are_unlike():
    assert len({face.name for face in DIFFICULT_FACES}) == len(DIFFICULT_FACES) == 8


@pytest.mark.parametrize("face", DIFFICULT_FACES, ids=lambda face: face.name)
def test_each_is_what_it_is_listed_as(parse, face):
    parsed = parse(face.seed, face.truncation_psi)
    if face.kind == "profile":
        assert turned(parsed) > 0.3
    else:
        assert share(parsed, {"glasses": "eye_g", "hat": "hat"}[face.kind]) > 0.13


def test_a_plain_face_is_none_of_it(parse):
    parsed = parse(1, 0.7)
    assert turned(parsed) < 0.1 and share(parsed, "eye_g") < 0.02 and share(parsed, "hat") < 0.05
