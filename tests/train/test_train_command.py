"""`python -m train`: bad values and failing disks are told in one line, before anything is loaded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcaclip.errors import TrainingError
from train import __main__ as command


@pytest.fixture
def called(monkeypatch):
    calls = []
    for name, one in command.COMMANDS.items():
        monkeypatch.setitem(command.COMMANDS, name, replace(one, run=calls.append))
    return calls


def _refused(called, capsys, *words: str) -> str:
    assert command.main(list(words)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and not called
    return said


NUMBERS = ["nan", "-1", "abc", "", "1" * 5000, "-inf"]


@pytest.mark.parametrize("value", [*NUMBERS, "0", "-0", "1e-300", "inf", "1e300"])
def test_minutes_that_are_no_time_are_refused(called, capsys, tmp_path, value):
    words = ("prompt", "red nose", "--out", str(tmp_path / "run"), f"--max-minutes={value}")
    assert "--max-minutes" in _refused(called, capsys, *words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [*NUMBERS, "0", "1.5", "1e3", "1000000000000"])
@pytest.mark.parametrize("option", ["--steps", "--batch"])
def test_counts_out_of_range_are_refused(called, capsys, option, value):
    assert option in _refused(called, capsys, "prompt", "red nose", f"{option}={value}")


@pytest.mark.parametrize(
    "words",
    [
        ("prompt", "red nose", "--sheet-every=-1"),
        ("prompt", "red nose", "--threads=-1"),
        ("prompt", "red nose", "--preview-only", "--finish"),
        ("prompt", "red nose", "--preview-only", "--full-size"),
        ("colours", "--threads=100000"),
        ("global-directions", "--images=0"),
        ("global-directions", "--every=0"),
        ("global-directions", "--sigma=nan"),
        ("global-directions", "--sigma=0"),
        ("deltaedit", "--faces=0"),
        ("deltaedit", "--steps=-1"),
        ("parser", "--faces=0"),
        ("universal", "--teacher-minutes=-1"),
        ("reader", "--max-minutes=-1"),
        ("faceclip-report", f"--seed={2**32}"),
        ("prompt",),
        ("nothing",),
        ("prompt", "red nose", "--preset", "huge"),
    ],
)
def test_other_bad_values_are_refused(called, capsys, words):
    _refused(called, capsys, *words)


def test_good_values_are_taken(called, tmp_path):
    words = ["--max-minutes=0.02", "--steps=1", "--batch=2", "--threads=1", f"--out={tmp_path / 'a' / 'b'}"]
    assert command.main(["prompt", "red nose", *words]) == 0
    assert command.main(["universal", "--teacher-minutes=0", f"--out={tmp_path}"]) == 0
    assert (called[0].max_minutes, called[0].steps, called[0].batch) == (0.02, 1, 2)
    assert called[1].teacher_minutes == 0 and not (tmp_path / "a").exists()


@pytest.mark.parametrize("inside", ["", "run", "run/deeper"])
def test_file_in_place_of_the_run_folder_is_refused(called, capsys, tmp_path, inside):
    (tmp_path / "file").write_text("kept")
    said = _refused(called, capsys, "prompt", "red nose", "--out", str(tmp_path / "file" / inside))
    assert "is a file" in said and (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("words", [("prompt", "red nose"), ("faceclip", "--words=a")])
def test_start_that_is_no_file_is_refused(called, capsys, tmp_path, words):
    for name in ("", "none.safetensors"):
        start = f"--start-from={tmp_path / name}"
        assert "--start-from" in _refused(called, capsys, *words, start, f"--out={tmp_path / 'run'}")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (OSError(28, "No space left on device", "run/edit"), 2, "run/edit: No space left on device"),
        (PermissionError(13, "Permission denied", "run/metrics.jsonl"), 2, "run/metrics.jsonl: Permission denied"),
        (TrainingError("two\nlines"), 2, "two lines"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_take_one_line(monkeypatch, capsys, tmp_path, error, status, words):
    def fails(_):
        raise error

    monkeypatch.setitem(command.COMMANDS, "colours", replace(command.COMMANDS["colours"], run=fails))
    assert command.main(["colours", "--out", str(tmp_path)]) == status
    said = capsys.readouterr().err
    assert words in said and said.startswith("error: ") and said.count("\n") == 1


def test_commands_of_one_process_say_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert command.main(["identity-mean", "--out", str(tmp_path)]) == 2
    assert "runs in one process" in capsys.readouterr().err
