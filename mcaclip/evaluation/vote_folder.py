"""A vote for many people: a page without any network access, the key that names its methods, and the votes.

The page and its pictures lie in a folder of their own, `page`, which is handed out. The key stays.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from mcaclip.config import ASSETS
from mcaclip.errors import StudioError
from mcaclip.evaluation.vote import CRITERIA, PLACES, Ballot, Question, answer, ask
from mcaclip.imaging.visuals import screen_picture
from mcaclip.platform.atomic import write_text

TEMPLATE = ASSETS / "page" / "vote.html"
KEY, PAGE = "key.json", "page"
HEAD = ["vote", "voter", "question", "criterion", *PLACES]
"""Columns of a voter's file, which the page's script writes."""


@dataclass(frozen=True)
class Key:
    """What the voters are not told.

    Attributes:
        vote: tells the files of its voters from those of other votes.
        questions: with their methods, in the order of the page.
    """

    vote: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Edits:
    """The pictures of one edit of one face, as `compare` left them.

    Attributes:
        pictures: by method.
    """

    face: str
    prompt: str
    source: Path
    pictures: dict[str, Path]


def read_comparison(folder: Path) -> list[Edits]:
    """The edits in a folder of `compare`, by face. Raises StudioError for a folder without them or a file."""
    try:
        report = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
        made = [(row["face"], row["method"]) for row in report["rows"] if row["figures"]]
        prompt = str(report["prompt"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(f"{folder} holds no comparison; make one with `python -m mcaclip compare`.") from error
    found = []
    for face in dict.fromkeys(face for face, _ in made):
        pictures = {method: folder / f"{face}_{method}.png" for own, method in made if own == face}
        edits = Edits(face, prompt, folder / f"{face}_source.png", pictures)
        for path in (edits.source, *pictures.values()):
            if not path.is_file():
                raise StudioError(f"{path} is missing; make the comparison again.")
        found.append(edits)
    return found


def build(folder: Path, edits: Sequence[Edits], random: Random) -> Key:
    """Writes the page, its pictures and the key into an empty folder.

    The pictures carry no record of their method, as those of `compare` do.

    Raises:
        StudioError: an edit has fewer than two methods.
        OSError: a picture cannot be read, or a file not written.
    """
    key = Key(
        f"{random.getrandbits(40):010x}",
        tuple(
            ask(f"q{number}", one.face, one.prompt, list(one.pictures), random) for number, one in enumerate(edits, 1)
        ),
    )
    (folder / PAGE / "pictures").mkdir(parents=True)
    for question, one in zip(key.questions, edits, strict=True):
        files = [one.source, *(one.pictures[method] for method in question.methods)]
        for letter, file in zip(["face", *question.letters], files, strict=True):
            with Image.open(file) as picture:
                data = screen_picture(np.asarray(picture.convert("RGB")))
            (folder / PAGE / _picture(question, letter)).write_bytes(data)
    asked = "".join(_section(question, len(edits)) for question in key.questions)
    page = (
        TEMPLATE.read_text(encoding="utf-8").replace("<!-- vote -->", key.vote).replace("<!-- questions -->", asked)
    )
    write_text(folder / PAGE / "index.html", page)
    write_text(folder / KEY, json.dumps(asdict(key), indent=1))
    return key


def _picture(question: Question, letter: str) -> str:
    return f"pictures/{question.name}_{letter}.jpg"


def _section(question: Question, count: int) -> str:
    """One question: the face, the pictures, and a choice of one of them for every place."""
    named = {"face": "The face", **{letter: f"Picture {letter}" for letter in question.letters}}
    figures = "".join(
        f'<figure><img src="{_picture(question, letter)}" alt="{name}"><figcaption>{name}</figcaption></figure>'
        for letter, name in named.items()
    )
    number = question.name.removeprefix("q")
    return (
        f'<section data-question="{question.name}"><h2>{number} of {count}: “{escape(question.prompt)}”</h2>'
        f'<div class="pictures">{figures}</div>{"".join(_choice(question, one) for one in CRITERIA)}</section>'
    )


def _choice(question: Question, criterion: str) -> str:
    rows = ""
    for place in question.places:
        name = f"{question.name}-{criterion}-{place}"
        buttons = "".join(
            f'<label><input type="radio" name="{name}" value="{letter}">{letter}</label>'
            for letter in question.letters
        )
        rows += (
            f'<div role="radiogroup" aria-labelledby="{name}" data-place="{place}">'
            f'<span id="{name}">{place.capitalize()} place</span>{buttons}</div>'
        )
    legend = f"<b>{criterion.capitalize()}.</b> {CRITERIA[criterion]}"
    return f'<fieldset data-criterion="{criterion}"><legend>{legend}</legend>{rows}</fieldset>'


def read_key(path: Path) -> Key:
    """The key of a vote. Raises StudioError for a file that is none."""
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        questions = tuple(
            Question(str(one["name"]), str(one["face"]), str(one["prompt"]), tuple(map(str, one["methods"])))
            for one in made["questions"]
        )
        return Key(str(made["vote"]), questions)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(f"{path} is no key of a vote; it is the {KEY} that `vote` wrote.") from error


def read_votes(key: Key, files: Iterable[Path]) -> list[Ballot]:
    """The ballots in voters' files, each once.

    Raises:
        StudioError: a file is not of this vote, has an answer that cannot be one, or says otherwise what another file
            says of the same voter.
    """
    found: dict[tuple[str, str], Ballot] = {}
    for path in files:
        for ballot in _ballots(key, path):
            mark = (ballot.voter, ballot.question.name)
            if found.setdefault(mark, ballot) != ballot:
                raise StudioError(
                    f"{path} has another answer of voter {ballot.voter} than a file before it; leave one of them out."
                )
    return list(found.values())


def _ballots(key: Key, path: Path) -> list[Ballot]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *lines = [line for line in csv.reader(file) if line] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise StudioError(f"{path} cannot be read as a voter's file.") from error
    if head != HEAD or any(len(line) != len(HEAD) for line in lines):
        raise StudioError(f"{path} is no voter's file; it is the CSV that the page of the vote saves.")
    questions = {question.name: question for question in key.questions}
    chosen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for vote, voter, name, criterion, *letters in lines:
        if vote != key.vote:
            raise StudioError(f"{path} is of another vote than the key.")
        if name not in questions or not re.fullmatch(r"\w{1,40}", voter, re.ASCII):
            raise StudioError(f"{path} has an answer to a question that the vote does not have, or of nobody.")
        chosen.setdefault((voter, name), {})[criterion] = letters[: len(questions[name].places)]
    try:
        return [answer(voter, questions[name], places) for (voter, name), places in chosen.items()]
    except StudioError as error:
        raise StudioError(f"{path}: {error}") from error
