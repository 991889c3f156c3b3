from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from mcaclip.inversion.encoder import FaceEncoder, view_of
from mcaclip.loading import load_face_identity
from train.encoder import train as stages
from train.encoder.degrade import MILD
from train.encoder.linear import fit_linear
from train.encoder.pool import render_pool
from train.encoder.train import EncoderSettings, code_loss, learn_codes, learn_pictures, sampler, train_encoder
from train.encoder.views import ViewCache, cache_views, degraded

COUNT = 12
SETTINGS = EncoderSettings(faces=COUNT, held_out=4, steps=3, batch=4, picture_steps=1, picture_batch=1)


@pytest.fixture(autouse=True)
def _narrow_encoder(monkeypatch):
    """Its checkpoints are a fifth of the size."""
    monkeypatch.setattr(FaceEncoder.__init__, "__defaults__", (64, 8))


@pytest.fixture(scope="module")
def identity():
    return load_face_identity()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("encoder")


@pytest.fixture(scope="module")
def pool(preview, folder):
    render_pool(preview, sampler(), COUNT, 5, folder, minutes=0)
    return render_pool(preview, sampler(), COUNT, 5, folder)


@pytest.fixture(scope="module")
def cache(pool, identity, folder):
    return cache_views(pool, identity, MILD, 6, folder, COUNT)


@pytest.fixture
def encoder(preview, pool):
    torch.manual_seed(0)
    encoder = FaceEncoder(rank=4)
    encoder.w_mean.copy_(preview.w_avg)
    encoder.w_std.copy_((pool.codes - preview.w_avg).square().mean().sqrt())
    return encoder


def test_the_pool_holds_the_pictures_of_its_codes(preview, pool):
    from mcaclip.generators.synthesis import synthesize

    assert len(pool) == COUNT
    with torch.no_grad():
        exact = synthesize(preview, pool.codes[3:4]).image.clamp(-1, 1)
    assert (pool.pictures(np.array([3])) - exact).abs().mean() < 0.01


def test_a_finished_pool_is_not_rendered_again(preview, pool, folder):
    time_before = (folder / f"faces_5_{COUNT}.npy").stat().st_mtime_ns
    render_pool(preview, sampler(), COUNT, 5, folder)
    assert (folder / f"faces_5_{COUNT}.npy").stat().st_mtime_ns == time_before


