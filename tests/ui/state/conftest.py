"""A training that only pretends to learn, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcaclip.ui.state.training_process import TrainingProcess
from tests.helpers.clock import Clock
from tests.helpers.fake_training import COMMAND


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def training(tmp_path) -> Iterator[TrainingProcess]:
    made = TrainingProcess(tmp_path / "training", COMMAND)
    yield made
    made.stop()
