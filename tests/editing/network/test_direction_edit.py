"""Edits along a direction of W: how far they go, where they act, and their file."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from mcaclip.editing.network.direction_edit import (
    FORMAT,
    DirectionEdit,
    DirectionSpec,
    load_directions,
    save_directions,
)
from mcaclip.errors import WeightsError
from mcaclip.generators.base import seeded_z
from mcaclip.generators.synthesis import synthesize
from mcaclip.perception.face_parser import LABELS
from tests.generators.toy import ToyGenerator

CODES = torch.stack([seeded_z(18, 1), seeded_z(18, 2)])
SPEC = DirectionSpec("long hair", 1.0, 0.5, 2.0, ("hair",), 8, ("nose",))
ALONG = torch.nn.functional.one_hot(torch.tensor(7), 512).float()


class TopIsHair:
    """The upper half is hair with a nose in it, the rest background."""

    def probabilities(self, images: torch.Tensor, size: int = 256) -> torch.Tensor:
        """See `PhotoParser`."""
        found = torch.zeros(len(images), len(LABELS), 256, 256)
        found[:, LABELS.index("hair"), :128] = 1
        found[:, LABELS.index("nose"), 50:60] = 1
        found[:, LABELS.index("hair"), 50:60] = 0
        found[:, LABELS.index("background"), 128:] = 1
        return found


def edit(spec: DirectionSpec = SPEC) -> DirectionEdit:
    return DirectionEdit(spec, ALONG, ALONG, torch.zeros(512), TopIsHair())


def shift_of(one: DirectionEdit, codes: torch.Tensor = CODES, **given):
    torch.manual_seed(0)
    generator = ToyGenerator()
    return one.shift(generator, codes, synthesize(generator, codes, range(4)), **given)


@pytest.mark.parametrize(("level", "moved"), [(0.2, 0.8), (0.9, 0.5), (5.0, 0.5), (-3.0, 2.0)])
def test_a_face_is_moved_to_the_level_but_neither_too_little_nor_too_far(level, moved):
    delta = shift_of(edit(), torch.zeros(1, 18, 512) + level * ALONG).delta_w
    torch.testing.assert_close(delta[0, :8], (moved * ALONG).expand(8, -1))
    assert not delta[0, 8:].any(), "only the rows that shape a head"


def test_every_layer_is_open_where_the_part_is_and_nowhere_else():
    generator, shift = ToyGenerator(), shift_of(edit())
    assert [mask.shape[-1] for mask in shift.masks] == [*(layer.size for layer in generator.layers), 8]
    picture = shift_of(replace(edit(), parser=TopIsHair())).masks[-1]
    assert picture[..., :1, :].min() == 1 and picture[..., 5:, :].max() == 0
    assert picture[..., 1, :].max() < 1, "the nose stays"


def test_masks_can_be_opened_or_left_out():
    assert all(bool((mask == 1).all()) for mask in shift_of(edit(), opened=True).masks)
    without = shift_of(edit().maskless)
    assert without.masks == [] and torch.equal(without.delta_w, shift_of(edit()).delta_w)


@pytest.fixture
def file(tmp_path):
    specs = [SPEC, replace(SPEC, words="short hair", rows=(0, 4))]
    save_directions(tmp_path / "hair.safetensors", specs, [ALONG, -ALONG], [ALONG, 2 * ALONG], torch.ones(512))
    return tmp_path / "hair.safetensors"


def test_directions_survive_their_file(file):
    edits = load_directions(file, TopIsHair(), "cpu")
    assert list(edits) == ["long hair", "short hair"] and edits["long hair"].spec == SPEC
    assert edits["short hair"].spec.rows == (0, 4) and torch.equal(edits["short hair"].direction, -ALONG)
    assert torch.equal(edits["short hair"].slope, 2 * ALONG) and float(edits["long hair"].mean.mean()) == 1


@pytest.mark.parametrize(
    "changed",
    [{"rows": [0, 19]}, {"rows": [4, 4]}, {"classes": ["halo"]}, {"margin": 500}, {"charm": 1}, {"margin": "wide"}],
)
def test_settings_out_of_range_are_refused(file, changed):
    raw = {**asdict(SPEC), **changed}
    tensors = {name: tensor[:1] if tensor.ndim == 2 else tensor for name, tensor in load_file(file).items()}
    save_file(tensors, file, {"format": FORMAT, "edits": json.dumps([raw])})
    with pytest.raises(WeightsError, match="python -m train directions"):
        load_directions(file, TopIsHair(), "cpu")


def test_another_or_a_damaged_file_is_refused(file, tmp_path):
    tensors = load_file(file)
    for metadata in ({}, {"format": FORMAT}, {"format": FORMAT, "edits": json.dumps([asdict(SPEC)])}):
        save_file(tensors, tmp_path / "other.safetensors", metadata)
        with pytest.raises(WeightsError, match="holds no directions"):
            load_directions(tmp_path / "other.safetensors", TopIsHair(), "cpu")
    file.write_bytes(b"no")
    for path in (file, tmp_path / "none.safetensors"):
        with pytest.raises(WeightsError, match="restore it"):
            load_directions(path, TopIsHair(), "cpu")
