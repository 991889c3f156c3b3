"""`train global-directions` and `train deltaedit` on a toy generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from mcaclip.config import STACKS
from mcaclip.errors import TrainingError, WeightsError
from mcaclip.generators.base import broadcast_w, seeded_z
from mcaclip.generators.style_space import (
    convolution_channels,
    read_styles,
    style_ranges,
    style_size,
    with_style_shift,
)
from mcaclip.generators.synthesis import synthesize
from mcaclip.loading import GeneratorPair
from mcaclip.methods.delta_mapper import FIT, DeltaMapper, delta_config, load_delta
from mcaclip.methods.style_table import load_table
from mcaclip.nn.header import read_weights_header
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToySpace
from train.common.faces import CodeSampler
from train.methods.deltaedit import DeltaSettings, collect_pool, delta_loss, pair_terms, train_deltaedit
from train.methods.global_directions import STATE, TableSettings, _Run, blocks, channels_to_measure, compute_table

TABLE = TableSettings(images=3, samples=20, batch=8)
DELTA = DeltaSettings(faces=40, steps=30, batch=16, layers=2, sampler=CodeSampler(psi=(1.0, 1.0), mix=0, jitter=0))
COMPACT = STACKS["compact"]


@pytest.fixture
def world():
    torch.manual_seed(0)
    return ToyGenerator(), ToySpace(16)


@pytest.fixture
def pair(world):
    return GeneratorPair(world[0], world[0])


def test_a_tables_row_is_the_mean_direction_of_five_sigma_both_ways_from_the_channels_mean(world, tmp_path):
    generator, space = world
    table = load_table(compute_table(generator, space, TABLE, tmp_path, stack=COMPACT))
    codes = broadcast_w(generator.mapping(seeded_z(20, TABLE.seed)))
    styles, channel = read_styles(generator, codes), 20
    std = styles.std(0)
    directions = []
    for code in codes[:3].split(1):
        pictures = []
        for sign in (5, -5):
            shift = torch.zeros(1, style_size(generator))
            shift[0, channel] = (
                sign * std[channel] + styles.mean(0)[channel] - read_styles(generator, code)[0, channel]
            )
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
        assert bool((table.relevance[place] == 0).all()) == slot.rgb
    assert table.measured == len(convolution_channels(generator))


def test_blocks_hold_each_channel_once_and_one_slot_each(world):
    generator, _ = world
    chosen = channels_to_measure(generator, replace(TABLE, first=1, every=2))
    layers = range(len(generator.layers))
    found = [channel for layer in layers for block in blocks(generator, chosen, layer, 2) for channel in block]
    assert found == chosen and all(channel % 2 for channel in chosen)
    with pytest.raises(TrainingError, match="no style channel"):
        channels_to_measure(generator, replace(TABLE, first=12, last=18))  # an RGB output's


def test_a_table_that_was_cut_goes_on_to_the_same_end(world, tmp_path, monkeypatch):
    generator, space = world
    whole = load_table(compute_table(generator, space, TABLE, tmp_path / "whole"))
    blocks_done = 0

    def clock() -> float:
        return 0.0 if blocks_done < 10 else 1e9

    add = _Run.add

    def counted(*parts: object) -> None:
        nonlocal blocks_done
        blocks_done += 1
        add(*parts)

    with monkeypatch.context() as patch:
        patch.setattr("train.methods.global_directions.time.monotonic", clock)
        patch.setattr(_Run, "add", counted)
        cut = load_table(compute_table(generator, space, TABLE, tmp_path / "cut", max_minutes=1))
    assert cut.images == 1 and cut.measured == whole.measured, "one face is complete before the next one begins"
    assert not torch.equal(cut.relevance, whole.relevance) and whole.images == 3
    rest = load_table(compute_table(generator, space, TABLE, tmp_path / "cut"))
    assert torch.equal(rest.relevance, whole.relevance) and rest.images == 3
    with pytest.raises(TrainingError, match="other settings"):
        compute_table(generator, space, replace(TABLE, images=2), tmp_path / "cut")


def test_a_damaged_run_is_said(world, tmp_path):
    compute_table(*world, TABLE, tmp_path)
    (tmp_path / STATE).write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="choose another --out"):
        compute_table(*world, TABLE, tmp_path)


def test_no_time_gives_no_table(world, tmp_path):
    assert compute_table(*world, TABLE, tmp_path, max_minutes=-1) is None


def test_deltaedit_learns_without_a_word(world, pair, tmp_path):
    _, space = world
    path = train_deltaedit(pair, space, replace(DELTA, steps=60), tmp_path, stack=COMPACT)
    model, pool = load_delta(path), collect_pool(pair, space, DELTA, tmp_path / "pool")
    fresh = DeltaMapper(delta_config(pair.full, 16, 2))
    fresh.scale.copy_(model.scale)
    first, second = torch.arange(20), torch.arange(20, 40)
    with torch.no_grad():
        before, after = (sum(pair_terms(m, pool, first, second).values()) for m in (fresh, model))
    assert after < 0.8 * before
    header = read_weights_header(path, FIT).metadata
    assert (header["generator"], header["clip"]) == ("mobilestylegan", "FaceCLIP")


def test_styles_are_left_in_their_own_units_or_those_of_their_slots(world, pair, tmp_path):
    _, space = world
    short = replace(DELTA, steps=1)
    pool = collect_pool(pair, space, DELTA, tmp_path / "pool")
    slots = pool.styles.view(len(pool.styles), 4, 6)
    deviations = (slots - slots.mean(0)).square().mean((0, 2)).sqrt()
    scale = load_delta(train_deltaedit(pair, space, short, tmp_path)).scale
    torch.testing.assert_close(scale, deviations.repeat_interleave(6))
    raw = load_delta(train_deltaedit(pair, space, replace(short, raw_styles=True), tmp_path / "raw"))
    assert bool((raw.scale == 1).all())


def test_the_pool_is_kept_and_gone_on_with(world, pair, tmp_path, monkeypatch):
    _, space = world
    whole = collect_pool(pair, space, DELTA, tmp_path / "whole")
    clock = iter([*[0.0] * 4, *[1e9] * 100])
    with monkeypatch.context() as patch:
        patch.setattr("train.common.arrays.time.monotonic", lambda: next(clock))
        cut = collect_pool(pair, space, DELTA, tmp_path / "cut", max_minutes=1)
    assert 2 <= len(cut.features) < 40
    assert torch.equal(cut.features, whole.features[: len(cut.features)])
    rest = collect_pool(pair, space, DELTA, tmp_path / "cut")
    assert torch.equal(rest.features, whole.features) and torch.equal(rest.styles, whole.styles)
    torch.testing.assert_close(whole.features.norm(dim=1), torch.ones(40))
    assert whole.styles.shape[1] == len(convolution_channels(pair.full))


def test_deltas_loss_is_nothing_only_for_the_change_itself():
    change = torch.randn(4, 10)
    assert sum(delta_loss(change, change).values()) == pytest.approx(0, abs=1e-6)
    terms = delta_loss(2 * change, change)
    assert terms["cos"] == pytest.approx(0, abs=1e-6)
    assert terms["l2"] == pytest.approx(float(change.square().mean()), rel=1e-5)
    assert delta_loss(-change, change)["cos"] == pytest.approx(2, abs=1e-6)


def test_foreign_files_are_no_model(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="train deltaedit"):
        load_delta(tmp_path / "x.safetensors")
