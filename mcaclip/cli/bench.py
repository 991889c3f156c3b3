"""How long each stage takes on this machine, and how much memory: `python -m mcaclip bench`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli import bench_compare
from mcaclip.cli.arguments import EditorLoader, MeasuringOptions
from mcaclip.cli.options import Arg, whole
from mcaclip.platform.console import say

if TYPE_CHECKING:
    import torch

    from mcaclip.editor import FaceEditor

UNFITTED = "not fitted"
PLAIN_PASS = "pass of the generator"
PARTS = ("eyes", "lipstick", "goatee", "hair")
"""What is edited, from little to much of the picture."""
COLOURS = ("red", "green", "blue", "purple", "orange", "pink")
"""What parts are edited in. A face keeps the masks of its last edits, so each colour is measured once."""


@dataclass(frozen=True, kw_only=True)
class Options(MeasuringOptions):
    """Time and memory of every stage and of a training step."""

    repeats: Annotated[int, Arg("runs of the short stages; the best counts", read=whole(1, 1000))] = 3
    full_size: Annotated[bool, Arg("the training step through the full generator")] = False
    compare: Annotated[
        str | None,
        Arg(
            "measure another commit as well, in turn with this one, and write both; in a git checkout", metavar="REV"
        ),
    ] = None
    json: Annotated[bool, Arg("write JSON: a list of objects, one per stage, without the training step")] = False


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes seconds and peak memory per stage; the exit status. Raises StudioError."""
    from mcaclip.cli.training import run_training

    if options.compare is not None:
        words = ["--repeats", str(options.repeats), "--device", options.device]
        return bench_compare.run(
            options.compare, [*words, *shlex.split(options.chosen_stack().options)], as_json=options.json
        )
    editor = options.load_editor(load)
    measured = {}
    for stage in stages(editor, options.repeats):
        measured[stage.name] = measure(stage, editor.device)
        if not options.json:
            say(as_line(stage.name, measured[stage.name], measured[PLAIN_PASS]))
    if options.json:
        found = [as_object(name, one, measured[PLAIN_PASS]) for name, one in measured.items()]
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return 0
    words = ["bench", "--device", options.device, *shlex.split(options.chosen_stack().options)]
    say(run_training([*words, "--full-size"] if options.full_size else words).rstrip())
    say(memory_note(editor.device))
    return 0


@dataclass(frozen=True)
class BenchStage:
    """Something to measure: its name, the function to call, and how often."""

    name: str
    call: Callable[[], object]
    repeats: int = 1


@dataclass(frozen=True)
class Measure:
    """Best wall time in seconds, the peak of memory in bytes (see `memory_note`), and the bytes that were made."""

    seconds: float
    memory: int
    sent: int = 0


