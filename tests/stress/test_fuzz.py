"""A few cases of `python -m tests.stress fuzz`, always the same ones, and the harness itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux's limits of memory, and many addresses of this machine", allow_module_level=True)

from mcaclip.errors import StudioError
from tests.stress import junk, pictures
from tests.stress.cases import PROJECT, World, listing, run


@pytest.mark.parametrize(
    ("n", "kinds"),
    [(16, ("pictures", "masks")), (20, ("requests",))],
)
def test_nothing_breaks(n, kinds):
    """The cases run in a process of their own, which a bad one may take with it."""
    only = [word for kind in kinds for word in ("--only", kind)]
    line = [sys.executable, "-m", "tests.stress", "fuzz", "--n", str(n), "--seed", "1", *only]
    done = subprocess.run(line, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "cases").mkdir()
    (tmp_path / "canaries").mkdir()
    (tmp_path / "canaries" / "secret.txt").write_text("secret")
    return World(tmp_path / "cases", tmp_path / "canaries", "secret")


def test_results_and_refusals_are_no_crashes(world):
    def case(rng: Random, world: World) -> None:
        if rng.random() < 0.5:
            raise StudioError("Use another one.")

    tally = run("kind", case, range(40), 1, world)
    assert 0 < tally.refused < 40 and tally.crashes == [] and tally.cases == 40
    assert run("kind", case, range(40), 1, world).refused == tally.refused


def _raise(world: World) -> None:
    raise ValueError("oh")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (_raise, "ValueError: oh"),
        (lambda world: (world.canaries / "new").mkdir(), "outside"),
        (lambda world: (world.canaries / "secret.txt").unlink(), "outside"),
        (lambda world: (world.canaries / "secret.txt").write_text("other words"), "outside"),
    ],
)
def test_a_fault_is_reported_with_the_number_of_its_case(world, fault, words):
    tally = run("kind", lambda rng, world: fault(world), range(7, 8), 1, world)
    assert [number for number, what in tally.crashes if words in what] == [7]


def test_a_seed_always_gives_the_same_junk():
    def some(seed: int) -> list:
        rng = Random(seed)
        return [pictures.hostile(rng), junk.text(rng), repr(junk.value(rng)), repr(junk.mutated(rng, {"a": [1, 2]}))]

    assert [some(seed) for seed in range(10)] == [some(seed) for seed in range(10)]


def test_a_listing_sees_every_change(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("1")
    before = listing(tmp_path)
    (tmp_path / "a" / "b").write_text("12")
    assert set(before) == {tmp_path / "a", tmp_path / "a" / "b"} and listing(tmp_path) != before
