"""ArcFace and ParseNet against the published classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from mcaclip.nn.published import module_layout
from mcaclip.perception.arcface import ArcFaceIdentity, read_ir_se50
from mcaclip.perception.parsenet import ParseNet, read_parsenet
from tests.golden.reference import Golden, float32, inputs, repeat_pixels
from tests.helpers.fill import filled_state_dict


def converted(folder: Path, state: dict[str, Tensor], read: Callable[[Path], dict[str, Tensor]]) -> Path:
    """A file of the published form, converted."""
    torch.save(state, folder / "published.pth")
    save_file(read(folder / "published.pth"), folder / "converted.safetensors")
    return folder / "converted.safetensors"


@pytest.fixture(scope="module")
def arcface(golden: Golden, tmp_path_factory) -> ArcFaceIdentity:
    state = filled_state_dict(golden.layout("ir_se50_layout"))
    return ArcFaceIdentity.load(converted(tmp_path_factory.mktemp("arcface"), state, read_ir_se50))


@pytest.fixture(scope="module")
def parsenet(golden: Golden, tmp_path_factory) -> ParseNet:
    state = filled_state_dict(golden.layout("parsenet_layout"))
    return ParseNet.load(converted(tmp_path_factory.mktemp("parsenet"), state, read_parsenet))


@pytest.mark.parametrize(("build", "name"), [(ArcFaceIdentity, "ir_se50_layout"), (ParseNet, "parsenet_layout")])
def test_keys_and_shapes_are_the_published_ones(golden: Golden, build, name):
    with torch.device("meta"):
        own = module_layout(build())
    assert own == {key: tuple(entry["shape"]) for key, entry in golden.layout(name).items()}


def test_arcface_feature(golden: Golden, arcface):
    crop = float32(inputs(3).uniform(-1, 1, (1, 3, 112, 112)))
    golden.check("ir_se50", "input_first_row", crop[0, :, 0], 0)
    last = arcface.features(crop)[-1]
    golden.check("ir_se50", "body_mean", last[0].mean((1, 2)), 1e-4)
    golden.check("ir_se50", "body_std", last[0].std((1, 2), unbiased=False), 1e-4)
    golden.check("ir_se50", "feature", F.normalize(arcface(crop), dim=1)[0], 2e-6)


def test_arcface_crop_and_identity_loss(golden: Golden, arcface):
    a, b = float32(inputs(31).uniform(-1, 1, (2, 3, 32, 32)))
    blocks = torch.stack([a, 0.7 * a + 0.3 * b])
    golden.check("ir_se50", "image_blocks_32", blocks, 1e-6)
    source, edited = repeat_pixels(blocks, 32).split(1)
    golden.check("ir_se50", "crop_112_source", arcface.crop(source)[0], 1e-3)
    golden.check("ir_se50", "feature_source", arcface.embed(source)[0], 2e-6)
    golden.check("ir_se50", "feature_edited", arcface.embed(edited)[0], 2e-6)
    golden.check("ir_se50", "id_loss", (1 - arcface.similarity(edited, source))[0], 1e-5)


@pytest.fixture(scope="module")
def parsed(golden: Golden, parsenet) -> Iterator[tuple[Tensor, Tensor, dict[str, Tensor]]]:
    blocks = float32(inputs(4).uniform(-1, 1, (1, 3, 64, 64)))
    golden.check("parsenet", "input_blocks_64", blocks, 0)
    stages: dict[str, Tensor] = {}

    def keep(name):
        return lambda module, args, output: stages.__setitem__(name, output)

    hooks = [getattr(parsenet, n).register_forward_hook(keep(n)) for n in ("encoder", "body", "decoder")]
    yield (*parsenet(repeat_pixels(blocks, 8)), stages)
    for hook in hooks:
        hook.remove()


def test_parsenet_logits(golden: Golden, parsed):
    logits = parsed[0]
    golden.check("parsenet", "logits_16", F.avg_pool2d(logits, 32)[0], 5e-4)
    golden.check("parsenet", "logits_corner_8", logits[0, :, :8, :8], 5e-4)
    golden.check("parsenet", "logits_mean", logits[0].mean((1, 2)), 5e-4)
    golden.check("parsenet", "logits_std", logits[0].std((1, 2), unbiased=False), 5e-4)


def test_parsenet_labels(golden: Golden, parsed):
    picked = parsed[0][0, :, 4::8, 4::8]
    best = picked.topk(2, dim=0).values
    golden.check("parsenet", "margin_64", best[0] - best[1], 1e-3)
    golden.check("parsenet", "argmax_64", picked.argmax(0), 0)


def test_parsenet_stages_and_picture(golden: Golden, parsed):
    _, picture, stages = parsed
    golden.check("parsenet", "out_image_16", F.avg_pool2d(picture, 32)[0], 5e-4)
    stats = [[stages[n].mean(), stages[n].std(unbiased=False)] for n in ("encoder", "body", "decoder")]
    golden.check("parsenet", "stage_stats", torch.tensor(stats), 5e-4)
