"""The digest of a text tower."""

from __future__ import annotations

import torch
from safetensors.torch import save_file

from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.clip.text_digest import text_digest


def test_it_ignores_the_image_tower(tmp_path):
    torch.manual_seed(0)
    space = ClipSpace(create_model())
    state = {name: tensor.contiguous() for name, tensor in space.model.state_dict().items()}
    save_file(state, tmp_path / "one.safetensors")
    other_eyes = {n: t + 1 if n.startswith("visual.") and t.is_floating_point() else t for n, t in state.items()}
    save_file(other_eyes, tmp_path / "other_eyes.safetensors")
    save_file({**state, "ln_final.bias": state["ln_final.bias"] + 1}, tmp_path / "other_words.safetensors")
    (tmp_path / "archive.pt").write_bytes(b"no safetensors")
    one, eyes, words, archive = (
        text_digest(tmp_path / name)
        for name in ("one.safetensors", "other_eyes.safetensors", "other_words.safetensors", "archive.pt")
    )
    assert one == eyes and len({one, words, archive}) == 3
