"""The room Train: what follows from the state of a training."""

from __future__ import annotations

import time

import pytest
from PIL import Image

from mcaclip.errors import StudioError
from mcaclip.ui.display import text
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.lab.train import TrainHandlers, train_view
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.training_process import TrainingProcess, TrainingStatus
from mcaclip.ui.state.training_record import Job
from tests.fakes import FakeEditor
from tests.helpers.fake_training import COMMAND, learn

ROWS = tuple({"step": float(step), "loss": 3.0 - step / 10} for step in range(1, 6))


def job(minutes: float = 20) -> Job:
    return Job("green nose", "compact", minutes, time.time(), None)


def test_before_anything_was_learned_an_example_is_shown():
    view = train_view(TrainingStatus())
    assert text.TRAIN_EXAMPLE in view["train_body"] and "polyline" in view["train_body"]
    assert not view["train_timer"]["active"] and view["train_start"]["interactive"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1199.0, "about 20 minutes left"), (61.0, "about 2 minutes left"), (40.0, "less than a minute")],
)
def test_minutes_that_are_left_are_said(seconds, said):
    view = train_view(TrainingStatus(job(), running=True, rows=ROWS, seconds_left=seconds))
    assert said in view["train_state"] and view["train_stop"]["visible"]


def test_samples_have_their_place_before_there_are_any(tmp_path):
    begun = TrainingStatus(job(), running=True, rows=ROWS)
    assert text.TRAIN_SHEET_SOON in train_view(begun)["train_body"]
    sheet = tmp_path / "nose_00025.png"
    Image.new("RGB", (70, 40)).save(sheet)
    shown = train_view(TrainingStatus(job(), running=True, rows=ROWS, sheet=sheet))["train_body"]
    assert "<img" in shown and text.TRAIN_SHEET_SOON not in shown


def test_what_is_seen_is_not_sent_again():
    status = TrainingStatus(job(), running=True, rows=ROWS)
    first = train_view(status)
    assert "train_body" not in train_view(status, first["train_seen"])
    more = TrainingStatus(status.job, running=True, rows=(*ROWS, {"step": 6.0, "loss": 1.0}))
    assert "train_body" in train_view(more, first["train_seen"])


def test_what_is_learned_becomes_a_card_and_leads_to_it(tmp_path):
    editor, training = FakeEditor(), TrainingProcess(tmp_path / "training", COMMAND)
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    handlers = TrainHandlers(HandlerBase(source, tmp_path), training)
    with pytest.raises(StudioError, match="no fitted edit"):
        handlers.keep()
    learn(training)
    view = handlers.keep()
    assert "add red_nose.safetensors" in editor.calls
    added = view["learned"]["prompt"]
    assert view["prompt"] == added and added in [card["prompt"] for card in view["cards"]["cards"]]


def test_a_training_that_ended_with_nothing_to_show_leaves_no_empty_room():
    assert text.TRAIN_EXAMPLE in train_view(TrainingStatus(job()))["train_body"]
