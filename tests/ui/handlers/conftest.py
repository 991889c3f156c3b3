"""Faces and edits that the handlers start from."""

from __future__ import annotations

import pytest

from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import Session
from tests.fakes import ENTRIES, FakeEditor
from tests.helpers.studio import edited, given


@pytest.fixture
def face(studio, tmp_path) -> Session:
    """A photo's face."""
    return given(studio, tmp_path)


@pytest.fixture
def session(studio, face) -> Session:
    """A photo's face with one edit."""
    return edited(studio, face)


@pytest.fixture
def any_words(tmp_path) -> Studio:
    """A studio whose editor has a universal network and a prompt library."""
    source = EditorSource(lambda report: FakeEditor(universal=True, entries=ENTRIES))
    source.wait(10)
    return Studio(source, tmp_path)
