"""A published CLIP in FaceCLIP's slot: a small one of its kind, and once the real ViT-B/32 with random weights.

The full one takes 1.2 GB of disk and a minute: it runs where MCACLIP_FULL_SIZE=1 is set.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mcaclip import loading as stacks
from mcaclip import weights
from mcaclip.__main__ import main
from mcaclip.clip import clip_space
from mcaclip.clip.clip_space import FACECLIP, VIT_B_32, ClipSpace, create_model, read_clip
from mcaclip.config import choose
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.platform.torchvision_guard import ensure_torchvision
from mcaclip.types import from_uint8
from mcaclip.weights.store import Record, WeightFolders
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToyIdentity, ToyParser
from train.common.faces import CodeSampler
from train.common.setup import load_identity
from train.extras.stand_in import REMARK, make_stand_ins
from train.prompt.objective import PromptObjective
from train.prompt.presets import COMPACT_PRESET, PAPER_PRESET

SMALL = "SmallCLIP"
full_size = pytest.mark.skipif(
    os.environ.get("MCACLIP_FULL_SIZE") != "1", reason="needs MCACLIP_FULL_SIZE=1: 1.2 GB of disk and a minute"
)
CONFIG = {
    "embed_dim": 512,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 224, "layers": 1, "width": 64, "patch_size": 32},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def weight_file(tmp_path_factory) -> Path:
    """Random weights of a small CLIP that open_clip has learned to make."""
    ensure_torchvision()
    import open_clip

    folder = tmp_path_factory.mktemp("config")
    (folder / f"{SMALL}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    save_file(dict(create_model(SMALL).state_dict()), folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.fixture(scope="module")
def small(weight_file) -> ClipSpace:
    return ClipSpace.load(weight_file, SMALL)


def test_a_published_space_hears_what_the_published_code_says(small):
    shown, own = small.presentation, ClipSpace(create_model()).presentation
    assert len(shown.templates) == len(shown.neutral) == len(set(shown.templates)) == 79
    assert shown.texts("green lipstick")[0] == "a bad photo of a green lipstick."
    assert shown.neutral[-1] == "a tattoo of the face." and "a photo of many face." not in shown.neutral
    assert (shown.surroundings, own.surroundings) == ("zeros", "reflection")
    assert "a photo of a face with green lipstick" in own.texts("green lipstick") and len(own.neutral) == 8


def test_clip_nce_of_a_published_space_has_79_negatives(small, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "train.prompt.objective.losses.clip_nce", lambda *inputs: seen.append(inputs) or inputs[0].sum()
    )
    settings = replace(PAPER_PRESET, network=TINY, views=8)
    objective = PromptObjective(ToyGenerator(), small, ToyIdentity(), ToyParser(), ["green lipstick"], settings)
    rng = np.random.default_rng(0)
    codes = settings.sampler.draw(objective.generator, 2, rng)
    objective(MCANetwork(ToyGenerator.layers, TINY), codes, objective.targets * 2, rng)
    (edited, source, neutral, texts, negatives), _ = seen
    assert (edited.shape, source.shape, negatives) == ((8, 512), (1, 512), None)
    assert torch.equal(neutral, small.encode_text(small.presentation.neutral)) and len(neutral) == len(texts) == 79


def photo(side: int) -> np.ndarray:
    """Smooth colours with some detail, `uint8 [S, S, 3]`."""
    y, x = np.mgrid[:side, :side] / side
    waves = np.stack([np.sin(9 * x) * y, np.cos(7 * y + 2 * x), np.sin(30 * x * y)], 2)
    return np.uint8(127.5 + 120 * waves)


def seen_by_model(space: ClipSpace, picture: torch.Tensor) -> torch.Tensor:
    """What reaches the image tower."""
    seen = []
    handle = space.model.visual.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    space.encode_image(picture)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize(("side", "tolerance"), [(224, 1e-5), (256, 0.05), (1024, 0.05)])
def test_pictures_are_prepared_as_open_clip_does(small, side, tolerance):
    """Equal without resizing; resized, Pillow rounds to whole numbers (a step is about 0.015 after scaling)."""
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, image_transform

    transform = image_transform(224, is_train=False, mean=OPENAI_DATASET_MEAN, std=OPENAI_DATASET_STD)
    wanted = transform(Image.fromarray(photo(side)))
    found = seen_by_model(small, from_uint8(photo(side))[None])[0]
    torch.testing.assert_close(found, wanted, atol=tolerance, rtol=0)


def test_texts_are_encoded_as_open_clip_does(small):
    from open_clip import get_tokenizer

    texts = ["green lipstick", "a face", "緑 💄", "word " * 200]
    wanted = small.model.encode_text(get_tokenizer(SMALL)(texts), normalize=True)
    torch.testing.assert_close(small.encode_text(texts), wanted)
    torch.testing.assert_close(small.text_code(texts[0]).embedding, wanted[:1])


def test_loading_is_strict(weight_file, small, tmp_path):
    state = small.model.state_dict()
    first = next(iter(state))
    for wrong in (
        {name: value for name, value in state.items() if name != first},
        state | {"more": torch.zeros(1)},
        state | {first: torch.zeros(3)},
    ):
        save_file({name: value.clone() for name, value in wrong.items()}, tmp_path / "wrong.safetensors")
        with pytest.raises(WeightsError, match=rf"wrong\.safetensors does not fit {SMALL}"):
            ClipSpace.load(tmp_path / "wrong.safetensors", SMALL)
    (tmp_path / "cut.safetensors").write_bytes(weight_file.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match=r"cut\.safetensors does not fit"):
        ClipSpace.load(tmp_path / "cut.safetensors", SMALL)


def training_step(space: ClipSpace, preview, parser) -> tuple[float, float]:
    """The contrastive loss of one step of `train prompt`, and the sum of the gradients that it gave the network."""
    settings = replace(COMPACT_PRESET, views=1, batch=1, hard_negatives=False)
    objective = PromptObjective(preview, space, load_identity(), parser, ["green lipstick"], settings)
    network = MCANetwork(preview.full.layers, COMPACT_PRESET.network)
    codes = CodeSampler(psi=(0.7, 0.7), mix=0, jitter=0).draw(preview, 1, np.random.default_rng(0))
    terms = objective(network, codes, objective.targets, np.random.default_rng(0))
    terms["nce"].backward()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    torch.optim.Adam(network.parameters(), 1e-3).step()
    pairs = zip(before, network.parameters(), strict=True)
    assert any(not torch.equal(old, new) for old, new in pairs), "the step moves the network"
    assert all(parameter.grad is None for parameter in space.parameters()), "the space stays as it is"
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return float(terms["nce"].detach()), sum(float(gradient.abs().sum()) for gradient in gradients)


def test_gradients_reach_the_picture_and_train_an_edit(small, preview, parser):
    picture = from_uint8(photo(256))[None].requires_grad_()
    (small.encode_image(picture) @ small.encode_text(["green lipstick"]).T).sum().backward()
    assert picture.grad.isfinite().all() and picture.grad.abs().sum() > 0
    loss, gradient = training_step(small, preview, parser)
    assert np.isfinite(loss) and 0 < gradient < float("inf")


def test_damaged_files_are_refused_by_name_and_hash(repo_root, tmp_path, monkeypatch):
    """A truncated FaceCLIP in the user's folder, and a truncated stand-in of ViT-B/32."""
    shipped = repo_root / "assets" / "faceclip" / "model.safetensors"
    (tmp_path / "faceclip").mkdir()
    (tmp_path / "faceclip" / "model.safetensors").write_bytes(shipped.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"faceclip.model\.safetensors .*sha256 is [0-9a-f]{64}, exp"):
        weights.get("faceclip", folders=WeightFolders(tmp_path, tmp_path / "cache"))
    (tmp_path / "clip").mkdir()
    path = tmp_path / "clip" / "clip_vit_b32.safetensors"
    save_file({"a": torch.zeros(9)}, path)
    Record(sha256_of(path), 1, "", remark=REMARK).save_beside(path)
    path.write_bytes(path.read_bytes()[:-4])
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "clip"))
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(WeightsError, match=r"clip_vit_b32\.safetensors .*sha256 is [0-9a-f]{64}, expected"):
        stacks.load_space(choose(clip=VIT_B_32), "cpu")


