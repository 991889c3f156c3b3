"""A studio with the fake editor."""

from __future__ import annotations

import pytest

from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state import background
from mcaclip.ui.state.loading import EditorSource
from tests.fakes import FakeEditor


@pytest.fixture(autouse=True)
def every_step(monkeypatch) -> None:
    """Steps of work in the background are shown as fast as they come."""
    monkeypatch.setattr(background, "PACE", 0.0)


@pytest.fixture
def editor() -> FakeEditor:
    return FakeEditor()


@pytest.fixture
def studio(editor, tmp_path) -> Studio:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return Studio(source, tmp_path)
