from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip import weights
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.optimise import EFFORTS, REFINE, invert
from mcaclip.inversion.start import LinearStart
from mcaclip.perception.identity import FaceIdentity
from mcaclip.types import StopEarly


@pytest.fixture(scope="module")
def parts():
    return FaceIdentity.load(), LinearStart.load(weights.get("inversion_start")).code


@pytest.fixture(scope="module")
def face(preview):
    w = truncate(preview.mapping(seeded_z(1, 900)), preview.w_avg, 0.7)
    return synthesize(preview, broadcast_w(w)).image[0].clamp(-1, 1)


def test_a_generated_face_is_found_again(preview, parts, face):
    frames = []
    settings = replace(EFFORTS["good"], steps=20)
    code = invert(preview, *parts, face, settings, frames.append)
    found = synthesize(preview, code[None]).image[0]
    average = synthesize(preview, broadcast_w(preview.w_avg[None])).image[0]
    assert code.shape == (18, 512)
    assert (found - face).square().mean() < 0.4 * (average - face).square().mean()
    assert parts[0].similarity(found[None], face[None]) > 0.5
    assert frames[-1].fraction == 1.0 and frames[-1].image.shape == (3, 256, 256)
    assert [f.fraction for f in frames] == sorted(f.fraction for f in frames)


def test_the_start_beats_the_average_face(preview, parts, face):
    w = truncate(preview.mapping(seeded_z(1, 900)), preview.w_avg, 0.7)
    guess = parts[1](face)[:1]
    assert (guess - w).square().sum() < (preview.w_avg - w).square().sum()


def test_a_callback_may_cancel(preview, parts, face):
    class StopError(Exception):
        pass

    def stop(_) -> None:
        raise StopError

    with pytest.raises(StopError):
        invert(preview, *parts, face, EFFORTS["good"], stop)


def test_code_needs_no_gradient(preview, parts, face):
    code = invert(preview, *parts, face, replace(EFFORTS["good"], steps=2))
    assert not code.requires_grad and torch.isfinite(code).all()


def test_stop_keeps_the_best_so_far(preview, parts, face):
    def stop(progress) -> None:
        if progress.fraction > 0.05:
            raise StopEarly

    code = invert(preview, *parts, face, replace(EFFORTS["good"], live_every=2), stop)
    found = synthesize(preview, code[None]).image[0]
    guess = synthesize(preview, parts[1](face)[None]).image[0]
    assert (found - face).abs().mean() <= (guess - face).abs().mean()


def test_refining_starts_where_the_inversion_ended(preview, parts, face):
    first = invert(preview, *parts, face, replace(EFFORTS["good"], steps=6))
    same = invert(preview, parts[0], lambda _: first, face, replace(REFINE, steps=1))
    torch.testing.assert_close(same, first)
    further = invert(preview, parts[0], lambda _: first, face, replace(REFINE, steps=12))
    errors = [(synthesize(preview, code[None]).image[0] - face).abs().mean() for code in (first, further)]
    assert errors[1] < errors[0]
