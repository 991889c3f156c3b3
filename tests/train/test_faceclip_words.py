"""Synonyms: wider wordings are there and hold nothing back; the text tower learns them and keeps what it knew."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from mcaclip.text.clip_space import ClipSpace, create_model
from tests.helpers.drawn_faces import drawn_faces
from train import wording, wording_more
from train.captions import say
from train.faceclip_report import OUTSIDE
from train.faceclip_words import WordsSettings, train_words
from train.scene_types import Claim, Paint
from train.scenes import SceneSet

HELD_OUT = (
    wording.HELD_OUT_NOUNS, wording.HELD_OUT_STATE_PHRASES, wording.HELD_OUT_PERSON_WORDS, wording.HELD_OUT_SUBJECTS,
    wording.HELD_OUT_PATTERN_PHRASES,
)  # fmt: skip
MORE = (
    wording_more.NOUNS, wording_more.STATE_PHRASES, wording_more.PERSON_WORDS, wording_more.SUBJECTS,
    wording_more.PATTERN_PHRASES,
)  # fmt: skip


def _phrases(tables) -> set[str]:
    return {phrase for table in tables for phrases in table.values() for phrase in phrases}


def test_no_synonym_is_held_out_or_asked_for_in_the_report():
    further = _phrases(MORE)
    assert not further & _phrases(HELD_OUT)
    asked = {text.replace("{} ", "").replace(" {}", "") for _, text in OUTSIDE}
    assert not further & asked
    assert not {*wording_more.SENTENCES, *wording_more.BY_COLOUR} & {
        *wording.HELD_OUT_SENTENCES, *wording.HELD_OUT_BY_COLOUR
    }  # fmt: skip


def test_every_table_is_widened():
    assert wording_more.NOUNS.keys() == wording.TRAINING_NOUNS.keys()
    assert wording_more.STATE_PHRASES.keys() == wording.STATE_PHRASES.keys()
    assert wording_more.PATTERN_PHRASES.keys() == wording.PATTERN_PHRASES.keys()
    assert wording_more.SUBJECTS.keys() == wording.SUBJECTS.keys()


@pytest.mark.parametrize("claim", [Claim(state="male"), Claim(paint=Paint("hair", "green"))])
def test_wider_words_are_said_only_where_asked_for(claim):
    rng = np.random.default_rng(0)
    usual = {say((claim,), rng) for _ in range(300)}
    wider = {say((claim,), rng, wider=True) for _ in range(300)}
    new = wording_more.SUBJECTS[1] if claim.state else wording_more.NOUNS["hair"]
    assert any(word in text for text in wider for word in new)
    assert not any(word in text.lower().split() for text in usual for word in new)


def test_synonyms_come_near_and_known_words_stay(tmp_path):
    torch.manual_seed(0)
    space = ClipSpace(create_model()).requires_grad_(False).eval()
    known = ["green lips", "a woman with blue hair"]
    before, vectors = copy.deepcopy(space).text_codes(known), space.model.token_embedding.weight.clone()
    scenes = SceneSet(drawn_faces(4), 192)
    train_words(space, scenes, 4, WordsSettings(faces=2, steps=12), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["new"] < rows[0]["new"]
    after = space.text_codes(known)
    assert torch.cosine_similarity(before.embedding, after.embedding).min() > 0.9
    assert torch.equal(space.model.token_embedding.weight, vectors), "word vectors stay"
    assert (tmp_path / "model.safetensors").exists()
