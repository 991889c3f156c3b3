"""Command lines from dataclasses: what becomes of each kind of field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from mcaclip.cli.options import Arg, above_zero, read_command_line, seed, whole
from mcaclip.errors import StudioError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Does 100 % of something.

    More about it.
    """

    files: Annotated[tuple[Path, ...], Arg("files", metavar="FILE", positional=True)]
    name: Annotated[str, Arg("a name")]
    count: Annotated[int, Arg("how many", read=whole(1, 9))] = 3
    kind: Annotated[Literal["a", "b"] | None, Arg("which kind (default: the better)")] = None
    side: Annotated[Literal[256, 1024], Arg("pixels")] = 1024
    words: Annotated[tuple[str, ...], Arg("repeatable")] = ()
    efforts: Annotated[tuple[str, ...], Arg("several", joined=True)] = ("x",)
    very_fast: Annotated[bool, Arg("at 50 % of the time")] = False
    rate: Annotated[float, Arg("a rate", read=above_zero)] = 0.5
    seed: Annotated[int, Arg("a seed", read=seed)] = 0


def read(*words: str) -> Options:
    name, options = read_command_line("prog", "about", {"do": Options}, ["do", *words])
    assert name == "do"
    return options


def test_what_is_not_given_is_the_default_of_the_field():
    assert read("a.png", "--name", "n") == Options(files=(Path("a.png"),), name="n")


def test_every_kind_of_field_is_read():
    words = ["a", "b", "--name=n", "--count", "2", "--kind", "b", "--side", "256", "--words", "x", "--words", "y"]
    options = read(*words, "--efforts", "p", "q", "--very-fast", "--rate", "1e-3", "--seed", "7")
    assert options == Options(
        files=(Path("a"), Path("b")), name="n", count=2, kind="b", side=256, words=("x", "y"), efforts=("p", "q"),
        very_fast=True, rate=0.001, seed=7,
    )  # fmt: skip


def test_options_may_be_shortened_and_prompts_may_look_like_options():
    assert read("--na", "n", "--", "--odd").files == (Path("--odd"),)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a"], "required: --name"),
        (["--name", "n"], "required: FILE"),
        (["a", "--name", "n", "--count", "10"], "--count: '10' is no whole number from 1 to 9"),
        (["a", "--name", "n", "--kind", "c"], "--kind: invalid choice"),
        (["a", "--name", "n", "--side", "512"], "--side: invalid choice"),
        (["a", "--name", "n", "--rate", "nan"], "--rate: 'nan' is no number above 0"),
        (["a", "--name", "n", "--seed", "-1"], "--seed: a seed is a whole number"),
        (["a", "--name", "n", "--slow"], "unrecognized arguments: --slow"),
    ],
)
def test_errors_take_one_line_and_name_the_option(words, message):
    with pytest.raises(StudioError) as caught:
        read(*words)
    assert message in str(caught.value) and "\n" not in str(caught.value) and "--help" in str(caught.value)


def test_help_has_the_docstring_the_defaults_and_percent_signs(capsys):
    with pytest.raises(SystemExit):
        read("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "Does 100 % of something. More about it." in said and "at 50 % of the time" in said
    assert "how many (default 3)" in said and "a rate (default 0.5)" in said and "a name --" in said
    assert said.count("which kind (default: the better)") == 1
