"""What is tested is an import: of packages that stand in for torchvision.

That open_clip can be imported behind the guard is seen by `tests/clip/test_published_clip.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from unittest.mock import patch

import pytest

from mcaclip.platform import torchvision_guard as guard

MENDED = """
try:
    import torchvision
except RuntimeError as error:
    print('fails:', error)
from mcaclip.platform import torchvision_guard as guard
guard.ensure_torchvision()
import torchvision
print(len(guard._libraries), torchvision.extension.__name__)
"""
NEEDS_NMS = """
import torchvision.extension
import torch
torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou_threshold: dets)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Makes `torchvision` a package of the given source for this test."""

    def make(source: str) -> None:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "__init__.py").write_text(source)
        (tmp_path / "torchvision" / "extension.py").write_text("")
        monkeypatch.syspath_prepend(str(tmp_path))
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]

    with patch.dict(sys.modules):
        yield make


def test_a_healthy_torchvision_is_left_alone(stand_in):
    stand_in("")
    import torchvision as before

    mended = len(guard._libraries)
    guard.ensure_torchvision()
    import torchvision

    assert torchvision is before and not hasattr(before, "ops") and len(guard._libraries) == mended


def test_other_failures_are_passed_on(stand_in):
    stand_in("raise RuntimeError('another reason')")
    with pytest.raises(RuntimeError, match="another reason"):
        guard.ensure_torchvision()


def test_a_torchvision_without_its_operators_is_mended(stand_in, repo_root, tmp_path):
    """The stand-in fails without the guard as the real one does (the error is torch's own).

    In a process of its own, since torch takes the operators' schemas once.
    """
    stand_in(NEEDS_NMS)
    paths = os.pathsep.join(map(str, (tmp_path, repo_root)))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-c", MENDED]
    done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert "torchvision::nms does not exist" in before
    assert after == "1 torchvision.extension"
