"""CLIP-NCE and the mask terms against the published code's numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mcaclip.methods import losses
from tests.golden.reference import Golden


@pytest.fixture(scope="module")
def coral(golden: Golden) -> dict[str, Tensor]:
    return golden.arrays("coral")


@pytest.fixture(scope="module")
def golden_nce(golden: Golden) -> dict[str, Tensor]:
    return golden.arrays("clip_nce")


def nce_arguments(golden: dict[str, Tensor], batch: int) -> tuple[Tensor, ...]:
    return (
        golden["edited_image_features"][:batch],
        golden["source_image_features"][:batch],
        golden["source_text_features"],
        golden["target_text_features"],
    )


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("negatives", "label"), [("own", "own_negatives"), ("first", "upstream")])
def test_clip_nce_golden(golden_nce, batch, negatives, label):
    arguments = nce_arguments(golden_nce, batch)
    text, image = losses.clip_nce_per_query(*arguments, negatives=negatives)
    loss = losses.clip_nce(*arguments, negatives=negatives)
    for value, name in [(loss, "loss"), (text.mean(), "text_positive"), (image.mean(), "image_positive")]:
        torch.testing.assert_close(value, golden_nce[f"b{batch}_{name}_{label}"], atol=2e-5, rtol=0)
    if negatives == "own":
        torch.testing.assert_close(text, golden_nce[f"b{batch}_per_query_text_own"], atol=2e-5, rtol=0)
        torch.testing.assert_close(image, golden_nce[f"b{batch}_per_query_image_own"], atol=2e-5, rtol=0)


def test_clip_nce_golden_gradient(golden_nce):
    edited, *rest = nce_arguments(golden_nce, 2)
    edited = edited.clone().requires_grad_()
    losses.clip_nce(edited, *rest).backward()
    expected = golden_nce["b2_grad_edited_features_own_negatives"]
    torch.testing.assert_close(edited.grad, expected, atol=1e-5, rtol=0)


def test_mask_area_and_tv_golden(coral):
    masks = [coral[f"mask_{layer}"] for layer in range(4)]
    expected = {"area": losses.mask_area(masks), "tv": losses.mask_tv(masks)}
    for name, value in expected.items():
        torch.testing.assert_close(value, coral[f"{name}_batch_mean"].to(value.dtype), atol=1e-5, rtol=1e-5)
    for sample in range(2):
        one = [mask[sample : sample + 1] for mask in masks]
        area, tv = losses.mask_area(one), losses.mask_tv(one)
        torch.testing.assert_close(area, coral["area_per_sample"][sample].float(), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(tv, coral["tv_per_sample"][sample].float(), atol=1e-5, rtol=1e-5)
