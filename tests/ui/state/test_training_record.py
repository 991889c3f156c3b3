"""A training's files may be stale, damaged or foreign: no other process is stopped, and nothing is lost."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from mcaclip.errors import TrainingError
from mcaclip.platform.processes import ProcessId
from mcaclip.ui.display.curves import curves
from mcaclip.ui.lab.train import train_view
from mcaclip.ui.state.training_process import TrainingProcess, TrainingStatus, file_stem, read_metrics
from mcaclip.ui.state.training_record import MAX_ERROR_LETTERS, MAX_METRICS_BYTES, last_error, read_job
from tests.helpers.fake_training import COMMAND, begin, until


@pytest.fixture
def stranger():
    """A process that has nothing to do with training."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def _record(training, **changes) -> None:
    """Writes the record of a job with some values changed; None omits one."""
    record = {
        "prompt": "red nose",
        "preset": "compact",
        "minutes": 5,
        "started": time.time(),
        "pid": 7,
        "process_started": 1.0,
    }
    record = {name: value for name, value in (record | changes).items() if value is not None}
    training.root.mkdir(exist_ok=True)
    (training.root / "job.json").write_text(json.dumps(record))


def test_stop_leaves_another_process_with_the_same_number_alone(training, stranger):
    known = ProcessId.of(stranger.pid)
    for started in (known.started - 60, known.started + 60, None, math.nan, "now", [known.started]):
        _record(training, pid=stranger.pid, process_started=started)
        status = training.status()
        assert status.job.prompt == "red nose" and not status.running
        training.stop()
    assert stranger.poll() is None
    training.resume(5)
    assert training.status().running, "a stale record does not keep a training from starting"


@pytest.mark.parametrize("pid", [-1, 0, 1, True, 1.5, 10**30, "7", [7], {"pid": 7}, math.nan, "own"])
def test_numbers_that_no_training_can_have_are_no_process(training, pid):
    pid, first = os.getpid() if pid == "own" else pid, ProcessId.of(1)
    for started in (ProcessId.of_current().started, first.started if first else 0.0):
        _record(training, pid=pid, process_started=started)
        assert training.status().job is not None and not training.status().running
        training.stop()


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": None},
        {"prompt": 7},
        {"prompt": "\u0000"},
        {"prompt": "a" * 9000},
        {"preset": "huge"},
        {"preset": ["compact"]},
        {"minutes": "5"},
        {"minutes": math.nan},
        {"minutes": 0},
        {"minutes": 1e300},
        {"minutes": 10**400},
        {"started": math.inf},
        {"started": {}},
    ],
)
def test_job_with_values_that_cannot_be_is_no_job(training, changes):
    _record(training, **changes)
    assert training.status() == TrainingStatus()
    training.stop()
    assert train_view(training.status())["train_state"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b"[" * 5000, b'{"a":' * 3000])
def test_damaged_record_is_no_job(training, content):
    training.root.mkdir()
    (training.root / "job.json").write_bytes(content)
    assert training.status() == TrainingStatus()
    training.stop()
    with pytest.raises(TrainingError, match="go on"):
        training.finish()


def test_a_training_that_cannot_be_recorded_does_not_run(training):
    (training.root / "job.json").mkdir(parents=True)
    assert training.status() == TrainingStatus()
    with pytest.raises(TrainingError, match=r"cannot be written.*Free some space"):
        training.start("red nose", "compact", 5)
    assert training.status() == TrainingStatus()


def test_a_file_in_place_of_the_folder_is_an_error_in_words(tmp_path):
    (tmp_path / "file").touch()
    training = TrainingProcess(tmp_path / "file", COMMAND)
    assert training.status() == TrainingStatus()
    with pytest.raises(TrainingError, match="cannot be written"):
        training.start("red nose", "compact", 5)


def test_only_a_living_owner_keeps_others_from_starting(training):
    training.root.mkdir()
    (training.root / "starting.lock").touch()
    os.utime(training.root / "starting.lock", (2**32, 2**32))
    with (
        FileLock(training.root / "starting.lock"),
        pytest.raises(TrainingError, match="at this moment"),
    ):
        training.start("red nose", "compact", 5)
    training.start("red nose", "compact", 5)
    assert training.status().running


def test_a_wrong_clock_leaves_a_possible_time_limit(training):
    for started, left in ((0.0, 0.0), (1e12, 300.0), (-1e300, 0.0)):
        _record(training, started=started)
        assert read_job(training.root / "job.json").seconds_left(time.time()) == left


def test_stop_ends_what_the_process_started(training):
    begin(training, "child")
    child = ProcessId.of(int((training.run_folder / "child").read_text()))
    assert child.alive()
    training.stop()
    assert not training.status().running and not child.alive()
    training.finish()
    until(lambda: training.status().finished)


