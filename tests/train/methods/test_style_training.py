"""`train global-directions` and `train deltaedit` on a toy generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from mcaclip.config import STACKS
from mcaclip.errors import TrainingError, WeightsError
from mcaclip.generators.base import broadcast_w, seeded_z
from mcaclip.generators.style_space import read_styles, style_ranges, style_size, with_style_shift
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.delta_mapper import FIT, DeltaMapper, delta_config, load_delta
from mcaclip.methods.style_table import load_table
from mcaclip.nn.header import read_weights_header
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToySpace
from train.common.faces import CodeSampler
from train.methods.deltaedit import DeltaSettings, collect_pool, delta_loss, pair_terms, train_deltaedit
from train.methods.global_directions import TableSettings, blocks, channels_to_measure, compute_table

TABLE = TableSettings(images=3, samples=20, batch=8)
DELTA = DeltaSettings(faces=40, steps=30, batch=16, layers=2, sampler=CodeSampler(psi=(1.0, 1.0), mix=0, jitter=0))
COMPACT = STACKS["compact"]


@pytest.fixture
def world():
    torch.manual_seed(0)
    return ToyGenerator(), ToySpace(16)


def test_a_tables_row_is_the_mean_direction_of_five_sigma_both_ways(world, tmp_path):
    generator, space = world
    table = load_table(compute_table(generator, space, TABLE, tmp_path, stack=COMPACT))
    codes = broadcast_w(generator.mapping(seeded_z(20, TABLE.seed)))
    std, channel = read_styles(generator, codes).std(0), 20
    directions = []
    for code in codes[:3].split(1):
        pictures = []
        for sign in (5, -5):
            shift = torch.zeros(1, style_size(generator))
            shift[0, channel] = sign * std[channel]
            pictures.append(synthesize(with_style_shift(generator, shift), code).image)
        up, down = (space.encode_image(picture) for picture in pictures)
        directions.append(F.normalize(up - down, dim=1))
    wanted = F.normalize(torch.cat(directions).mean(0), dim=0)
    torch.testing.assert_close(table.relevance[channel], wanted, atol=2e-3, rtol=0)
    torch.testing.assert_close(table.std, std)
    assert (table.generator, table.clip, table.images) == ("mobilestylegan", "FaceCLIP", 3)


def test_rgb_channels_are_left_out_and_marked_so(world, tmp_path):
    generator, space = world
    table = load_table(compute_table(generator, space, TABLE, tmp_path))
    for slot, place in style_ranges(generator):
        assert bool(table.measured[place].any()) != slot.rgb
        assert bool((table.relevance[place] == 0).all()) == slot.rgb


def test_blocks_hold_each_channel_once_and_one_slot_each(world):
    generator, _ = world
    chosen = channels_to_measure(generator, replace(TABLE, first=1, every=2))
    found = [channel for _, block in blocks(generator, chosen, 2) for channel in block]
    assert found == chosen and all(channel % 2 for channel in chosen)
    with pytest.raises(TrainingError, match="no style channel"):
        channels_to_measure(generator, replace(TABLE, first=12, last=18))  # an RGB output's


def test_a_table_that_was_cut_goes_on_to_the_same_end(world, tmp_path, monkeypatch):
    generator, space = world
    whole = load_table(compute_table(generator, space, TABLE, tmp_path / "whole"))
    clock = iter([0.0, *[0.0] * 4, *[1e9] * 100])
    with monkeypatch.context() as patch:
        patch.setattr("train.methods.global_directions.time.monotonic", lambda: next(clock))
        cut = load_table(compute_table(generator, space, TABLE, tmp_path / "cut", max_minutes=1))
    assert 0 < int(cut.measured.sum()) < int(whole.measured.sum())
    rest = load_table(compute_table(generator, space, TABLE, tmp_path / "cut"))
    assert torch.equal(rest.relevance, whole.relevance) and torch.equal(rest.measured, whole.measured)
    with pytest.raises(TrainingError, match="other settings"):
        compute_table(generator, space, replace(TABLE, images=2), tmp_path / "cut")


def test_no_time_gives_no_table(world, tmp_path):
    assert compute_table(*world, TABLE, tmp_path, max_minutes=-1) is None


def test_deltaedit_learns_without_a_word(world, tmp_path, monkeypatch):
    generator, space = world
    path = train_deltaedit(generator, space, replace(DELTA, steps=60), tmp_path, stack=COMPACT)
    model, pool = load_delta(path), collect_pool(generator, space, DELTA, tmp_path / "pool")
    fresh = DeltaMapper(delta_config(generator, 16, 2, lr_mul=1.0))
    fresh.mean.copy_(model.mean)
    fresh.std.copy_(model.std)
    first, second = torch.arange(20), torch.arange(20, 40)
    with torch.no_grad():
        before, after = (sum(pair_terms(m, pool, first, second).values()) for m in (fresh, model))
    assert after < 0.8 * before
    header = read_weights_header(path, FIT).metadata
    assert (header["generator"], header["clip"]) == ("mobilestylegan", "FaceCLIP")


def test_the_pool_is_kept_and_gone_on_with(world, tmp_path, monkeypatch):
    generator, space = world
    whole = collect_pool(generator, space, DELTA, tmp_path / "whole")
    clock = iter([*[0.0] * 12, *[1e9] * 100])
    with monkeypatch.context() as patch:
        patch.setattr("train.methods.deltaedit.time.monotonic", lambda: next(clock))
        cut = collect_pool(generator, space, DELTA, tmp_path / "cut", max_minutes=1)
    assert 2 <= len(cut.features) < 40
    assert torch.equal(cut.features, whole.features[: len(cut.features)])
    rest = collect_pool(generator, space, DELTA, tmp_path / "cut")
    assert torch.equal(rest.features, whole.features) and torch.equal(rest.styles, whole.styles)
    torch.testing.assert_close(whole.features.norm(dim=1), torch.ones(40))


def test_deltas_loss_is_nothing_only_for_the_change_itself():
    change = torch.randn(4, 10)
    assert sum(delta_loss(change, change).values()) == pytest.approx(0, abs=1e-6)
    terms = delta_loss(2 * change, change)
    assert terms["cos"] == pytest.approx(0, abs=1e-6)
    assert terms["l2"] == pytest.approx(float(change.norm(dim=1).mean()) / 10**0.5, rel=1e-5)
    assert delta_loss(-change, change)["cos"] == pytest.approx(2, abs=1e-6)


def test_foreign_files_are_no_model(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="train deltaedit"):
        load_delta(tmp_path / "x.safetensors")
