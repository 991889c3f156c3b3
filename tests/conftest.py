"""Fixtures that every test may use: folders beside the repository, seeds and threads."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip.platform.memory import keep_freed_memory
from mcaclip.reading.wish_reader import WishReader
from mcaclip.results import export

_ROOT = Path(__file__).resolve().parent.parent


def _shared(name: str) -> Path:
    """A folder of the material beside the repository (or in `MCACLIP_SHARED`); skips when it is absent."""
    shared = Path(os.environ.get("MCACLIP_SHARED") or _ROOT.parent / "shared")
    folder = shared / name
    if not folder.is_dir():
        pytest.skip(f"needs {name}/, which is neither in ../shared nor in the folder MCACLIP_SHARED")
    return folder


@pytest.fixture(scope="session")
def repo_root() -> Path:
    return _ROOT


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Golden inputs and outputs of the published networks."""
    return _shared("reference")


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """Real portraits, for trying only."""
    return _shared("photos")


@pytest.fixture(scope="session", autouse=True)
def _like_a_command() -> None:
    """Memory as the commands keep it, which halves the time of full-size pictures; the cores shared by processes."""
    keep_freed_memory()
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)


@pytest.fixture(scope="session", autouse=True)
def _quick() -> Iterator[None]:
    """The language model, which many commands load and none changes, is read once; pictures are hardly compressed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WishReader, "load", cache(WishReader.load))
        patch.setattr(export, "PNG_LEVEL", 1)
        yield


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def generator():
    """The embedded generator (fetched and converted at first use)."""
    from train.common.setup import load_generator

    return load_generator()


@pytest.fixture(scope="session")
def preview(generator):
    """Its 256 px preview with the shipped head."""
    from train.common.setup import load_preview

    return load_preview(full=generator)


@pytest.fixture(scope="session")
def parser():
    """The shipped parsing head."""
    from train.common.setup import load_parser

    return load_parser()


@pytest.fixture(scope="session")
def space():
    """The shipped FaceCLIP."""
    from train.common.setup import load_space

    return load_space()


@pytest.fixture(scope="session")
def editor():
    """The whole compact stack."""
    from mcaclip.editor import load_editor

    return load_editor(device="cpu")
