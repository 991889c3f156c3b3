from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from mcaclip import weights
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.residual import of_face, residual_layer
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.encoder import FaceEncoder
from mcaclip.inversion.finish import FinishSettings
from mcaclip.inversion.fitted import Fitted
from mcaclip.inversion.likeness import Likeness
from mcaclip.inversion.optimise import EFFORTS, REFINE, invert
from mcaclip.inversion.prior import LatentPrior
from mcaclip.inversion.residual_fit import ResidualSettings, channel_spread
from mcaclip.inversion.start import EncoderStart
from mcaclip.loading import load_face_identity
from mcaclip.types import StopEarly

QUICK = replace(EFFORTS["good"], steps=4, residual=ResidualSettings(steps=0), finish=FinishSettings(steps=0))
RESIDUAL = replace(QUICK, steps=0, residual=ResidualSettings(steps=5))


@pytest.fixture(scope="module")
def parts(preview):
    identity = load_face_identity()
    return identity, EncoderStart(preview, identity, FaceEncoder.load(weights.get("encoder")))


@pytest.fixture(scope="module")
def find(preview):
    """`invert` with what every call would otherwise measure anew."""
    return partial(invert, preview, prior=LatentPrior.of(preview), spread=channel_spread(preview))


@pytest.fixture(scope="module")
def face(preview):
    w = truncate(preview.mapping(seeded_z(1, 900)), preview.w_avg, 0.7)
    with torch.no_grad():
        return synthesize(preview, broadcast_w(w)).image[0].clamp(-1, 1)


def error(preview, code, face) -> float:
    with torch.no_grad():
        return float((synthesize(preview, code[None]).image[0] - face).square().mean())


def distance(preview, identity, code, face) -> float:
    likeness = Likeness.of(face[None], identity)
    with torch.no_grad():
        return float(likeness.total(likeness.parts(synthesize(preview, code[None]).image, identity), QUICK.likeness))


def test_steps_come_closer_than_the_encoder_and_report_it(preview, find, parts, face):
    frames = []
    code = find(*parts, face, QUICK, frames.append).code
    start = find(*parts, face, EFFORTS["instant"]).code
    assert code.shape == (18, 512) and torch.isfinite(code).all() and not code.requires_grad
    assert distance(preview, parts[0], code, face) < distance(preview, parts[0], start, face)
    assert frames[-1].fraction == 1.0 and frames[-1].image.shape == (3, 256, 256)
    assert [f.fraction for f in frames] == sorted(f.fraction for f in frames)


def test_a_prior_that_is_given_is_the_one_used(preview, parts, face):
    settings = replace(QUICK, steps=2, prior=1.0)
    fresh, own = (invert(preview, *parts, face, settings, None, p).code for p in (None, LatentPrior.of(preview)))
    assert torch.equal(fresh, own)
    far = replace(LatentPrior.of(preview), mean=torch.full((512,), 9.0))
    assert not torch.equal(invert(preview, *parts, face, settings, None, far).code, own)


def test_instant_is_the_encoder_alone(find, parts, face):
    frames = []
    found = find(*parts, face, EFFORTS["instant"], frames.append)
    assert torch.equal(found.code, parts[1](face)) and found.residual is None
    assert [frame.fraction for frame in frames] == [1.0]


def test_a_stronger_prior_keeps_the_code_more_natural(preview, find, parts, face):
    prior = LatentPrior.of(preview)
    odd = face.flip(0)  # red and blue swapped: no natural face
    free = find(*parts, odd, replace(QUICK, prior=0.0, offset=0.0)).code
    held = find(*parts, odd, replace(QUICK, prior=1.0, offset=1.0)).code
    assert prior.distance(held[:13]) < prior.distance(free[:13])


def test_another_error_of_the_callback_cancels(find, parts, face):
    class LeaveError(Exception):
        pass

    def leave(_) -> None:
        raise LeaveError

    with pytest.raises(LeaveError):
        find(*parts, face, QUICK, leave)


def test_stopping_keeps_the_best_so_far(preview, find, parts, face):
    seen = []

    def stop(progress) -> None:
        seen.append(progress.fraction)
        if len(seen) == 2:
            raise StopEarly

    code = find(*parts, face, replace(QUICK, steps=8, live_every=2, finish=FinishSettings(steps=3)), stop).code
    assert len(seen) == 2 and max(seen) < 0.5
    assert error(preview, code, face) < error(preview, broadcast_w(preview.w_avg[None])[0], face)


def test_a_residual_says_what_no_code_can_and_leaves_the_lower_rows(preview, find, parts, face):
    covered = face.clone()
    covered[:, 150:230, 60:110] = torch.tensor([0.9, -0.9, 0.9])[:, None, None]  # a thing before the cheek
    start = find(*parts, covered, QUICK)
    without = find(parts[0], lambda _: start.code, covered, replace(QUICK, steps=5))
    found = find(parts[0], lambda _: start.code, covered, RESIDUAL)
    layer = residual_layer(preview)
    assert found.residual.layer == layer and preview.layers[layer].size == 32
    rows = 1 + max(preview.layers[layer].rows)
    assert torch.equal(found.code[:rows], start.code[:rows]) and not torch.equal(found.code, start.code)
    own = of_face(preview, found.residual)
    assert error(own, found.code, covered) < 0.8 * error(preview, without.code, covered)


def test_stopping_in_the_residual_skips_the_last_stage(preview, parts, face):
    def stop(progress) -> None:
        raise StopEarly

    found = invert(preview, *parts, face, replace(RESIDUAL, finish=FinishSettings(steps=3)), stop)
    assert torch.equal(found.code, parts[1](face)) and not found.residual.features.any()


def test_refining_starts_where_the_inversion_ended(preview, find, parts, face):
    first = find(*parts, face, replace(RESIDUAL, steps=2, residual=ResidualSettings(steps=3)))
    quick = replace(REFINE, finish=FinishSettings(steps=0))

    def further(steps: int) -> Fitted:
        settings = replace(quick, steps=steps, residual=ResidualSettings(steps=steps))
        return find(parts[0], lambda _: first.code, face, settings, residual=first.residual)

    same = further(1)
    torch.testing.assert_close(same.code, first.code, atol=1e-4, rtol=0)
    torch.testing.assert_close(same.residual.features, first.residual.features, atol=1e-4, rtol=0)
    longer = further(4)
    before, after = (of_face(preview, found.residual) for found in (first, longer))
    assert distance(after, parts[0], longer.code, face) < distance(before, parts[0], first.code, face)
