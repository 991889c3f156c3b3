"""FaceCLIP on pooled pictures: what is pooled is kept with what it shows, and a few steps teach both towers."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.errors import TrainingError
from train.clip.captions.batch import write_captions
from train.clip.feature_cache import CachedBatch, face_tower, make_attacked, make_blocks, pool_pictures
from train.clip.negatives import Attack, Example, no_faces
from train.clip.scenes.scenes import SceneSet
from train.clip.scenes.types import Caption, Claim, PartColour, agreement, read_captions, read_scenes, to_json
from train.clip.train import FaceCLIPSettings, caption_features
from train.clip.train_cached import Lessons, PooledSettings, PooledTrainee, train_pooled

BLOCK = FaceCLIPSettings(groups=2, broken=1)
SETTINGS = PooledSettings(blocks=2, block=BLOCK, unseen=1, steps=60, lr=2e-3)
KNOWN = torch.arange(49408) < 40000
EVERY_FACE = [np.arange(4)]


@pytest.fixture
def space() -> ClipSpace:
    return new_space()


@pytest.fixture(scope="module")
def blocks(scenes, tmp_path_factory) -> list[Path]:
    """Two blocks that a space like `space` has painted."""
    return make_blocks(new_space(), scenes, EVERY_FACE, BLOCK, 2, tmp_path_factory.mktemp("blocks"))


def new_space() -> ClipSpace:
    torch.manual_seed(0)
    return ClipSpace(create_model()).requires_grad_(False).eval()


def test_scenes_and_captions_come_back_from_json(scenes):
    drawn = scenes.draw(0, np.random.default_rng(0))
    assert read_scenes(to_json(drawn)) == drawn
    said = [Caption("green lips", (Claim(paint=PartColour("lips", "green", "neon")), Claim(state="old", sign=-1))),
            Caption("no face", (Claim(no_face=True),))]  # fmt: skip
    assert read_captions(to_json(said)) == said


def test_pooled_features_are_encoded_like_pictures(space):
    images = torch.rand(3, 3, 192, 192, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        whole, pooled = space.image_features(images), face_tower(space).encode_pooled(pool_pictures(space, images))
    assert torch.cosine_similarity(whole, pooled).min() > 0.999, "but for the parser's half precision"


def test_blocks_are_painted_once_and_kept_with_what_they_show(space, scenes, blocks, tmp_path):
    block, before = CachedBatch.load(blocks[0]), [path.stat().st_mtime_ns for path in blocks]
    assert len(block.features.found) == 9 == len(block.drawn) + len(block.others)
    assert [said.claims[0].no_face for said in block.asked] == [True]
    assert make_blocks(space, scenes, EVERY_FACE, BLOCK, 2, blocks[0].parent) == blocks
    assert [path.stat().st_mtime_ns for path in blocks] == before
    assert make_blocks(space, scenes, EVERY_FACE, BLOCK, 2, tmp_path / "no_time", max_minutes=-1) == []


def test_other_pictures_are_compared_with_the_caption_they_are_asked_about(scenes):
    drawn = scenes.draw(0, np.random.default_rng(0))
    broken = [(scene, said) for _, scene, said in no_faces(scenes, np.arange(4), 2, np.random.default_rng(1))]
    batch = write_captions(drawn, 1, np.random.default_rng(2), broken)
    assert batch.fits.shape == (len(drawn) + 2, len(batch.captions))
    assert batch.captions[-2:] == [said.text for _, said in broken]
    assert (batch.fits[-2:, -2:] == 1).all() and (batch.fits[:-2, -2:] == -1).all()
    assert len(batch.scene_facts.painted) == len(drawn)


def test_captions_read_by_length_are_what_the_space_reads(space):
    texts = ["a face", "a man with bright green hair, a pink beard and no hat", "green lips"]
    torch.testing.assert_close(caption_features(space, texts), space.text_features(texts), atol=1e-5, rtol=1e-4)


def test_both_towers_learn_and_the_pooling_stays(space, blocks, tmp_path):
    before, block = copy.deepcopy(space.state_dict()), CachedBatch.load(blocks[0])
    others = list(zip(block.others, block.asked, strict=True))
    captions = write_captions(block.drawn, 1, np.random.default_rng(3), others)

    def contrast() -> float:
        with torch.no_grad():
            terms = PooledTrainee(space, KNOWN, SETTINGS).eval().pooled_terms(block.features, captions)
        return float(terms["contrast"])

    at_first = contrast()
    train_pooled(space, KNOWN, blocks, SETTINGS, tmp_path)
    assert contrast() < 0.9 * at_first
    after = space.state_dict()
    frozen = [n for n in after if n.startswith(("model.visual.trunk.parser.", "model.visual.trunk.texture."))]
    assert frozen and all(torch.equal(after[name], before[name]) for name in frozen)
    words = "model.token_embedding.weight"
    assert torch.equal(after[words][:40000], before[words][:40000]), "word vectors stay"
    assert not torch.equal(after["model.text_projection"], before["model.text_projection"])
    assert (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("learns", ["image", "text"])
def test_one_tower_learns_and_the_other_stays(space, blocks, tmp_path, learns):
    before = copy.deepcopy(space.state_dict())
    train_pooled(space, KNOWN, blocks, replace(SETTINGS, steps=3, learns=learns), tmp_path)
    changed = {name for name, value in space.state_dict().items() if not torch.equal(value, before[name])}
    tower = "model.visual.trunk."
    seen = {name for name in changed if name.startswith(tower)}
    assert seen == (changed if learns == "image" else set())
    expected = {f"{tower}tokens.weight", f"{tower}names"} if learns == "image" else {"model.text_projection"}
    assert expected <= changed
    assert not any(name.startswith((f"{tower}parser.", f"{tower}texture.")) for name in changed)


@pytest.mark.parametrize(("noisy", "training", "same"), [(1.0, True, False), (1.0, False, True), (0.0, True, True)])
def test_pictures_are_encoded_under_noise_in_training_only(space, blocks, noisy, training, same):
    features = CachedBatch.load(blocks[0]).features
    trainee = PooledTrainee(space, KNOWN, replace(SETTINGS, noise=0.0, noisy=noisy)).train(training)
    assert torch.equal(trainee.image_features(features), trainee.image_features(features)) == same


def test_attacked_pictures_go_with_a_block(blocks):
    block = CachedBatch.load(blocks[0])
    attacked = replace(block, drawn=[], others=block.others * 9, asked=block.asked * 9)
    features, caption_batch = Lessons([block], SETTINGS, [attacked])[0]
    assert len(features.found) == len(features.whole) == 18 == len(caption_batch.fits)
    with pytest.raises(ValueError, match="cannot come behind"):
        attacked.joined(block)


class HairAttack(Attack):
    """Comes by a face at every step, and says that its hair was to be green."""

    def __init__(self, scenes: SceneSet):
        super().__init__(generator=None, parser=None, kept=3)
        self.scene = scenes.scene(0)
        self.picture = scenes.render(self.scene, np.random.default_rng(0))

    def advance(self, space, rng):
        paint = PartColour("hair", "green")
        self.pool.append(Example(self.picture, self.scene, Caption("green hair", (Claim(paint=paint),))))


def test_attacked_pictures_are_kept_beside_painted_ones(space, scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("train.clip.feature_cache.ATTACKED", 3)
    faces = np.arange(4)
    (path,) = make_attacked(space, HairAttack(scenes), scenes, faces, 1, tmp_path, seed=0)
    block = CachedBatch.load(path)
    assert not block.drawn and len(block.features.found) == len(block.others) == len(block.asked) == 6
    fits = [agreement(text, scene) for text, scene in zip(block.asked, block.others, strict=True)]
    assert fits == [-1, 1] * 3, "an attacked picture does not show what was asked for, the one beside it does"
    none = make_attacked(space, HairAttack(scenes), scenes, faces, 1, tmp_path / "none", seed=0, max_minutes=0)
    assert none == []


def test_too_few_blocks_are_refused(space, tmp_path):
    with pytest.raises(TrainingError, match="allow more --max-minutes"):
        train_pooled(space, KNOWN, [], SETTINGS, tmp_path)
