from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.golden.reference import Folder, Golden, Subset


@pytest.fixture(scope="session")
def golden(repo_root: Path) -> Golden:
    """The folder of golden data where there is one, else the stored subset: these tests never skip."""
    folder = Path(os.environ.get("MCACLIP_SHARED") or repo_root.parent / "shared") / "reference"
    return Folder(folder) if folder.is_dir() else Subset()
