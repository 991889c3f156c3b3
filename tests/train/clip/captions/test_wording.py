"""The word tables: synonyms exist for everything, and nothing that is held out is said in training."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mcaclip.config import ASSETS
from mcaclip.language.colours import named_colours, names_by_words, plain, unseen_colours
from mcaclip.language.vocabulary import content_words
from train.clip.captions.wording import HELD_OUT, MORE, PARTICIPLES, USUAL, VIVID, WIDER, Wording
from train.clip.captions.write import say
from train.clip.report import OUTSIDE
from train.clip.scenes.types import Claim, PartColour


def _phrases(words: Wording) -> set[str]:
    return {phrase for table in words.tables().values() for phrases in table.values() for phrase in phrases}


def test_no_synonym_is_held_out_or_asked_for_in_the_report():
    asked = {text.replace("{} ", "").replace(" {}", "") for texts in OUTSIDE.values() for text in texts}
    assert not _phrases(MORE) & (_phrases(HELD_OUT) | asked)


@pytest.mark.parametrize("name", ["nouns", "states", "patterns", "subjects", "characters", "finishes"])
def test_every_table_is_widened_and_has_held_out_phrases(name):
    assert getattr(MORE, name).keys() == getattr(USUAL, name).keys() == getattr(HELD_OUT, name).keys()


@pytest.mark.parametrize("file", sorted((ASSETS / "words").glob("*.json")), ids=lambda file: file.stem)
def test_every_file_of_words_says_what_it_holds_and_names_no_key_twice(file):
    def checked(pairs):
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    assert json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=checked)["about"]


def test_no_finish_makes_another_colour_of_a_name():
    everyday = ("red", "green", "blue", "pink", "brown", "yellow", "purple", "orange")
    words = [word for words in MORE.finishes.values() for word in words]
    assert not {f"{plain(word)} {colour}" for word in words for colour in everyday} & names_by_words().keys()


@pytest.mark.parametrize("claim", [Claim(state="male"), Claim(paint=PartColour("hair", "green"))])
def test_wider_words_are_said_only_where_asked_for(claim):
    rng = np.random.default_rng(0)
    usual = {say((claim,), rng) for _ in range(300)}
    wider = {say((claim,), rng, wider=True) for _ in range(300)}
    new = MORE.subjects[1] if claim.state else MORE.nouns["hair"]
    assert any(word in text for text in wider for word in new)
    assert not any(word in text.lower().split() for text in usual for word in new)


def phrases_of_captions() -> list[str]:
    """All that captions are made of, the rarest words as well: nouns, phrases, sentences and colour names."""
    tables = (*WIDER.tables().values(), PARTICIPLES)
    colours = (name for name in named_colours() if name not in unseen_colours())
    phrases = (*(text for table in tables for texts in table.values() for text in texts), *VIVID, *colours)
    return [re.sub(r"\{\w*\}", " ", phrase) for phrase in phrases]


def test_all_that_captions_are_made_of_is_named_and_nothing_held_out():
    texts = phrases_of_captions()
    assert {"turtleneck", "balding", "a virile look", "red"} <= {*texts}
    assert not any("{" in text for text in texts) and not {*texts} & _phrases(HELD_OUT)
    known = {word for text in texts for word in content_words(text)}
    rng = np.random.default_rng(0)
    claims = [Claim(paint=PartColour("clothes", "green")), Claim(state="bald"), Claim(state="male", sign=-1)]
    said = {word for claim in claims * 200 for word in content_words(say((claim,), rng, wider=True))}
    assert said <= known
