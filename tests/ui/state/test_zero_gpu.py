"""The editor of a ZeroGPU Space, with a stand-in for the package `spaces`."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType
from typing import Any

import pytest
import torch

import app
from mcaclip.errors import StudioError
from mcaclip.types import EditSettings
from mcaclip.ui.state import zero_gpu
from tests.fakes import FakeEditor

LIPS = EditSettings("green lipstick")


class Face(FakeEditor):
    """The GPU's editor."""

    def reconstruct(self, **arguments: Any) -> Any:
        raise StudioError("This face cannot be made.")


@pytest.fixture
def spaces(monkeypatch) -> list[str]:
    """`spaces` as on a ZeroGPU Space: what a call takes and gives is pickled. The methods that were called."""
    called: list[str] = []

    def gpu(task: Any, duration: int) -> Any:
        def elsewhere(*arguments: Any) -> Any:
            called.append(arguments[0])
            for value in task(*pickle.loads(pickle.dumps(arguments))):
                yield pickle.loads(pickle.dumps(value))

        return elsewhere

    module = ModuleType("spaces")
    module.GPU = gpu  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spaces", module)
    return called


@pytest.fixture
def on_gpu(spaces, monkeypatch) -> zero_gpu.ZeroGpuEditor:
    own = FakeEditor(universal=True)
    monkeypatch.setattr(zero_gpu.FaceEditor, "__init__", lambda self, models, slots, device: None)
    for name in ("models", "slots", "device"):
        monkeypatch.setattr(own, name, None, raising=False)
    return zero_gpu.ZeroGpuEditor(own, zero_gpu.gpu_call(lambda: Face(universal=True)))  # type: ignore[arg-type]


def test_faces_are_computed_where_the_gpu_is(on_gpu, spaces):
    own, seen = FakeEditor(universal=True), []
    face = on_gpu.sample(3)
    request = own.resolve(LIPS)
    edit = on_gpu.render(face, request)
    assert torch.equal(edit.image, own.render(face, request).image) and edit.settings is request.settings
    steps = on_gpu.strip(face, LIPS, (0.5, 1.0), seen.append)
    assert len(steps) == 2 and [step.fraction for step in seen] == sorted(step.fraction for step in seen)
    assert spaces == ["sample", "render", "strip"]


def test_errors_keep_their_words(on_gpu):
    with pytest.raises(StudioError, match="cannot be made"):
        on_gpu.reconstruct(torch.zeros(18, 512))


def test_a_computation_that_is_no_longer_wanted_ends(on_gpu):
    def leave(_: object) -> None:
        raise KeyError("left")

    with pytest.raises(KeyError, match="left"):
        on_gpu.variations(on_gpu.sample(1), LIPS, (1, 2, 3), leave)


def test_records_go_to_the_cpu_with_everything_in_them():
    record = FakeEditor().sample(1)
    moved = zero_gpu.on_cpu([record, (record, "words", None)])
    assert torch.equal(moved[0].w_plus, record.w_plus) and moved[1][1:] == ("words", None)


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_elsewhere_the_package_changes_nothing(spaces, monkeypatch, value):
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    monkeypatch.setattr(app, "load", lambda *arguments: arguments)
    assert app.loader(None)("report") == ("report", ())


def test_on_a_zerogpu_space_the_servers_own_editor_stays_on_the_cpu(spaces, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(app, "load", lambda *arguments: arguments)
    monkeypatch.setattr(zero_gpu, "ZeroGpuEditor", lambda editor, call: (editor, call))
    editor, call = app.loader(None)("report")
    assert editor == ("report", (), "cpu") and callable(call)
