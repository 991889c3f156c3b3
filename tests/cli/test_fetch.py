"""`fetch`: says what it would download, asks before a large download, and names what it could not get."""

from __future__ import annotations

import hashlib
import io
import re
import sys
from pathlib import Path

import pytest
import torch

from mcaclip.__main__ import main
from mcaclip.weights.hub import HubFile, HubSource
from mcaclip.weights.sources import WeightEntry
from mcaclip.weights.table import EXTRAS, STACKS, TABLE
from tests.helpers.fake_hub import FakeHub

CONTENT = b"weights"


def entry(name: str, size: int) -> WeightEntry:
    """Claims to have `size` bytes; has seven."""
    source = HubSource((HubFile(f"{name}.pt", hashlib.sha256(CONTENT).hexdigest(), "owner/nets"),), size)
    return WeightEntry(
        name, f"The net {name}", f"terms of {name}", "test", source, lambda path: {"a": torch.zeros(1)}
    )


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A paper stack of two nets, of 40 and 30 MB, both at the hub; an empty cache; no terminal."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setitem(STACKS, "paper", ("one", "two"))
    monkeypatch.setitem(EXTRAS, "paper", ("universal",))
    monkeypatch.setitem(TABLE, "one", entry("one", 40_000_000))
    monkeypatch.setitem(TABLE, "two", entry("two", 30_000_000))
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MCACLIP_WEIGHTS", raising=False)
    hub = FakeHub(tmp_path / "hub", monkeypatch)
    hub.files = {("owner/nets", "one.pt"): CONTENT, ("owner/nets", "two.pt"): CONTENT}
    return hub


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(text + "\n"))


COMMAND = ["fetch", "--stack", "paper"]


def test_yes_fetches_all(hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--yes"]) == 0
    out = capsys.readouterr().out
    for part in ("40 MB", "30 MB", "70 MB", "terms of one", "terms of two", "2 of 2 files"):
        assert part in out
    assert {path.name for path in (tmp_path / "cache").glob("*.safetensors")} == {
        "one.safetensors",
        "two.safetensors",
    }
    assert main(COMMAND) == 0, "nothing is left to ask for"
    assert "To be downloaded" not in capsys.readouterr().out
    assert len(hub.asked) == 2


def test_without_a_terminal_it_refuses_and_says_how(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(COMMAND) == 2
    captured = capsys.readouterr()
    assert "python -m mcaclip fetch --stack paper --yes" in captured.err and "70 MB" in captured.err
    assert "terms of one" in captured.out
    assert hub.asked == []


@pytest.mark.parametrize(("text", "status", "asked"), [("y", 0, 2), ("Yes", 0, 2), ("", 2, 0), ("n", 2, 0)])
def test_on_a_terminal_the_answer_counts(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, text: str, status: int, asked: int
) -> None:
    answer(monkeypatch, text)
    assert main(COMMAND) == status
    assert len(hub.asked) == asked


def test_small_download_is_not_asked_about(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STACKS, "paper", ("two",))
    assert main(COMMAND) == 0
    assert len(hub.asked) == 1


def test_original_at_hand_is_converted_without_a_question(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "originals").mkdir()
    for name in ("one.pt", "two.pt"):
        (tmp_path / "originals" / name).write_bytes(CONTENT)
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "originals"))
    assert main(COMMAND) == 0
    assert hub.asked == []


def test_what_cannot_be_had_is_named_and_the_rest_is_fetched(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del hub.files["owner/nets", "one.pt"]
    assert main([*COMMAND, "--yes"]) == 3
    captured = capsys.readouterr()
    assert "1 of 2 files" in captured.out
    assert "mcaclip: one: one.pt (The net one, 40 MB; terms of use: terms of one)" in captured.err
    assert (tmp_path / "cache" / "two.safetensors").is_file()


def test_damaged_file_in_the_folder_is_named(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals" / "one.pt").write_bytes(b"other")
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "originals"))
    assert main([*COMMAND, "--yes"]) == 3
    err = capsys.readouterr().err
    assert "one.pt is not the expected file" in err and hashlib.sha256(b"other").hexdigest() in err
    assert len(err.splitlines()) == 1


def test_the_whole_paper_stack_is_listed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeHub(tmp_path / "hub", monkeypatch)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MCACLIP_WEIGHTS", raising=False)
    assert main(COMMAND) == 2
    out = capsys.readouterr().out
    assert re.findall(r"^(\w+)  +\d+ MB", out, re.MULTILINE) == [
        "stylegan2", "e4e", "arcface_ir_se50", "parsenet", "clip_vit_b32", "mobilestylegan", "language_model",
    ]  # fmt: skip
    assert "Together 2321 MB." in out, "with what the universal network needs there"


def test_unknown_stack_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "--stack", "huge"]) == 2
    assert "huge" in capsys.readouterr().err