def stages(editor: FaceEditor, repeats: int = 3) -> list[BenchStage]:
    """The stages of an editor, with the face of seed 0; an inversion runs once.

    Without a fitted prompt the edit runs a network with random weights, which takes as long.
    """
    import torch

    from mcaclip.generators.synthesis import synthesize
    from mcaclip.imaging.align import already_aligned
    from mcaclip.imaging.visuals import screen_picture
    from mcaclip.inversion.optimise import EFFORTS
    from mcaclip.types import EditSettings, to_uint8

    editor = editor if editor.prompts() else _with_random_edit(editor)
    face, generator = editor.sample(0), editor.models.generator
    code = face.w_plus[None].to(editor.device)
    aligned = already_aligned(to_uint8(face.reconstruction))
    size = f"{generator.image_size} px"
    universal = editor.has_universal

    @torch.no_grad()
    def plain_pass() -> None:
        synthesize(generator, code)

    def new_face(words: str) -> object:
        return editor.edit(replace(face), EditSettings(words))

    def new_preview(words: str) -> object:
        return editor.preview(replace(face), EditSettings(words))

    def other_colour(part: str) -> Callable[[], object]:
        colours = cycle(COLOURS)
        return lambda: editor.edit(face, EditSettings(f"{next(colours)} {part}"))

    def other_strength(words: str) -> Callable[[], object]:
        strengths = cycle((0.9, 1.1))
        return lambda: editor.edit(face, EditSettings(words, next(strengths)))

    def slider(words: str) -> Callable[[], object]:
        strengths = cycle((0.85, 1.15))

        def move() -> bytes:
            edit = editor.moving(face, editor.resolve(EditSettings(words, next(strengths))))
            return screen_picture(to_uint8(edit.image))

        return move

    result = [
        BenchStage(PLAIN_PASS, plain_pass, repeats),
        BenchStage(f"random face, {size}", lambda: editor.sample(1), repeats),
    ]
    for part, words in (
        [(part, f"{COLOURS[0]} {part}") for part in PARTS] if universal else [("", editor.prompts()[0])]
    ):
        result.append(BenchStage(f"{words}, new face", partial(new_face, words), repeats))
        if universal:
            result.append(BenchStage(f"{part}, other colour", other_colour(part), min(repeats, len(COLOURS))))
        result.append(BenchStage(f"{words}, other strength", other_strength(words), repeats + 1))
        result.append(BenchStage(f"{words}, slider to screen", slider(words), repeats + 1))
        result.append(BenchStage(f"{words}, new face, 256 px", partial(new_preview, words), repeats))
    # `best` is `good` with more steps
    pixels = to_uint8(face.reconstruction)
    result.append(BenchStage(f"encoding for the screen, {size}", lambda: screen_picture(pixels), repeats))
    efforts = [effort for effort in EFFORTS if effort != "best"]
    inversions = [BenchStage(f"inversion, {one}", partial(editor.invert, aligned, one)) for one in efforts]
    return result + inversions


def _with_random_edit(editor: FaceEditor) -> FaceEditor:
    from mcaclip.editing.library import FittedEdit
    from mcaclip.editing.network.mca import PAPER_CONFIG, FittedNetwork, MCANetwork
    from mcaclip.editor import FaceEditor

    network = MCANetwork(editor.models.generator.layers, PAPER_CONFIG).requires_grad_(False).to(editor.device)
    fitted = FittedNetwork(network, {UNFITTED: {}}, {UNFITTED: editor.models.space.text_code(UNFITTED)})
    models = replace(editor.models, library={UNFITTED: FittedEdit({}, lambda: fitted)})
    return FaceEditor(models, editor.slots, editor.device)


def measure(stage: BenchStage, device: torch.device) -> Measure:
    """Runs a stage `repeats` times."""
    import torch

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(max(1, stage.repeats)):
        started = time.perf_counter()
        made = stage.call()
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return Measure(min(seconds), peak_memory(device), len(made) if isinstance(made, bytes) else 0)


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


def as_line(name: str, measured: Measure, plain: Measure | None = None) -> str:
    """One line of the table; with a plain pass of the generator, the time as a multiple of it as well."""
    passes = "" if plain is None else f" {measured.seconds / plain.seconds:7.2f} passes"
    sent = f" {measured.sent / 1e3:5.0f} kB sent" if measured.sent else ""
    return f"{name:32} {measured.seconds:7.3f} s{passes} {measured.memory / 1e9:6.2f} GB{sent}"


def as_object(name: str, measured: Measure, plain: Measure) -> dict[str, float | str]:
    """The same for `--json`; sizes in bytes."""
    ratio = measured.seconds / plain.seconds
    found: dict[str, float | str] = {
        "stage": name,
        "seconds": measured.seconds,
        "passes": ratio,
        "memory": measured.memory,
    }
    if measured.sent:
        found["sent"] = measured.sent
    return found


def memory_note(device: torch.device) -> str:
    """The meaning of the memory column."""
    if device.type == "cuda":
        return "Memory: the peak of each stage on the GPU, all models of the stack included."
    return "Memory: the largest size of the whole process up to that stage, all models included."