def test_openais_own_program_is_read_under_its_own_name_only(tmp_path, monkeypatch):
    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(3, 4))

        def forward(self, x):
            return x @ self.weight

    model = Small()
    monkeypatch.setattr(clip_space, "create_model", lambda name: model)
    program = torch.jit.trace(model.half(), torch.zeros(1, 3).half())
    torch.jit.save(program, tmp_path / "ViT-B-32.pt")
    assert torch.equal(read_clip(tmp_path / "ViT-B-32.pt")["weight"], model.weight.float())
    (tmp_path / "ViT-B-32.pt").rename(tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(WeightsError, match="no checkpoint of ViT-B-32"):
        read_clip(tmp_path / "open_clip_pytorch_model.bin")


@full_size
@pytest.mark.timeout(1200)
def test_a_file_of_another_layout_is_refused_on_the_command_line(tmp_path, monkeypatch, capsys):
    save_file({"a": torch.zeros(1)}, tmp_path / "open_clip_model.safetensors")
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    assert main(_score(tmp_path)) == 2
    said = capsys.readouterr().err.splitlines()
    assert "open_clip_model.safetensors" in said[-1] and VIT_B_32 in said[-1]
    assert not (tmp_path / "out.json").exists()


def _score(folder: Path) -> list[str]:
    Image.fromarray(photo(256)).save(folder / "face.png")
    (folder / "texts.txt").write_text("green lipstick\npurple spaceship\n緑\n")
    asked = ["--texts", str(folder / "texts.txt"), "--clip", VIT_B_32, "--json", str(folder / "out.json")]
    return ["score", str(folder / "face.png"), *asked]


@full_size
@pytest.mark.timeout(1200)
def test_vit_b_32_itself_loads_scores_and_trains(tmp_path, monkeypatch, preview, parser):
    make_stand_ins(tmp_path / "clip", ["clip_vit_b32"])
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "clip"))
    assert main(_score(tmp_path)) == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["known"] == [1.0, 1.0, 0.0] and np.isfinite(found["similarity"]).all()
    space = stacks.load_space(choose(clip=VIT_B_32), "cpu")
    assert space.image_size == 224 and space.name != FACECLIP
    with torch.no_grad():
        own = space.encode_image(from_uint8(photo(256))[None]) @ space.encode_text(["green lipstick"]).T
    assert float(own) == pytest.approx(found["similarity"][0][0], abs=1e-5)
    loss, gradient = training_step(space, preview, parser)
    assert np.isfinite(loss) and gradient > 0
