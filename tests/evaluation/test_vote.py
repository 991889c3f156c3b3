"""The vote: places and points, intervals, the folder for many voters, and the commands."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest

from mcaclip.__main__ import main
from mcaclip.errors import StudioError
from mcaclip.evaluation.vote import (
    CRITERIA,
    Ballot,
    Question,
    answer,
    as_csv,
    as_markdown,
    ask,
    by_question,
    tally,
)
from mcaclip.evaluation.vote_folder import HEAD, Edits, build, read_key, read_votes
from mcaclip.results.export import write_png

METHODS = ["mca", "cf-clip", "styleclip-mapper"]


def vote(order: str, question: Question | None = None, voter: str = "v") -> Ballot:
    """A ballot with the same letters for each criterion."""
    asked = question or ask("q1", "face", "green lipstick", METHODS, Random(0))
    return answer(voter, asked, dict.fromkeys(CRITERIA, order))


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_points_of_a_question_have_one_sum(count):
    question = ask("q1", "face", "hat", [f"m{number}" for number in range(count)], Random(count))
    ballot = vote(question.letters[::-1][: len(question.places)], question)
    for criterion in CRITERIA:
        points = ballot.points(criterion)
        assert sum(points.values()) == (5 if count == 2 else 6) and list(points) == list(question.methods)
        assert max(points, key=points.__getitem__) == question.methods[-1], "its letter has the first place"


def test_the_order_is_shuffled_and_loses_no_method():
    orders = {ask("q", "f", "p", METHODS, Random(seed)).methods for seed in range(60)}
    assert len(orders) == 6 and all(sorted(order) == sorted(METHODS) for order in orders)
    with pytest.raises(StudioError, match="two methods or more"):
        ask("q", "f", "p", ["mca"], Random(0))


@pytest.mark.parametrize(
    "letters", ["AB", "ABCA", "AAB", "ABD", ["A", "B", None], ["A", "B", ["C"]], ["AB", "C", ""]]
)
def test_what_is_no_ranking_is_refused(letters):
    with pytest.raises(StudioError, match=r"^Realism: "):
        vote(letters)


def test_equal_votes_have_an_interval_without_width_and_one_voter_has_none():
    alike = [vote("ABC", voter=f"v{number}") for number in range(4)]
    for standing, points in zip(tally(alike), (3, 2, 1), strict=True):
        assert standing.votes == 4
        assert {mean.value for mean in standing.means.values()} == {points}
        assert {mean.interval for mean in standing.means.values()} == {(points, points)}
    assert all(mean.interval is None for standing in tally(alike[:1]) for mean in standing.means.values())


def test_an_interval_holds_the_mean_and_shrinks_with_more_voters():
    def width(count: int) -> float:
        orders = np.random.default_rng(1).permuted(np.tile(list("ABC"), (count, 1)), axis=1)
        made = tally([vote("".join(order), voter=f"v{number}") for number, order in enumerate(orders)])
        for mean in made[0].means.values():
            assert mean.interval is not None and mean.interval[0] <= mean.value <= mean.interval[1]
        return np.subtract(*made[0].means["all"].interval[::-1])

    assert width(64) < 0.7 * width(16)


def test_voters_are_drawn_and_not_their_answers():
    questions = [ask(f"q{number}", "face", "hat", METHODS, Random(0)) for number in range(5)]
    one = [vote("ABC", question, "a") for question in questions]
    other = [vote("CBA", questions[0], "b")]
    first, *_ = (one for one in tally([*one, *other]) if one.method == questions[0].methods[0])
    assert first.means["all"].value == 2, "each voter counts once" and first.means["all"].interval == (1, 3)
    assert first.votes == 6
    assert all(s.means["all"].interval is not None for s in tally(one, by_question)), (
        "one visitor has an interval too"
    )


def test_the_csv_has_every_point_and_quotes_words():
    question = ask("q1", "face", 'a "red, wide" hat', METHODS, Random(0))
    rows = list(csv.DictReader(as_csv([vote("ABC", question)]).splitlines()))
    assert len(rows) == 9 and {row["prompt"] for row in rows} == {question.prompt}
    assert sum(int(row["points"]) for row in rows if row["criterion"] == "meaning") == 6
    assert "| MCA-CLIP |" in as_markdown([vote("ABC")]) and "voters: 1" in as_markdown([vote("ABC")])


@pytest.fixture
def comparison(tmp_path) -> Path:
    """A folder as `compare` leaves it: pictures of one grey per method, whose files name it."""
    folder = tmp_path / "compared"
    folder.mkdir()
    rows = [{"face": "seed_3", "method": method, "figures": {"hit": True}} for method in METHODS]
    rows.append({"face": "seed_3", "method": "deltaedit", "figures": None})
    (folder / "compare.json").write_text(json.dumps({"prompt": "<b>green</b> lipstick", "rows": rows}))
    for number, name in enumerate(["source", *METHODS]):
        write_png(folder / f"seed_3_{name}.png", np.full((8, 8, 3), 60 * number, np.uint8), {"method": name})
    return folder


def written(key, voter: str, orders: dict[str, str], path: Path) -> Path:
    """A voter's file as the page saves it."""
    lines = [[key.vote, voter, name, one, *order] for name, order in orders.items() for one in CRITERIA]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *lines])
    return path


