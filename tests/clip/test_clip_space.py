from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mcaclip.clip import clip_space
from mcaclip.clip.clip_space import FACECLIP, VIT_B_32, create_model, read_clip
from mcaclip.errors import WeightsError
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.colour import lab_of
from mcaclip.perception.parsing_head import PARSED_LAYERS
from mcaclip.perception.regions import region
from mcaclip.platform.torchvision_guard import ensure_torchvision
from train.common.faces import CodeSampler
from train.common.painting import paint


def test_embeddings_are_unit_vectors_in_one_space(space):
    images = space.encode_image(torch.rand(2, 3, 256, 256) * 2 - 1)
    texts = space.encode_text(["a face", "blue hair"])
    assert images.shape == texts.shape == (2, 512)
    for vectors in (images, texts):
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_pictures_are_normalised_before_they_are_encoded(space):
    seen = []
    handle = space.model.visual.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    space.encode_image(torch.full((1, 3, 256, 256), 0.5))
    handle.remove()
    assert seen[0].shape[-1] == space.image_size
    # 0.5 in [-1, 1] is 0.75 in [0, 1], which mean 0.5 and deviation 0.5 bring to 0.5
    torch.testing.assert_close(seen[0], torch.full_like(seen[0], 0.5), atol=1e-3, rtol=0)


def test_gradients_reach_the_picture(space):
    image = (torch.rand(1, 3, 256, 256) - 0.5).requires_grad_()
    space.encode_image(image).sum().backward()
    assert image.grad.abs().sum() > 0


def test_token_states_end_with_the_text_embedding(space):
    code = space.text_code("green lipstick")
    torch.testing.assert_close(code.embedding, space.encode_text(["green lipstick"]))
    last = int(code.token_mask.sum()) - 1
    state = torch.nn.functional.normalize(code.tokens[:, last], dim=-1)
    torch.testing.assert_close(state, code.embedding)
    assert not code.token_mask[0, last + 1 :].any()


def test_a_file_of_another_layout_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="does not fit FaceCLIP"):
        create_model(FACECLIP, tmp_path / "x.safetensors")


@torch.no_grad()
def test_shipped_model_distinguishes_colours_and_parts(space, preview, parser):
    """Seed 99 is in no training pool."""
    right = []
    codes = CodeSampler(psi=(0.5, 1.0), mix=0.2, jitter=0.2).draw(preview, 3, np.random.default_rng(99))
    pairs = [(p, c) for p in ("lips", "hair", "skin") for c in ("green", "blue", "purple", "red")]
    texts = space.encode_text([f"a face with {c} {p}" for p, c in pairs])
    for code in codes:
        made = synthesize(preview, code[None], keep=PARSED_LAYERS)
        parsed, face = parser.parse(made, 256), made.image[0].clamp(-1, 1)
        painted = [paint(face, region(parsed, part)[0], lab_of(colour), 1.0, 0.7) for part, colour in pairs]
        best = (space.encode_image(torch.stack(painted)) @ texts.T).argmax(1)
        right += (best == torch.arange(len(pairs))).tolist()
    assert np.mean(right) > 0.6


def test_texts_are_those_of_open_clip(space, tmp_path):
    """Its text tower of the same size with the same weights, and its tokenizer as it is usually made."""
    ensure_torchvision()
    import open_clip

    text = {"context_length": 32, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 4}
    picture = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 32}
    config = {"embed_dim": 512, "vision_cfg": picture, "text_cfg": text}
    (tmp_path / "same-text-tower.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    tokens = open_clip.get_tokenizer("same-text-tower")
    other = open_clip.create_model("same-text-tower", precision="fp32").eval()
    own = {name: value for name, value in space.model.state_dict().items() if not name.startswith("visual.")}
    left = other.load_state_dict(own, strict=False)
    assert not left.unexpected_keys and all(name.startswith("visual.") for name in left.missing_keys)
    texts = ["a face with green lipstick", "ROUGE à lèvres’ “x” &amp; 2½ <br>", "緑 💄", "word " * 200, ""]
    assert torch.equal(space.tokenizer(texts), tokens(texts))
    with torch.no_grad():
        wanted = other.encode_text(tokens(texts))
        torch.testing.assert_close(space.model.encode_text(tokens(texts)), wanted)
        torch.testing.assert_close(space.token_features(tokens(texts)), wanted)


@pytest.fixture
def small_clip(monkeypatch):
    """Replaces ViT-B/32, which takes seconds to build."""
    net = torch.nn.Linear(2, 3)
    monkeypatch.setattr(clip_space, "create_model", lambda name: net if name == VIT_B_32 else None)
    return dict(net.state_dict())


def test_published_clip_is_read_from_both_kinds_of_file(small_clip, tmp_path):
    save_file(small_clip, tmp_path / "a.safetensors")
    torch.save(small_clip | {"input_resolution": torch.tensor(224)}, tmp_path / "b.bin")
    torch.save({"state_dict": {name: value.half() for name, value in small_clip.items()}}, tmp_path / "c.pt")
    for name, tolerance in (("a.safetensors", 0), ("b.bin", 0), ("c.pt", 1e-3)):
        read = read_clip(tmp_path / name)
        assert read.keys() == small_clip.keys()
        for key, value in small_clip.items():
            torch.testing.assert_close(read[key], value, atol=tolerance, rtol=0)


def test_other_files_are_no_published_clip(small_clip, tmp_path):
    wrong = [
        {"weight": small_clip["weight"]},
        small_clip | {"extra": torch.zeros(1)},
        small_clip | {"bias": torch.zeros(4)},
        [1, 2],
        {"code": np.float64},
    ]
    for content in wrong:
        torch.save(content, tmp_path / "x.pt")
        with pytest.raises(WeightsError, match=r"x\.pt .* ViT-B-32"):
            read_clip(tmp_path / "x.pt")
    for name in ("x.pt", "x.safetensors"):
        (tmp_path / name).write_bytes(b"cut off")
        with pytest.raises(WeightsError, match="doctor --stack paper"):
            read_clip(tmp_path / name)