def test_a_process_that_ignores_stop_is_killed_without_waiting_for_it(training, monkeypatch):
    monkeypatch.setattr("mcaclip.ui.state.training_process.PROMPT_SECONDS", 0.0)
    begin(training, "deaf")
    training.stop()
    status = training.status()
    assert status.running and status.stopping
    view = train_view(status)
    assert "is being stopped" in view["train_state"] and not view["train_stop"]["interactive"]
    assert view["train_timer"]["active"]
    monkeypatch.setattr("mcaclip.ui.state.training_process.STOP_SECONDS", 0.0)
    other = TrainingProcess(training.root, COMMAND)
    other.stop()
    until(lambda: not training.status().running)
    assert not training.status().stopping


def test_error_of_an_earlier_attempt_is_not_shown_again(training):
    training.start("it fails", "compact", 5)
    until(lambda: not training.status().running)
    _record(training, prompt="red nose")
    training.resume(5)
    until(lambda: len(training.status().rows) == 10)
    training.stop()
    assert training.status().error is None


def test_error_on_the_page_is_one_short_line_without_markup(training):
    _record(training)
    training.run_folder.mkdir()
    log = training.run_folder / "log.txt"
    log.write_bytes(
        b"\x00" * 10**6 + b"\nerror: <img src=x onerror=alert(1)>\x1b[31m\xff " + b"a" * 5000 + b"\nmore\n"
    )
    shown = last_error(log)
    assert len(shown) <= MAX_ERROR_LETTERS + 1 and shown.isprintable()
    state = train_view(training.status())["train_state"]
    assert "&lt;img" in state and "<img" not in state
    log.unlink()
    log.mkdir()
    assert last_error(log) is None and training.status().error is None


def test_metrics_that_are_garbage_are_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    good = [b'{"step": 1, "loss": 2}', b'{"step": 2, "loss": NaN, "id": 1}', b'{"step": 3, "loss": 1}']
    bad = [
        b"",
        b"\x00\xff",
        b"7",
        b"[]",
        b"[" * 5000,
        b'{"step": "4", "loss": 1}',
        b'{"step": NaN, "loss": 1}',
        b'{"step": -5, "loss": 1}',
        b'{"step": true, "loss": 1}',
        b'{"loss": 1}',
        b'{"step": 1' + b"0" * 400 + b', "loss": 1}',
        b'{"step": 4, "loss": "' + b"a" * 100_000 + b'"}',
    ]
    lines = [line for one in good for line in (*bad, one)]
    path.write_bytes(b"\n".join([*lines, b'{"step": 4, "lo']))
    rows = read_metrics(path)
    assert rows == ({"step": 1, "loss": 2}, {"step": 2, "id": 1}, {"step": 3, "loss": 1})
    assert curves(rows).count("<svg") == 2
    path.write_bytes(b"a" * (MAX_METRICS_BYTES + 10) + b"\n" + good[0] + b"\n")
    assert read_metrics(path) == ({"step": 1, "loss": 2},)
    path.unlink()
    path.mkdir()
    assert read_metrics(path) == ()


@pytest.mark.parametrize("minutes", [None, 0, -1, math.nan, math.inf, 601, "5", [5]])
def test_minutes_out_of_range_are_refused(training, minutes):
    with pytest.raises(TrainingError, match="1 to 600 minutes"):
        training.start("red nose", "compact", minutes)
    with pytest.raises(TrainingError, match="1 to 600 minutes"):
        training.resume(minutes)


def test_prompts_that_are_alike_keep_files_of_their_own(training):
    prompts = ["green lips", "green lips!", "green-lips", "Green lips", "ñ", "é", "b" * 100, "b" * 101]
    kept = {}
    for prompt in prompts:
        _record(training, prompt=prompt)
        training.run_folder.mkdir(exist_ok=True)
        (training.run_folder / "edit.safetensors").write_text(prompt)
        kept[prompt] = training.keep()
        assert training.keep() == kept[prompt]
    assert len(set(kept.values())) == len(prompts) == len(training.kept())
    assert all(path.read_text() == prompt for prompt, path in kept.items())


def test_file_of_another_prompt_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "green_lips.safetensors").touch()
    header = type("Header", (), {"prompts": ["green lips!"]})
    monkeypatch.setattr("mcaclip.ui.state.training_process.read_header", lambda path: header)
    assert file_stem("green lips", tmp_path).startswith("green_lips_")
    header.prompts = ["green lips"]
    assert file_stem("green lips", tmp_path) == "green_lips"


def test_keeping_that_fails_leaves_the_library_as_it_was(training, monkeypatch):
    _record(training)
    training.run_folder.mkdir()
    (training.run_folder / "edit.safetensors").write_text("first")
    (training.run_folder / "metrics.jsonl").write_text('{"step": 1}\n')
    path = training.keep()
    (training.run_folder / "edit.safetensors").write_text("second")

    def full(source, target):
        with open(target, "w") as file:
            file.write("sec")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mcaclip.ui.state.training_process.shutil.copyfile", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        training.keep()
    assert path.read_text() == "first" and sorted(training.library.iterdir()) == [path.with_suffix(".jsonl"), path]
