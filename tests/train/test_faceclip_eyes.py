"""The image tower that learns on: what is pooled is kept, texts keep their codes, a few steps teach something."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from mcaclip.text.clip_space import ClipSpace, create_model
from mcaclip.text.face_tower import Look
from mcaclip.text.text_digest import text_digest
from tests.helpers.drawn_faces import drawn_faces
from train.faceclip import FaceCLIPSettings, match_terms
from train.faceclip_eyes import Block, EyesSettings, face_tower, make_blocks, pooled, train_eyes
from train.scenes import SceneSet

SETTINGS = EyesSettings(blocks=2, block=FaceCLIPSettings(groups=2, captions=1, broken=1), steps=30, lr=2e-3)


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    return SceneSet(drawn_faces(4), 192)


@pytest.fixture
def space() -> ClipSpace:
    torch.manual_seed(0)
    return ClipSpace(create_model()).requires_grad_(False).eval()


def test_what_was_pooled_is_what_the_tower_sees(space):
    images = torch.rand(3, 3, 192, 192, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        seen, judged = space.image_features(images), face_tower(space).judge(pooled(space, images))
    assert torch.cosine_similarity(seen, judged).min() > 0.999, "but for the parser's half precision"


def test_blocks_are_painted_once_and_kept(space, scenes, tmp_path):
    groups = [np.arange(4)]
    paths = make_blocks(space, scenes, groups, SETTINGS, tmp_path)
    block, before = Block.load(paths[0]), [path.stat().st_mtime_ns for path in paths]
    assert len(block.look.found) == len(block.fits) == 9 and block.fits.shape[1] == len(block.captions)
    for picture, true, false in block.pairs.tolist():
        assert block.fits[picture, true] == 1 and block.fits[picture, false] == -1
    assert make_blocks(space, scenes, groups, SETTINGS, tmp_path) == paths
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert make_blocks(space, scenes, groups, SETTINGS, tmp_path / "no_time", max_minutes=-1) == []


def test_the_tower_learns_and_texts_keep_their_codes(space, scenes, tmp_path):
    paths = make_blocks(space, scenes, [np.arange(4)], SETTINGS, tmp_path / "blocks")
    codes, tower = space.encode_text(["green lips", "a face"]), face_tower(space)
    parser = {name: tensor.clone() for name, tensor in tower.parser.state_dict().items()}
    block = Block.load(paths[0])

    def right() -> float:
        with torch.no_grad():
            raw, said = tower.judge(pooled_of(block)), space.text_features(block.captions)
        return float(match_terms(raw, said, space.model.logit_scale, block.fits, block.pairs)["contrast"])

    before = right()
    train_eyes(space, paths, SETTINGS, tmp_path)
    assert right() < 0.9 * before
    assert torch.equal(space.encode_text(["green lips", "a face"]), codes)
    assert all(torch.equal(tensor, parser[name]) for name, tensor in tower.parser.state_dict().items())
    assert (tmp_path / "model.safetensors").exists()


def pooled_of(block: Block) -> Look:
    return Look(block.look.found.float(), block.look.whole.float())


def test_too_few_blocks_are_refused(space, tmp_path):
    with pytest.raises(TrainingError, match="allow more --max-minutes"):
        train_eyes(space, [], SETTINGS, tmp_path)


def test_the_digest_of_a_text_tower_knows_nothing_of_pictures(space, tmp_path):
    from safetensors.torch import save_file

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
