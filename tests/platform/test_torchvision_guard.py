"""Each case runs in a process of its own: what is tested is an import, and an import happens once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ENSURE = "from mcaclip.platform import torchvision_guard as guard\nguard.ensure_torchvision()\n"
GUARD = ENSURE + "import torchvision\n"
NEEDS_NMS = """
import torchvision.extension
import torch
torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou_threshold: dets)
"""


@pytest.fixture
def run(repo_root, tmp_path):
    """Run code in a fresh process in which `torchvision` is a package of the given source (None: the real one)."""

    def start(code: str, torchvision: str | None = None) -> subprocess.CompletedProcess[str]:
        paths = [str(repo_root)]
        if torchvision is not None:
            (tmp_path / "torchvision").mkdir()
            (tmp_path / "torchvision" / "__init__.py").write_text(torchvision)
            (tmp_path / "torchvision" / "extension.py").write_text("")
            paths.insert(0, str(tmp_path))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240
        )

    return start


def test_open_clip_imports_behind_the_guard(run):
    done = run(GUARD + "import open_clip\nprint(len(open_clip.list_models()) > 0)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"]


def test_a_healthy_torchvision_is_left_alone(run):
    code = "import torchvision as before\n" + GUARD + "print(torchvision is before, len(guard._libraries))"
    done = run(code, torchvision="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "0"]


def test_a_torchvision_without_its_operators_is_mended(run):
    """The stand-in fails without the guard as the real one does (the error is torch's own)."""
    code = f"try:\n    import torchvision\nexcept RuntimeError as error:\n    print('fails:', error)\n{GUARD}"
    done = run(code + "print(len(guard._libraries), torchvision.extension.__name__)", torchvision=NEEDS_NMS)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.splitlines()
    assert "torchvision::nms does not exist" in before
    assert after == "1 torchvision.extension"


def test_other_failures_are_passed_on(run):
    done = run(ENSURE, torchvision="raise RuntimeError('another reason')")
    assert done.returncode != 0
    assert "another reason" in done.stderr
