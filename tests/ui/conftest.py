"""A studio with the fake editor."""

from __future__ import annotations

import pytest

from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state.loading import EditorSource
from tests.fakes import FakeEditor


@pytest.fixture
def editor() -> FakeEditor:
    return FakeEditor()


@pytest.fixture
def studio(editor, tmp_path) -> Studio:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return Studio(source, tmp_path)
