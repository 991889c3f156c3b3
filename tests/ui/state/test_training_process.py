"""The one training: a process, its state on disk, no second one beside it."""

from __future__ import annotations

import json

import pytest

from mcaclip.errors import PromptError, TrainingError
from mcaclip.types import EditSettings
from mcaclip.ui.display import text, training_text
from mcaclip.ui.display.curves import curves
from mcaclip.ui.display.inspect import shifts
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.lab.train import TrainHandlers, train_view
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.training_process import TrainingProcess, TrainingStatus, machine, read_metrics
from tests.fakes import FakeEditor
from tests.helpers.fake_training import COMMAND, begin, learn, until


def test_training_runs_to_its_end_and_is_kept(training):
    assert training.status() == TrainingStatus()
    training.start("  red   nose ", "compact", 5)
    until(lambda: len(training.status().rows) == 5)
    status = training.status()
    assert status.running and status.job.prompt == "red nose" and 0 < status.seconds_left <= 300
    (training.run_folder / "go").touch()
    until(lambda: training.status().finished)
    path = training.keep()
    assert path.name == "red_nose.safetensors" and training.kept() == [path]


def test_second_visitor_cannot_start_a_second_one(training):
    training.start("red nose", "compact", 5)
    other = TrainingProcess(training.root, COMMAND)
    assert other.status().running, "found again by another server, or after a reload"
    with pytest.raises(TrainingError, match="red nose"):
        other.start("blue nose", "compact", 5)
    with pytest.raises(TrainingError, match="red nose"):
        other.resume(5)


def test_stopped_training_goes_on_or_is_finished(training):
    begin(training)
    training.stop()
    status = training.status()
    assert not status.running and not status.finished and status.error is None
    training.resume(5)
    assert training.status().running
    until(lambda: len(training.status().rows) == 10)
    training.stop()
    training.finish()
    until(lambda: training.status().finished)


def test_failure_is_shown_in_words(training):
    training.start("it fails", "compact", 5)
    until(lambda: not training.status().running)
    assert training.status().error == "it did not work"
    assert "it did not work" in train_view(training.status())["train_state"]
    with pytest.raises(TrainingError, match="no fitted edit"):
        training.keep()


def test_prompt_that_looks_like_an_option_is_a_prompt(training):
    begin(training, "--out /")
    assert training.status().running


@pytest.mark.parametrize(
    ("values", "error"),
    [(("", "compact", 5), PromptError), (("a", "huge", 5), TrainingError), (("a", "compact", 0), TrainingError)],
)
def test_bad_values_start_nothing(training, values, error):
    with pytest.raises(error):
        training.start(*values)
    assert training.status() == TrainingStatus()
    with pytest.raises(TrainingError, match="go on"):
        training.resume(5)


def test_unknown_words_are_warned_about_before_they_are_learned(training, tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr("mcaclip.ui.lab.train.gr.Warning", warnings.append)
    handlers = TrainHandlers(HandlerBase(EditorSource(lambda report: FakeEditor()), tmp_path, training), training)
    assert handlers.hint("red nose") == {"train_hint": ""}, "nothing is known of words before the models are there"
    assert handlers.studio.source.wait(30) is not None
    hint = handlers.hint("red nose")["train_hint"]
    assert "do not understand these words" in hint and "green lipstick" in hint
    assert handlers.hint("purple lipstick") == handlers.hint(" ") == handlers.hint(None) == {"train_hint": ""}
    assert "Latin letters" in handlers.hint("💄")["train_hint"]
    handlers.start("purple lipstick", "compact", 5)
    assert warnings == []
    training.stop()
    handlers.start("red nose", "compact", 5)
    assert len(warnings) == 1 and "“red nose”" in warnings[0]


def test_half_written_metrics_are_read_as_far_as_they_go(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}\n{"step": 3, "lo')
    assert [row["step"] for row in read_metrics(path)] == [1, 2]
    path.write_text("".join(f'{{"step": {step}, "loss": {step}}}\n' for step in range(1000)))
    rows = read_metrics(path)
    assert len(rows) <= 400 and rows[-1]["step"] == 999
    assert read_metrics(tmp_path / "none") == ()
    rows = [{"step": step, "loss": loss} for loss, steps in ((1, (1, 10, 20)), (2, (10, 20, 30))) for step in steps]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    again = [(row["step"], row["loss"]) for row in read_metrics(path)]
    assert again == [(1, 1), (10, 2), (20, 2), (30, 2)], "a step that was done again counts once"


def test_curves_need_two_points_and_name_every_term():
    assert curves([{"step": 1, "loss": 1}]) == ""
    drawn = curves([{"step": 1, "loss": 2, "id": 0.5}, {"step": 2, "loss": 1, "id": 0.25}])
    assert drawn.count("<svg") == 2 and "identity: from 0.5 to 0.25" in drawn


def test_machine_is_named_with_its_memory():
    assert "cores" in machine() and "GB" in machine()


def test_loss_terms_of_a_kept_prompt_are_inspected(training):
    learn(training)
    rows = read_metrics(training.keep().with_suffix(".jsonl"))
    assert rows[-1]["step"] == 5
    editor = FakeEditor()
    result = editor.edit(editor.sample(1), EditSettings("green lipstick"))
    assert "identity: from 0.1 to 0.1" in shifts(result, {"green lipstick": rows})
    assert text.NO_TERMS in shifts(result, {})


def test_few_steps_are_not_called_learned():
    assert "only 20 steps" in training_text.training_done("red nose", 20)
    assert "is learned, in 468 steps" in training_text.training_done("red nose", 468)