def test_cached_views_are_those_of_the_degraded_pictures(pool, cache, identity):
    index = np.array([2, 7])
    fresh, kept = view_of(identity, degraded(pool, index, MILD, 6)), cache.batch(index)
    for a, b in zip(fresh, kept, strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().mean() < 0.01 * a.abs().mean() + 0.005


def test_codes_do_not_depend_on_where_a_run_was_stopped(preview, pool, tmp_path, monkeypatch):
    monkeypatch.setattr("train.encoder.pool.DRAWN_AT_ONCE", 5)
    whole = render_pool(preview, sampler(), 7, 5, tmp_path / "whole")
    times = iter(range(0, 1000, 50))
    with monkeypatch.context() as patch:
        patch.setattr("train.common.arrays.time.monotonic", lambda: next(times))
        assert len(render_pool(preview, sampler(), 7, 5, tmp_path / "parts", minutes=2)) < 5
    parts = render_pool(preview, sampler(), 7, 5, tmp_path / "parts")
    assert torch.equal(parts.codes, whole.codes) and np.array_equal(parts.images, whole.images)


def test_faces_rendered_when_the_time_was_up_are_still_there_later(preview, tmp_path, monkeypatch):
    times = iter(range(0, 1000, 50))
    monkeypatch.setattr("train.common.arrays.time.monotonic", lambda: next(times))
    first = render_pool(preview, sampler(), COUNT, 5, tmp_path, minutes=2)
    assert 0 < len(first) < COUNT
    later = render_pool(preview, sampler(), COUNT, 5, tmp_path, minutes=0)
    assert len(later) == len(first) and np.array_equal(later.images, first.images)


def test_the_code_loss_is_nothing_for_the_truth_and_counts_upper_rows_less(encoder):
    base, offsets = torch.randn(2, 512), torch.zeros(2, 11, 512)
    codes = encoder.rows(base, offsets)
    assert float(code_loss(encoder, base, offsets, codes, 1.0)["loss"]) < 1e-9
    lower, upper = codes.clone(), codes.clone()
    lower[:, :12] += encoder.w_std
    upper[:, 12:] += encoder.w_std
    assert float(code_loss(encoder, base, offsets, lower, 1.0)["loss"]) == pytest.approx(1.0, rel=1e-3)
    assert float(code_loss(encoder, base, offsets, upper, 1.0)["loss"]) == pytest.approx(0.25, rel=1e-3)


def test_learning_codes_changes_the_convolutions_only(encoder, pool, cache, tmp_path):
    before = encoder.base[-1].weight.clone()
    learn_codes(encoder, pool.codes, [cache], SETTINGS, tmp_path, 1)
    assert not torch.equal(encoder.base[-1].weight, before)
    assert not encoder.spread.weight.any()


def test_the_linear_path_explains_the_faces_it_was_solved_for(encoder, pool, cache):
    with torch.no_grad():
        encoder.base[-1].weight.zero_()
        encoder.base[-1].bias.zero_()
    # the held-out faces are the first four again
    repeated = ViewCache({name: values[np.arange(COUNT) % 8] for name, values in cache.arrays.items()}, COUNT)
    codes = pool.codes[torch.arange(COUNT) % 8]
    report = fit_linear(encoder, codes, [repeated], held_out=4)
    assert report["blend"] >= report["linear"] > 0.1 and report["share"] > 0.5
    with torch.no_grad():
        base, _ = encoder(repeated.batch(np.arange(8)))
    true = (codes[:8, 0] - encoder.w_mean) / encoder.w_std
    explained = 1 - (base - true).square().sum() / true.square().sum()
    assert float(explained) == pytest.approx(report["blend"], abs=0.15)


def test_a_picture_step_runs_and_improves_nothing_but_the_encoder(encoder, pool, preview, identity, tmp_path):
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    learn_pictures(encoder, pool, preview, identity, replace(SETTINGS, picture_steps=2), tmp_path, 1)
    changed = [name for name, value in encoder.state_dict().items() if not torch.equal(value, before[name])]
    assert "base.1.weight" in changed
    assert not any("running" in name for name in changed)
    assert all(parameter.grad is None for parameter in preview.parameters())


def test_the_whole_training_can_be_stopped_anywhere_and_ends_as_if_it_had_not(preview, identity, tmp_path):
    """What is written at the end loads in the app, and a stopped run gives the same as one in a single go."""
    settings = replace(SETTINGS, faces=6, batch=3, steps=2)
    straight = train_encoder(preview, identity, settings, tmp_path / "straight")
    for name in ("cache_views", "learn_codes", "fit_linear", "learn_pictures", "evaluate_encoder"):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(stages, name, Mock(side_effect=KeyboardInterrupt))
            train_encoder(preview, identity, settings, tmp_path / "stopped")
    resumed = train_encoder(preview, identity, settings, tmp_path / "stopped")
    assert resumed == straight and resumed["pool"] == 6 and resumed["faces"] == 1
    loaded = FaceEncoder.load(tmp_path / "stopped" / "encoder.safetensors")
    with torch.no_grad():
        assert loaded.code(view_of(identity, torch.zeros(1, 3, 256, 256))).shape == (1, 18, 512)


def test_learning_keeps_to_the_faces_that_were_seen_when_it_began(preview, identity, pool, tmp_path):
    settings = replace(SETTINGS, batch=3, seed=5, picture_steps=1)
    seen = cache_views(pool.first(8), identity, MILD, 6, tmp_path, COUNT)
    assert seen.count == 8
    cache_views(pool.first(7), identity, stages.STRONG, 7, tmp_path, COUNT)
    render_pool(preview, sampler(), COUNT, 5, tmp_path)
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "checkpoint.pt").touch()  # something has begun to learn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "learn_codes", lambda *_: None)
        report = train_encoder(preview, identity, settings, tmp_path)
    assert report["pool"] == 7


def test_too_little_time_is_said_in_plain_words(preview, identity, tmp_path):
    with pytest.raises(TrainingError, match=r"only 0 faces .* --max-minutes"):
        train_encoder(preview, identity, SETTINGS, tmp_path, minutes=0)
