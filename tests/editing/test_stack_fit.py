"""Whether a file of weights is for a stack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcaclip.config import STACKS
from mcaclip.editing.network.mca import EditHeader
from mcaclip.editing.stack_fit import StackFit
from mcaclip.errors import WeightsError
from tests.editing.network.test_coral import LAYERS
from tests.editing.network.test_mca import TINY

FILE = Path("edit.safetensors")
HEADER = EditHeader(LAYERS, {}, "mobilestylegan", "FaceCLIP", TINY, words="a" * 64)
FIT = StackFit("mobilestylegan", LAYERS, "FaceCLIP", "a" * 64)


def check_all(fit: StackFit, header: EditHeader = HEADER) -> None:
    fit.check_masks(FILE, header, "make it")
    fit.check_clip(FILE, header.clip)
    fit.check_words(FILE, header, "make it")


def test_what_was_made_for_the_stack_passes():
    check_all(FIT)
    assert FIT.has_masks(HEADER) and FIT.has_masks(replace(HEADER, clip="ViT-B-32-quickgelu"))
    assert StackFit.of(STACKS["compact"], LAYERS, "a" * 64) == FIT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generator": "stylegan2"}, "made for stylegan2, and this stack has mobilestylegan: .* with `make it`"),
        ({"layers": LAYERS[:1]}, "another size.*`make it`"),
        ({"clip": "ViT-B-32-quickgelu"}, "add --clip ViT-B-32-quickgelu"),
        ({"words": "b" * 64}, "learned the words of another FaceCLIP .*bbbb.*`make it`"),
        ({"words": ""}, "not recorded"),
    ],
)
def test_what_was_not_says_so_and_what_to_do(change, words):
    with pytest.raises(WeightsError, match=rf"edit\.safetensors .*{words}"):
        check_all(FIT, replace(HEADER, **change))
