"""Training as a process: its words, its output, and its end."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

import pytest

from mcaclip.__main__ import COMMANDS
from mcaclip.cli import training
from mcaclip.cli.options import read_command_line
from mcaclip.config import PROJECT, choose
from mcaclip.errors import TrainingError
from train.__main__ import read
from train.cli.prompt import log_use


def test_what_it_says_comes_back_and_its_error_is_ours(tmp_path):
    assert "usage: python -m train bench" in training.run_training(["bench", "--help"])
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"^The training failed: --out .* is a file"):
        training.run_training(["colours", "--out", str(tmp_path / "file")])


def test_a_fit_is_a_line_that_the_training_package_reads(monkeypatch, tmp_path):
    lines = []
    monkeypatch.setattr(training, "run_training", lambda words: lines.append(words) or "")
    monkeypatch.chdir(tmp_path)
    stack = choose("paper", clip="FaceCLIP", encoder="compact")
    path = training.make_fitter(stack, 5, Path("fits"), "cpu")("cf-clip", "Green lipstick!", None)
    assert path == tmp_path / "fits" / "cf-clip_green_lipstick__5" / "edit.safetensors"
    name, options = read(lines[0])
    assert (name, options.prompts, options.chosen_method, options.steps) == (
        "prompt", ("Green lipstick!",), "cf-clip", 5
    )  # fmt: skip
    assert options.out == path.parent and options.from_scratch and options.device == "cpu"
    assert options.chosen_stack() == choose("paper", clip="FaceCLIP") and PROJECT.is_dir()


@pytest.mark.parametrize("method", ["mca", "cf-clip"])
def test_the_command_that_uses_a_fit_can_be_read(method, caplog):
    stack = choose("compact", generator="stylegan2", parser="face-parser")
    with caplog.at_level(logging.INFO):
        log_use("green lipstick", method, Path("edit.safetensors"), stack)
    words = shlex.split(caplog.messages[0].partition("python -m mcaclip ")[2])
    _, options = read_command_line("", "", {name: command.options for name, command in COMMANDS.items()}, words)
    assert options.chosen_stack().generator == "stylegan2"
