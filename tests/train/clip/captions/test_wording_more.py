"""Synonyms: wider wordings are there for everything, and none of them is held out."""

from __future__ import annotations

import numpy as np
import pytest

from mcaclip.language.colours import names_by_words, plain
from mcaclip.language.vocabulary import content_words
from train.clip.captions import wording, wording_more
from train.clip.captions.write import phrases_of_captions, say
from train.clip.report import OUTSIDE
from train.clip.scenes.types import Claim, PartColour

HELD_OUT = (
    wording.HELD_OUT_NOUNS, wording.HELD_OUT_STATE_PHRASES, wording.HELD_OUT_PERSON_WORDS, wording.HELD_OUT_SUBJECTS,
    wording.HELD_OUT_PATTERN_PHRASES, wording.HELD_OUT_CHARACTER_PHRASES,
)  # fmt: skip
MORE = (
    wording_more.NOUNS, wording_more.STATE_PHRASES, wording_more.PERSON_WORDS, wording_more.SUBJECTS,
    wording_more.PATTERN_PHRASES, wording_more.CHARACTER_PHRASES,
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
    assert wording_more.CHARACTER_PHRASES.keys() == wording.CHARACTER_PHRASES.keys()
    assert wording_more.FINISH_WORDS.keys() == wording.FINISH_WORDS.keys()


def test_no_finish_makes_another_colour_of_a_name():
    everyday = ("red", "green", "blue", "pink", "brown", "yellow", "purple", "orange")
    said = {
        f"{plain(word)} {colour}"
        for words in wording_more.FINISH_WORDS.values()
        for word in words
        for colour in everyday
    }
    assert not said & names_by_words().keys()


@pytest.mark.parametrize("claim", [Claim(state="male"), Claim(paint=PartColour("hair", "green"))])
def test_wider_words_are_said_only_where_asked_for(claim):
    rng = np.random.default_rng(0)
    usual = {say((claim,), rng) for _ in range(300)}
    wider = {say((claim,), rng, wider=True) for _ in range(300)}
    new = wording_more.SUBJECTS[1] if claim.state else wording_more.NOUNS["hair"]
    assert any(word in text for text in wider for word in new)
    assert not any(word in text.lower().split() for text in usual for word in new)


def test_all_that_captions_are_made_of_is_named_and_nothing_held_out():
    texts = phrases_of_captions()
    assert {"turtleneck", "balding", "a virile look", "red"} <= {*texts}
    assert not any("{" in text for text in texts) and not {*texts} & _phrases(HELD_OUT)
    known = {word for text in texts for word in content_words(text)}
    rng = np.random.default_rng(0)
    claims = [Claim(paint=PartColour("clothes", "green")), Claim(state="bald"), Claim(state="male", sign=-1)]
    said = {word for claim in claims * 200 for word in content_words(say((claim,), rng, wider=True))}
    assert said <= known