def test_the_page_names_no_method_and_the_key_restores_the_names(comparison, tmp_path, capsys):
    assert main(["vote", str(comparison), "--out", str(tmp_path / "v"), "--seed", "4"]) == 0
    page, key = tmp_path / "v" / "page", read_key(tmp_path / "v" / "key.json")
    assert str(page) in capsys.readouterr().out
    files = [path for path in page.rglob("*") if path.is_file()]
    assert len(files) == 5 and not any(name.encode() in file.read_bytes() for file in files for name in METHODS)
    html = (page / "index.html").read_text()
    assert "<b>green</b>" not in html and not re.search(r"https?:|//\w", html)
    assert all((page / name).is_file() for name in re.findall(r'src="([^"]+)"', html))
    from PIL import Image

    (question,) = key.questions
    greys = {
        letter: Image.open(page / f"pictures/q1_{letter}.jpg").getpixel((4, 4))[0] for letter in question.letters
    }
    assert {letter: METHODS[round(grey / 60) - 1] for letter, grey in greys.items()} == dict(
        zip(question.letters, question.methods, strict=True)
    )
    files = [written(key, f"v{n}", {"q1": order}, tmp_path / f"{n}.csv") for n, order in enumerate(("ABC", "ACB"))]
    line = ["count-votes", *map(str, files), "--key", str(tmp_path / "v" / "key.json"), "--out", str(tmp_path / "r")]
    assert main(line) == 0
    said = capsys.readouterr().out
    assert said == (tmp_path / "r" / "votes.md").read_text() and "Answers: 2, voters: 2, questions: 1" in said
    points = list(csv.DictReader((tmp_path / "r" / "points.csv").open()))
    assert {row["method"] for row in points if row["points"] == "3"} == {question.methods[0]}
    assert main(["vote", str(comparison), "--out", str(tmp_path / "v")]) == 2, "its key is needed"
    assert "holds a vote already" in capsys.readouterr().err


@pytest.fixture
def key(tmp_path):
    picture = tmp_path / "p.png"
    write_png(picture, np.zeros((8, 8, 3), np.uint8), {})
    edits = Edits("f", "hat", picture, dict.fromkeys(METHODS, picture))
    (tmp_path / "made").mkdir()
    return build(tmp_path / "made", [edits, edits], Random(0))


def test_a_file_that_is_given_twice_counts_once(key, tmp_path):
    first = written(key, "v", {"q1": "ABC"}, tmp_path / "a.csv")
    later = written(key, "v", {"q1": "ABC", "q2": "CBA"}, tmp_path / "b.csv")
    assert len(read_votes(key, [first, first, later])) == 2
    with pytest.raises(StudioError, match="another answer of voter v"):
        read_votes(key, [first, written(key, "v", {"q1": "BAC"}, tmp_path / "c.csv")])


def test_what_is_no_vote_of_this_key_is_named(key, tmp_path):
    other = build(tmp_path / "made" / "other", [], Random(1))
    wrong = {
        "another vote": written(other, "v", {"q1": "ABC"}, tmp_path / "other.csv"),
        "does not have": written(key, "v", {"q9": "ABC"}, tmp_path / "question.csv"),
        "or of nobody": written(key, "=1+1", {"q1": "ABC"}, tmp_path / "voter.csv"),
        "Realism": written(key, "v", {"q1": "ABB"}, tmp_path / "twice.csv"),
        "no voter's file": tmp_path / "text.csv",
        "cannot be read": tmp_path / "absent.csv",
    }
    (tmp_path / "text.csv").write_text("hello")
    for words, path in wrong.items():
        with pytest.raises(StudioError, match=words) as caught:
            read_votes(key, [path])
        assert path.name in str(caught.value)
    with pytest.raises(StudioError, match="no key of a vote"):
        read_key(tmp_path / "text.csv")
    assert main(["vote", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
