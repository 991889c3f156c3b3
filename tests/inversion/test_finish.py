from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.preview import TOP_LAYER
from mcaclip.generators.synthesis import synthesize
from mcaclip.generators.upper_window import upper_picture
from mcaclip.inversion.finish import FIRST_ROW, MARGIN, FinishSettings, finish_upper_rows
from mcaclip.inversion.fitted import Fitted
from mcaclip.inversion.report import Report
from mcaclip.types import StopEarly

SILENT = Report(None, 0.0, 1.0)


@pytest.fixture(scope="module")
def code(preview):
    return broadcast_w(truncate(preview.mapping(seeded_z(1, 903)), preview.w_avg, 0.7))[0]


@pytest.fixture(scope="module")
def full_picture(preview, code):
    with torch.no_grad():
        return synthesize(preview.full, code[None]).image


@torch.no_grad()
def test_a_window_is_a_part_of_the_full_picture(preview, code, full_picture):
    features = synthesize(preview, code[None], keep=(TOP_LAYER,)).features[TOP_LAYER]
    window = upper_picture(preview.full, features[:, :, 40:52, 52:64], code[None], (40, 52))
    part = full_picture[:, :, 320 : 320 + 96, 416 : 416 + 96]
    inner = slice(8 * MARGIN, -8 * MARGIN)
    assert window.shape == part.shape
    assert torch.allclose(window[:, :, inner, inner], part[:, :, inner, inner], atol=1e-3)


@torch.no_grad()
def _colour(preview, code) -> torch.Tensor:
    return F.avg_pool2d(synthesize(preview.full, code[None]).image, 64)[0]


def test_a_colour_cast_of_the_photo_arrives_and_lower_rows_stay(preview, code, full_picture):
    tinted = (full_picture[0] + torch.tensor([0.15, 0.0, -0.15])[:, None, None]).clamp(-1, 1)
    found = finish_upper_rows(preview, tinted, Fitted(code), FinishSettings(steps=10), SILENT)
    wanted = F.avg_pool2d(tinted, 64)
    before = (_colour(preview, code) - wanted).abs().mean()
    after = (_colour(preview, found) - wanted).abs().mean()
    assert after < 0.75 * before
    assert torch.equal(found[:FIRST_ROW], code[:FIRST_ROW]) and torch.equal(found[16:], code[16:])


def test_stopping_ends_early_with_a_usable_code(preview, code, full_picture):
    calls = []

    def stop(progress) -> None:
        calls.append(progress)
        raise StopEarly

    settings = FinishSettings(steps=5, windows=1)
    found = finish_upper_rows(preview, full_picture[0], Fitted(code), settings, Report(stop, 0.5, 1.0))
    assert len(calls) == 1 and 0.5 < calls[0].fraction < 1.0
    assert torch.isfinite(found).all()
