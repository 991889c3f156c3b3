"""The editor loaded beside the page."""

from __future__ import annotations

import threading

import pytest

from mcaclip.errors import WeightsError
from mcaclip.ui.state.loading import EditorSource
from tests.fakes import FakeEditor


def test_editor_is_loaded_once_and_handed_out():
    loads = []

    def load(report):
        loads.append(1)
        return FakeEditor()

    source = EditorSource(load)
    source.start()
    editor = source.wait(10)
    source.start()
    assert editor is not None and source.wait(10) is editor
    assert source.status.ready and len(loads) == 1


def test_progress_is_visible_while_loading():
    reported, release = threading.Event(), threading.Event()

    def load(report):
        report("fetching weights", 0.4)
        reported.set()
        assert release.wait(10)
        return FakeEditor()

    source = EditorSource(load)
    source.start()
    assert reported.wait(10)
    assert source.wait(0) is None
    assert "fetching weights" in source.status.stage and source.status.fraction == 0.4
    release.set()
    assert source.wait(10) is not None


@pytest.mark.parametrize("error", [WeightsError("no network: copy the file"), RuntimeError("odd")])
def test_failed_load_is_raised_and_tried_again(error):
    outcomes = [error, FakeEditor()]

    def load(report):
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    source = EditorSource(load)
    source.wait(10)
    assert source.status.error is not None and not source.status.ready
    with pytest.raises(WeightsError, match=str(error)):
        source.wait(10)
    assert isinstance(source.wait(10), FakeEditor)
