from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.golden.reference import Folder, Golden, Subset


@pytest.fixture(scope="session")
def golden(repo_root: Path) -> Golden:
    """The folder of golden data where there is one, else the stored subset: these tests never skip."""
    folder = Path(os.environ.get("MCACLIP_SHARED") or repo_root.parent / "shared") / "reference"
    return Folder(folder) if folder.is_dir() else Subset()


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads that wait for one another cost more than they gain where other work shares the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
