"""The lessons of the reader of prompts."""

from __future__ import annotations

import numpy as np
import pytest

from mcaclip.language.colours import named_colours, unseen_colours
from mcaclip.language.concepts import concepts
from mcaclip.language.word_tables import read_wishes, read_words
from train.reading.sentences import LITTLE, STRONG, USUAL, LessonWriter, nothing_phrases


def write(count: int, seed: int = 0):
    writer = LessonWriter(["violin", "engine"], ["zo", "qua"], np.random.default_rng(seed))
    return [writer.write() for _ in range(count)]


@pytest.fixture(scope="module")
def lessons():
    return write(4000)


@pytest.fixture(scope="module")
def many():
    return write(25_000, 3)


def test_the_same_seed_writes_the_same(lessons):
    assert write(50) == lessons[:50] and write(50, 1) != lessons[:50]


def test_every_lesson_means_something_in_the_table_or_nothing(lessons):
    for lesson in lessons:
        assert lesson.text.strip() and lesson.concept in ("", *concepts())
        assert lesson.sign in (1, -1) and lesson.amount in (LITTLE, USUAL, STRONG)
        assert lesson.colour is None or (concepts()[lesson.concept].part and lesson.colour in named_colours())
    assert {lesson.concept for lesson in lessons} == {"", *concepts()}, "all of the table is taught"


def test_no_lesson_has_what_the_report_asks(lessons):
    texts = " | ".join(lesson.text.lower() for lesson in lessons)
    blind = [text.replace("{}", " ").split() for ones in read_words("report")["blind"].values() for text in ones]
    assert not [words for words in blind if len(words) > 3 and " ".join(words) in texts]
    assert not [phrase for phrase in nothing_phrases(held_out=True) if phrase in texts and len(phrase.split()) > 2]
    assert not [lesson.text for lesson in lessons if lesson.colour in unseen_colours()]


def test_words_of_wishing_away_mean_it():
    """Texts of one wish that begin with "no" wish it away, unless the wish is the opposite of a thing."""
    for lesson in write(2000, 2):
        concept = concepts().get(lesson.concept)
        if concept and lesson.text.startswith("no "):
            said = lesson.text.removeprefix("no ")
            if any(said.startswith(thing) for thing in (*concept.wanted.things, *concept.wanted.looks)):
                assert lesson.sign == -1, lesson


def texts_of(lessons, concept, sign):
    return [lesson.text for lesson in lessons if (lesson.concept, lesson.sign) == (concept, sign)]


def test_a_flaw_is_wished_away_and_where_it_is_may_be_said(many):
    gone = texts_of(many, "wrinkles", -1)
    places = read_wishes()["places"]["wrinkles"]
    assert any("fix" in text for text in gone) and any(place in text for place in places for text in gone)
    assert not any("fix" in text.split() for name in ("beard", "freckles") for text in texts_of(many, name, -1))


def test_years_may_be_a_difference(many):
    younger, older = texts_of(many, "old age", -1), texts_of(many, "old age", 1)
    assert any("years younger" in text for text in younger) and any("years older" in text for text in older)
    assert not any("years younger" in text and any(letter.isdigit() for letter in text) for text in older)


def test_what_is_said_around_a_wish_is_said_around_no_wish_too(lessons):
    tails = [lesson for lesson in lessons if lesson.text.endswith(" for linkedin")]
    assert {bool(lesson.concept) for lesson in tails} == {True, False}


def test_a_shade_without_a_colour_is_about_a_part_without_a_colour(many):
    shades = [one for one in many if one.concept.startswith("colour of") and "darker" in one.text and not one.colour]
    assert {"colour of lips", "colour of brows"} <= {one.concept for one in shades}
    assert not {"colour of skin", "colour of hair"} & {one.concept for one in shades}, (
        "those have wishes of their own"
    )
