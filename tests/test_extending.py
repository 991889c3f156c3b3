"""docs/extending.md is followed to the letter, in a copy of the tree: its files, its changes, its commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.config import PROJECT

pytestmark = pytest.mark.timeout(900)
"""All commands of the page run before the first of the tests that look at what they wrote."""
MAX_LINES = 60
END = "-- end of a section --"
RUN_ALL = f"""
import json, runpy, shlex, sys
for commands in json.load(sys.stdin).values():
    for command in commands:
        _, kind, what, *sys.argv[1:] = shlex.split(command)
        try:
            runpy.run_module(what, run_name="__main__", alter_sys=True) if kind == "-m" else exec(what, {{}})
        except SystemExit as ended:
            if ended.code:
                sys.exit(f"{{command}} ended with {{ended.code}}")
    print("{END}", end="", flush=True)
"""
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {
    section.splitlines()[0]: _BLOCK.findall(section)
    for section in (PROJECT / "docs/extending.md").read_text(encoding="utf-8").split("\n## ")[1:]
}
"""The code blocks of each section, each with its language."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the tree with every addition of the page; weights are links."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("mcaclip", "train", "assets"):
        shutil.copytree(
            PROJECT / name, root / name, copy_function=_copy, ignore=shutil.ignore_patterns("__pycache__")
        )
    for blocks in SECTIONS.values():
        for language, block in blocks:
            if language != "console":
                _apply(root, language, block)
    return root


def _copy(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        os.symlink(source, target)
    else:
        shutil.copy(source, target)


def _apply(root: Path, language: str, block: str) -> None:
    """Makes the file of a block, or changes it where exactly the lines of a diff are."""
    first, body = block.split("\n", 1)
    path = root / first.removeprefix("# ")
    if language == "python":
        assert not path.exists(), f"{path} exists"
        path.write_text(body, encoding="utf-8")
        return
    lines = body.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{first} has these lines {text.count(before)} times:\n{before}"
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def written(tree) -> dict[str, str]:
    """What the commands of each section write; they run in one process, so that the libraries are imported once."""
    commands = {
        section: "".join(block for language, block in blocks if language == "console").splitlines()
        for section, blocks in SECTIONS.items()
    }
    line = [sys.executable, "-c", RUN_ALL]
    done = subprocess.run(line, cwd=tree, input=json.dumps(commands), capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return dict(zip(commands, done.stdout.split(END), strict=False))


def pixels(path: Path) -> np.ndarray:
    """A picture as `int16 [H, W, 3]`."""
    return np.asarray(Image.open(path).convert("RGB"), np.int16)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_addition_is_short(section):
    assert 0 < sum(block.count("\n") for language, block in SECTIONS[section] if language != "console") <= MAX_LINES


def test_the_additions_pass_the_linter(tree):
    config = PROJECT / "pyproject.toml"
    line = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(config), "mcaclip"]
    done = subprocess.run(line, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_word_is_understood(tree, written):
    (folder,) = (tree / "out/word").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert [part["prompt"] for part in result["prompts"]] == ["bushy sideburns", "merman"]
    assert np.abs(pixels(folder / "edited.png") - pixels(folder / "reconstruction.png")).max() > 30


def test_a_concept_is_edited_and_measured(written):
    assert re.search("hit (yes|no), leak 0", written["A concept"])


def test_a_generator_edits_a_photo(tree, written):
    folder = tree / "out/generator/seed_3"
    assert json.loads((folder / "result.json").read_text())["stack"] == "compact with generator toy"
    assert np.abs(pixels(folder / "edited.png") - pixels(folder / "reconstruction.png")).max() > 0


def test_a_method_joins_the_comparison(written):
    assert "Toy shift" in written["A method"]


def test_a_command_answers(written):
    assert written["A command"].splitlines()[-1].isdigit()
