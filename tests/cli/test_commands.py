"""Every command of both programs: its help comes at once, and what it offers is what it uses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, fields
from typing import Annotated

import pytest

from mcaclip.__main__ import COMMANDS as STUDIO
from mcaclip.__main__ import main as studio
from mcaclip.cli.many import work
from mcaclip.cli.options import Arg
from mcaclip.cli.photos import PhotoOptions
from tests.helpers.used_options import used_options
from train.__main__ import COMMANDS as TRAIN
from train.__main__ import main as train
from train.__main__ import read as read_train

ALL = [*((studio, name, command) for name, command in STUDIO.items()),
       *((train, name, command) for name, command in TRAIN.items())]  # fmt: skip
HANDLED_BY_MAIN = {"threads"}
"""What `train.__main__` does with the options before a command runs."""


@pytest.mark.parametrize(("main", "name", "command"), ALL)
def test_help_names_every_option_and_what_it_is_for(main, name, command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    flags = {f"--{field.name.replace('_', '-')}" for field in fields(command.options)}
    offered = {word.strip("[],").split("=")[0] for word in said.split() if word.strip("[],").startswith("--")}
    positional = {"--photos", "--images", "--prompts", "--file", "--comparisons", "--votes"}
    assert flags - positional <= offered and command.options.__doc__.split(".")[0].split()[0] in said


@pytest.mark.parametrize(("main", "name", "command"), ALL)
def test_what_is_offered_is_what_is_used(main, name, command):
    offered = {field.name for field in fields(command.options)}
    used = used_options(command.run, command.options)
    if issubclass(command.options, PhotoOptions):
        of_a_row = (work.edit_face, work.origin_of, command.options.settings_for, command.options.load_editor)
        used |= {"face"}.union(*(used_options(function, command.options) for function in of_a_row))
    assert used <= offered, "a command reads an option that it has not"
    checked = used_options(command.options.check, command.options) if main is train else set()
    assert offered - used - checked <= (HANDLED_BY_MAIN if main is train else set())


def test_an_option_that_nothing_reads_is_seen():
    @dataclass(frozen=True, kw_only=True)
    class Options:
        read: Annotated[int, Arg("read")] = 0
        ignored: Annotated[int, Arg("ignored")] = 0

    assert used_options(_reads_some, Options) == {"read"}
    assert used_options(_reads_more, Options) == {"read", "learns"}, "as faceclip-pooled did"


def _reads_some(options):
    return options.read


def _reads_more(options):
    return _reads_some(options), options.learns


def test_no_help_waits_for_torch():
    code = (
        "import contextlib, io, sys\n"
        "from mcaclip.__main__ import COMMANDS, main\n"
        "from train import __main__ as train\n"
        "for program, names in ((main, COMMANDS), (train.main, train.COMMANDS)):\n"
        "    for words in ([], *([name] for name in names)):\n"
        "        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "            program([*words, '--help'])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_product_commands_do_not_import_the_training_package():
    code = "import sys\nimport mcaclip.__main__\nsys.exit(any(name.split('.')[0] == 'train' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


LINES = {
    "directions": ["--models", "M"],
    "inversion-figures": ["--judge", "J"],
    "faceclip": ["--words", "W"],
    "faceclip-pooled": ["--words", "W"],
    "prompt": ["green lipstick"],
}
"""The shortest line of each training command that has required options."""


@pytest.mark.parametrize("name", TRAIN)
def test_every_training_command_can_be_read(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read, options = read_train([name, *LINES.get(name, [])])
    assert read == name and isinstance(options, TRAIN[name].options)
    options.check()


WRONG = [
    (["universal", "--start-from", __file__, "--without-ff"], "leave --without-ff out"),
    (["prompt", "hat", "--from-scratch", "--start-from", __file__], "leave --start-from out"),
    (["prompt", "hat", "--without-ff", "--without-pre"], "give one of them"),
    (["prompt", "hat", "--without-ff", "--method", "cf-clip"], "--method, alone"),
    (["prompt", "hat", "--method", "cf-clip", "--fusion", "paper"], "leave --fusion out"),
    (["faceclip-report", "--ascents-only", "--photos", "p"], "leave --photos out"),
    (["global-directions", "--first", "9", "--last", "9"], "--first 9"),
    (["colours", "--max-minutes", "3"], "--max-minutes"),
    (["inversion-figures", "--judge", "J", "--efforts", "great"], "effort"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_combinations_that_mean_nothing_are_refused(line, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train(line) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


OF_AN_EDIT = ("--strength 1", "--mode fitted", "--without-pre", "--variation 3", "--mask-feather 1", "--mask-invert")


@pytest.mark.parametrize("option", OF_AN_EDIT)
def test_a_sample_without_a_prompt_takes_no_options_of_an_edit(option, tmp_path, capsys):
    assert studio(["sample", "--seed", "1", "--out", str(tmp_path / "o"), *option.split()]) == 2
    assert "add --prompt" in capsys.readouterr().err and not (tmp_path / "o").exists()


@pytest.mark.parametrize("option", [["--seeds", "3"], ["--column", "full"]])
def test_a_table_takes_no_options_of_other_measurements(option, tmp_path, capsys):
    assert studio(["evaluate", "--table", "paper", "--out", str(tmp_path / "o"), *option]) == 2
    assert option[0] in capsys.readouterr().err and not (tmp_path / "o").exists()
