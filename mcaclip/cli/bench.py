"""How long each stage takes on this machine, and how much memory: `python -m mcaclip bench`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli.arguments import EditorLoader, MeasuringOptions
from mcaclip.cli.options import Arg, whole
from mcaclip.platform.console import say

if TYPE_CHECKING:
    import torch

    from mcaclip.editor import FaceEditor

UNFITTED = "not fitted"


@dataclass(frozen=True, kw_only=True)
class Options(MeasuringOptions):
    """Time and memory of every stage and of a training step."""

    repeats: Annotated[int, Arg("runs of the short stages; the best counts", read=whole(1, 1000))] = 3
    full_size: Annotated[bool, Arg("the training step through the full generator")] = False


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes seconds and peak memory per stage; the exit status. Raises StudioError."""
    from mcaclip.cli.training import run_training

    editor = options.load_editor(load)
    for stage in stages(editor, options.repeats):
        say(as_line(stage.name, measure(stage, editor.device)))
    words = ["bench", "--device", options.device, *options.chosen_stack().options.split()]
    say(run_training([*words, "--full-size"] if options.full_size else words).rstrip())
    say(memory_note(editor.device))
    return 0


@dataclass(frozen=True)
class Stage:
    """Something to measure: its name, the function to call, and how often."""

    name: str
    call: Callable[[], object]
    repeats: int = 1


@dataclass(frozen=True)
class Measure:
    """Best wall time in seconds, and the peak of memory in bytes (see `memory_note`)."""

    seconds: float
    memory: int


def stages(editor: FaceEditor, repeats: int = 3) -> list[Stage]:
    """The stages of an editor, with the face of seed 0; an inversion runs once.

    Without a fitted prompt the edit runs a network with random weights, which takes as long.
    """
    from mcaclip.imaging.align import already_aligned
    from mcaclip.inversion.optimise import EFFORTS
    from mcaclip.types import EditSettings, to_uint8

    editor = editor if editor.prompts() else _with_random_edit(editor)
    face = editor.sample(0)
    settings = EditSettings(editor.prompts()[0])
    aligned = already_aligned(to_uint8(face.reconstruction))
    size = f"{editor.models.generator.image_size} px"
    result = [
        Stage(f"random face, {size}", lambda: editor.sample(1), repeats),
        Stage("slider preview, 256 px", lambda: editor.preview(face, settings), repeats),
        Stage(f"edit, {size}", lambda: editor.edit(face, settings), repeats),
    ]
    # `best` is `good` with more steps
    efforts = [effort for effort in EFFORTS if effort != "best"]
    return result + [Stage(f"inversion, {effort}", partial(editor.invert, aligned, effort)) for effort in efforts]


def _with_random_edit(editor: FaceEditor) -> FaceEditor:
    from mcaclip.editing.library import FittedEdit
    from mcaclip.editing.network.mca import PAPER_CONFIG, FittedNetwork, MCANetwork
    from mcaclip.editor import FaceEditor

    network = MCANetwork(editor.models.generator.layers, PAPER_CONFIG).requires_grad_(False).to(editor.device)
    fitted = FittedNetwork(network, {UNFITTED: {}}, {UNFITTED: editor.models.space.text_code(UNFITTED)})
    models = replace(editor.models, library={UNFITTED: FittedEdit({}, lambda: fitted)})
    return FaceEditor(models, editor.slots, editor.device)


def measure(stage: Stage, device: torch.device) -> Measure:
    """Runs a stage `repeats` times."""
    import torch

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(max(1, stage.repeats)):
        started = time.perf_counter()
        stage.call()
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return Measure(min(seconds), peak_memory(device))


def peak_memory(device: torch.device) -> int:
    """Bytes: CUDA's own count since its reset; elsewhere the largest size of the process so far (0 if unknown)."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def as_line(name: str, measured: Measure) -> str:
    """One line of the table."""
    return f"{name:28} {measured.seconds:7.2f} s {measured.memory / 1e9:6.2f} GB"


def memory_note(device: torch.device) -> str:
    """The meaning of the memory column."""
    if device.type == "cuda":
        return "Memory: the peak of each stage on the GPU, all models of the stack included."
    return "Memory: the largest size of the whole process up to that stage, all models included."
