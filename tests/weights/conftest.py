"""Empty weight folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcaclip.weights.store import WeightFolders


@pytest.fixture
def folders(tmp_path: Path) -> WeightFolders:
    for name in ("local", "cache", "assets"):
        (tmp_path / name).mkdir()
    return WeightFolders(tmp_path / "local", tmp_path / "cache", tmp_path / "assets")


@pytest.fixture
def local(folders: WeightFolders) -> Path:
    assert folders.local is not None
    return folders.local
