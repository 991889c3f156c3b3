"""Scenes of drawn faces for all tests of FaceCLIP's training."""

from __future__ import annotations

import pytest

from tests.helpers.drawn_faces import drawn_faces
from train.clip.scenes.scenes import SceneSet


@pytest.fixture(scope="session")
def scenes() -> SceneSet:
    return SceneSet(drawn_faces(4), 192)
