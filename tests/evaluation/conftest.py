"""The toy editors of the evaluation's tests; commands load a toy parser beside them."""

from __future__ import annotations

import pytest

from tests.helpers.toy_editor import ToyEditor
from tests.helpers.toy_figures import FiguresEditor
from tests.helpers.toy_space import ToyParser


@pytest.fixture
def editor(monkeypatch) -> FiguresEditor:
    monkeypatch.setattr("mcaclip.loading.load_parser", lambda slots, device: ToyParser())
    return FiguresEditor()


@pytest.fixture
def toy_editor(monkeypatch, tmp_path) -> ToyEditor:
    """Also keeps what is fitted in a folder of the test."""
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mcaclip.loading.load_parser", lambda slots, device: ToyParser())
    return ToyEditor()
