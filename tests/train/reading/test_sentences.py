"""The lessons of the reader of prompts."""

from __future__ import annotations

import numpy as np
import pytest

from mcaclip.language.colours import named_colours, unseen_colours
from mcaclip.language.concepts import concepts
from mcaclip.language.word_tables import read_words
from train.reading.sentences import LITTLE, STRONG, USUAL, LessonWriter, nothing_phrases


def write(count: int, seed: int = 0):
    writer = LessonWriter(["violin", "engine"], ["zo", "qua"], np.random.default_rng(seed))
    return [writer.write() for _ in range(count)]


@pytest.fixture(scope="module")
def lessons():
    return write(3000)


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
