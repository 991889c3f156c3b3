"""A vote on pictures whose methods are not named: places, points, and their means.

Source: the user study of the paper's Table 2. Each voter ranks the pictures of one edit for three criteria; the first
three places get 3, 2 and 1 points. With more than three methods the others get none, so a criterion's points always
sum to 6.
"""

from __future__ import annotations

import csv
import io
import string
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from mcaclip.errors import StudioError
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.methods.base import title_of

CRITERIA = {
    "realism": "Which looks most like a real photo?",
    "accuracy": "Which changes what the words name, and nothing else?",
    "meaning": "Which shows best what the words mean?",
}
"""What is asked, by its name."""
POINTS = (3, 2, 1)
PLACES = ("first", "second", "third")
RESAMPLES = 2000
COLUMNS = ("voter", "question", "face", "prompt", "criterion", "method", "points")


@dataclass(frozen=True)
class Question:
    """One edit of one face by several methods, each of which has a letter.

    Attributes:
        name: tells the question from others of its vote.
        face: the face's name.
        prompt: the words of the edit.
        methods: their names, in the order of the letters.
    """

    name: str
    face: str
    prompt: str
    methods: tuple[str, ...]

    @property
    def letters(self) -> str:
        """The names of the pictures, in their order: A, B, C, ..."""
        return string.ascii_uppercase[: len(self.methods)]

    @property
    def places(self) -> tuple[str, ...]:
        """The places that are given: three, or two of two pictures."""
        return PLACES[: len(self.methods)]


@dataclass(frozen=True)
class Ballot:
    """One voter's answer to one question.

    Attributes:
        places: the methods that have a place, the best first, of each criterion.
    """

    voter: str
    question: Question
    places: Mapping[str, tuple[str, ...]]

    def points(self, criterion: str) -> dict[str, int]:
        """The points of every method of the question, in the order of the letters."""
        given = dict(zip(self.places[criterion], POINTS, strict=False))
        return {method: given.get(method, 0) for method in self.question.methods}


@dataclass(frozen=True)
class Mean:
    """A mean of points with the ends of its interval; None where there are not two voters."""

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Standing:
    """What a method got.

    Attributes:
        votes: how many ballots it was on.
        means: by criterion, and of all criteria together under "all".
    """

    method: str
    votes: int
    means: Mapping[str, Mean]


def ask(name: str, face: str, prompt: str, methods: Sequence[str], random: Random) -> Question:
    """A question with the methods in an order that `random` shuffles. Raises StudioError for fewer than two."""
    if not 2 <= len(methods) <= len(string.ascii_uppercase):
        raise StudioError(
            f'A vote needs the pictures of two methods or more; "{prompt}" on {face} does not have them.'
        )
    return Question(name, face, prompt, tuple(random.sample(list(methods), len(methods))))


def answer(voter: str, question: Question, chosen: Mapping[str, Sequence[object]]) -> Ballot:
    """A ballot from letters.

    Args:
        chosen: of each criterion the letter of every place, the best first.

    Raises:
        StudioError: a place has no picture of the question, or a picture has two places.
    """
    places = {}
    for criterion in CRITERIA:
        letters = list(chosen.get(criterion, ()))
        known = [str(letter) for letter in letters if letter in list(question.letters)]
        if len(known) != len(question.places) or known != letters:
            wanted = " and ".join(filter(None, [", ".join(question.places[:-1]), question.places[-1]]))
            raise StudioError(f"{criterion.capitalize()}: choose a picture for the {wanted} place.")
        if len(set(known)) < len(known):
            raise StudioError(f"{criterion.capitalize()}: a picture has two places; give each place another one.")
        places[criterion] = tuple(question.methods[question.letters.index(letter)] for letter in known)
    return Ballot(voter, question, places)


def by_voter(ballot: Ballot) -> str:
    """The unit of an interval that says how much voters differ."""
    return ballot.voter


def by_question(ballot: Ballot) -> str:
    """The unit of an interval that says how much one voter's answers differ from face to face."""
    return ballot.question.name


def tally(ballots: Sequence[Ballot], unit: Callable[[Ballot], str] = by_voter) -> list[Standing]:
    """The mean points of every method, the best first.

    A mean is over the units, each of which is the mean of its ballots. Its interval holds 95 % of the means of
    `RESAMPLES` bootstrap samples of the units (the percentile method, always with the same seed). Answers of one
    voter are alike, which is why voters are drawn and not answers.

    Args:
        unit: from a ballot to what is drawn.
    """
    standings = []
    for method in dict.fromkeys(method for ballot in ballots for method in ballot.question.methods):
        own = [ballot for ballot in ballots if method in ballot.question.methods]
        given: dict[str, list[list[int]]] = defaultdict(list)
        for ballot in own:
            given[unit(ballot)].append([ballot.points(criterion)[method] for criterion in CRITERIA])
        values = np.array([np.mean(rows, axis=0) for rows in given.values()])
        columns = {**dict(zip(CRITERIA, values.T, strict=True)), "all": values.mean(axis=1)}
        standings.append(Standing(method, len(own), {name: _mean(column) for name, column in columns.items()}))
    return sorted(standings, key=lambda one: -one.means["all"].value)


def _mean(values: np.ndarray) -> Mean:
    """The mean of `[units]` points with its interval."""
    if len(values) < 2:
        return Mean(float(values.mean()), None)
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Mean(float(values.mean()), (float(low), float(high)))


def table(standings: Iterable[Standing]) -> tuple[list[str], list[list[str]]]:
    """The head and the lines of a table for people."""
    lines = [[title_of(one.method), str(one.votes), *map(_cell, one.means.values())] for one in standings]
    return ["method", "votes", *CRITERIA, "all"], lines


def _cell(mean: Mean) -> str:
    if mean.interval is None:
        return f"{mean.value:.2f}"
    return f"{mean.value:.2f} [{mean.interval[0]:.2f}, {mean.interval[1]:.2f}]"


def as_markdown(ballots: Sequence[Ballot]) -> str:
    """The table of mean points, and what its figures are."""
    voters = len({ballot.voter for ballot in ballots})
    questions = len({ballot.question.name for ballot in ballots})
    about = (
        f"Answers: {len(ballots)}, voters: {voters}, questions: {questions}. First, second and third place get 3, 2 "
        "and 1 points, every other 0; a figure is the mean over the voters. In brackets: 95 % of the means of "
        f"{RESAMPLES} bootstrap samples of the voters, which is too narrow for few of them. Points of questions with "
        "other numbers of methods cannot be compared."
    )
    return "\n".join([*markdown_table(*table(tally(ballots))), "", about]) + "\n"


def as_csv(ballots: Iterable[Ballot]) -> str:
    """A line for every voter, question, criterion and method, with the points."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(COLUMNS)
    for ballot in ballots:
        question = ballot.question
        for criterion in CRITERIA:
            for method, points in ballot.points(criterion).items():
                asked = (question.name, question.face, question.prompt)
                lines.writerow([ballot.voter, *asked, criterion, method, points])
    return written.getvalue()
