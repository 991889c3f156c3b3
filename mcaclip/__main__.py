"""Command line: `python -m mcaclip edit|sample|invert|prompts|score|compare|evaluate|bench|parse|fetch|doctor`.

Exit status: 0 when all went well; 2 with one line on stderr for bad input; 3 when some of several photos
or weight files failed (each is named on stderr, the others are done). Heavy modules are imported inside
the commands, so that help and argument errors come at once.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import validate
from mcaclip.arguments import OneLineParser, add_edits_file, add_stack, chosen_stack, named_edits
from mcaclip.commands import compare, evaluate, parse, prompts, score
from mcaclip.commands.several import EXIT_BAD_INPUT, EXIT_SOME_FAILED, check_folder, complain, missing, report
from mcaclip.config import SLOTS, Stack
from mcaclip.errors import StudioError
from mcaclip.memory import keep_freed_memory
from mcaclip.version import __version__

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.output import Provenance
    from mcaclip.pipeline import Outcome
    from mcaclip.types import EditSettings, Progress, ProgressCallback

PROMPT_HELP = 'the change, e.g. "green lipstick"; several combine, each with its strength: "purple hair:0.7"'

EditorLoader = Callable[[Stack, Sequence[Path]], "FaceEditor"]
"""From a stack, and files of fitted edits to use with it, to its editor."""

Command = Callable[[argparse.Namespace, EditorLoader], int]


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = OneLineParser(prog="python -m mcaclip", description="Edit faces with words and learned masks.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_edit(commands)
    _add_sample(commands)
    _add_invert(commands)
    prompts.add(commands)
    score.add(commands)
    compare.add(commands)
    evaluate.add(commands)
    _add_bench(commands)
    parse.add(commands)
    _add_fetch(commands)
    doctor = commands.add_parser("doctor", help="check every weight file, and say how to get what is missing")
    doctor.add_argument(
        "--stack", choices=validate.STACKS, help="only this stack (default: both, of which compact is needed)"
    )
    doctor.set_defaults(run=run_doctor)
    return parser


def _add_edit(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("edit", help="edit the face in one or more photos")
    _add_photo_options(parser)
    parser.add_argument("--prompt", action="append", required=True, help=PROMPT_HELP)
    _add_edit_options(parser)
    parser.set_defaults(run=run_edit)


def _add_sample(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("sample", help="make a random face, and edit it when a prompt is given")
    parser.add_argument("--seed", type=_seed, required=True, help="which face, 0 to 2^32 - 1")
    parser.add_argument("--prompt", action="append", help=f"{PROMPT_HELP}; without it only the face is made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    add_stack(parser)
    _add_edit_options(parser)
    parser.set_defaults(run=run_sample)


def _add_bench(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("bench", help="time and memory of every stage and of a training step")
    add_stack(parser, tuple(SLOTS))
    add_edits_file(parser)
    parser.add_argument(
        "--repeats", type=int, default=3, help="runs of the short stages (default 3, the best counts)"
    )
    parser.add_argument("--full-size", action="store_true", help="the training step through the full generator")
    parser.set_defaults(run=run_bench)


def _add_invert(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("invert", help="reconstruct the face in one or more photos, without an edit")
    _add_photo_options(parser)
    parser.set_defaults(run=run_invert)


def _add_fetch(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("fetch", help="download and convert every weight file of a stack")
    parser.add_argument("--stack", choices=validate.STACKS, default="compact", help="model stack")
    parser.add_argument("--yes", action="store_true", help="do not ask before a large download")
    parser.set_defaults(run=run_fetch)


def _add_photo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="image file with a face")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results, one folder a photo")
    add_stack(parser)
    parser.add_argument("--face", type=int, default=0, help="which face, 0 is the largest (default 0)")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of the inversion (default 0)")
    parser.add_argument("--inversion", choices=validate.EFFORTS, default="good", help="effort (default good)")


def _load(args: argparse.Namespace, load: EditorLoader) -> FaceEditor:
    """The editor that the arguments choose. Raises StudioError, and WeightsError for its files."""
    return load(chosen_stack(args), named_edits(args))


def _add_edit_options(parser: argparse.ArgumentParser) -> None:
    add_edits_file(parser)
    parser.add_argument(
        "--strength", type=float, help="0 to 2 (default: what looks best by the prompt library, else 1)"
    )
    parser.add_argument(
        "--mode",
        choices=validate.MODES,
        help="universal: one network for any prompt; fitted: one fitted to the prompt (default: the better of both)",
    )
    parser.add_argument("--without-pre", action="store_true", help="no masks at all, the paper's ablation w/o PRE")
    parser.add_argument(
        "--mask-threshold",
        type=float,
        default=0.0,
        help="0 for soft masks, t up to 0.95 for hard ones (default 0)",
    )
    parser.add_argument("--mask-invert", action="store_true", help="edit where the masks are closed")
    parser.add_argument("--mask-feather", type=float, default=0.0, help="soften masks, pixels of 256 (default 0)")
    parser.add_argument(
        "--variation", type=int, default=0, metavar="N", help="the same edit in another shade, 1 to 999 (default 0)"
    )
    parser.add_argument("--mask", type=Path, help="square image over the aligned face: white may change, black not")


def _seed(text: str) -> int:
    """An integer in 0..2^32 - 1, the range every random generator here accepts."""
    with contextlib.suppress(ValueError):
        if 0 <= int(text) < 2**32:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 4294967295")


def run_edit(args: argparse.Namespace, load: EditorLoader) -> int:
    """`edit`: every photo into its own folder."""
    parts = _check_edit(args)
    settings = functools.cache(lambda editor: _settings(args, parts, editor))

    def process(editor: FaceEditor, path: Path) -> Outcome:
        from mcaclip import align, pipeline

        photo = align.load_photo(path)
        with _progress(path.name) as callback:
            options = (args.face, args.inversion, args.seed, callback)
            return pipeline.edit_photo(editor, photo, settings(editor), *options)

    return _each_photo(args, load, process, settings)


def _check_edit(args: argparse.Namespace) -> list[tuple[str, float | None]]:
    """Checks the options of an edit before anything is loaded; prompts with strengths. Raises StudioError."""
    parts: list[tuple[str, float | None]] = validate.split_prompts(args.prompt, args.strength)
    validate.check_threshold(args.mask_threshold)
    validate.check_feather(args.mask_feather)
    validate.check_variation(args.variation)
    if args.without_pre and (args.mask_invert or args.mask_threshold or args.mask_feather):
        raise StudioError(
            "--without-pre takes the masks away: leave out --mask-invert, --mask-threshold, --mask-feather"
        )
    if args.mask is not None and (problem := missing(args.mask)):
        raise StudioError(f"--mask {args.mask} {problem}")
    return parts


def _settings(args: argparse.Namespace, parts: list[tuple[str, float | None]], editor: FaceEditor) -> EditSettings:
    """What the options of an edit mean. Raises PromptError and ImageError."""
    from mcaclip.editing.mask_tools import load_mask
    from mcaclip.types import EditSettings, Paint, PromptStrength

    masks = EditSettings(
        parts[0][0],
        mask_threshold=args.mask_threshold,
        mask_invert=args.mask_invert,
        mask_feather=args.mask_feather,
        paint=None if args.mask is None else Paint(allow=load_mask(args.mask)),
        variation=args.variation,
        mode=args.mode,
        without_masks=args.without_pre,
    )
    asked = [
        PromptStrength(reading.prompt, reading.best if strength is None else strength)
        for words, strength in parts
        for reading in editor.read_prompt(words, args.mode)
    ]
    return editor.check_settings(masks.with_parts(asked))


def run_invert(args: argparse.Namespace, load: EditorLoader) -> int:
    """`invert`: reconstructions and latents only."""

    def process(editor: FaceEditor, path: Path) -> Outcome:
        from mcaclip import align, pipeline

        photo = align.load_photo(path)
        with _progress(path.name) as callback:
            return pipeline.invert_photo(editor, photo, args.face, args.inversion, args.seed, callback)[1]

    return _each_photo(args, load, process)


def run_sample(args: argparse.Namespace, load: EditorLoader) -> int:
    """`sample`: one generated face into DIR/seed_N."""
    parts = _check_edit(args) if args.prompt else None
    check_folder(args.out)
    editor = _load(args, load)
    from mcaclip import pipeline
    from mcaclip.output import Provenance

    settings = _settings(args, parts, editor) if parts else None
    with _progress(f"seed {args.seed}") as callback:
        outcome = pipeline.sample_face(editor, args.seed, settings, callback)
    origin = Provenance(editor.stack, editor.weight_hashes(), args.seed)
    _write(args.out / f"seed_{args.seed}", outcome, origin)
    return 0


def run_bench(args: argparse.Namespace, load: EditorLoader) -> int:
    """`bench`: seconds and peak memory a stage."""
    from mcaclip import bench
    from train.bench import training_step

    editor = _load(args, load)
    stages = bench.stages(editor, args.repeats)
    stages.append(training_step(editor, args.full_size))
    for stage in stages:
        measure = bench.measure(stage, editor.device)
        sys.stdout.write(f"{stage.name:28} {measure.seconds:7.2f} s {measure.memory / 1e9:6.2f} GB\n")
        sys.stdout.flush()
    sys.stdout.write(bench.memory_note(editor.device) + "\n")
    return 0


def run_doctor(args: argparse.Namespace, load: EditorLoader) -> int:
    """`doctor`: the state of every weight file; status 1 when something needed is missing or damaged."""
    from mcaclip import doctor

    return doctor.main(args.stack)


def run_fetch(args: argparse.Namespace, load: EditorLoader) -> int:
    """`fetch`: all weight files of a stack; status 3 when some could not be had, each named on stderr."""
    from mcaclip import fetch
    from mcaclip.types import Progress

    with contextlib.ExitStack() as bars:

        def watch(title: str) -> Callable[[str, float], None]:
            bars.close()
            update = bars.enter_context(_progress(title))
            return lambda stage, fraction: update(Progress(stage, fraction))

        failures = fetch.run(args.stack, args.yes, watch)
    for name, message in failures.items():
        complain(f"{name}: {message}")
    return EXIT_SOME_FAILED if failures else 0


def _each_photo(
    args: argparse.Namespace,
    load: EditorLoader,
    process: Callable[[FaceEditor, Path], Outcome],
    check: Callable[[FaceEditor], object] | None = None,
) -> int:
    """Runs `process` on every photo and writes its folder.

    Args:
        args: with `photos`, `out`, `face`, `inversion`, `seed`, `stack`.
        load: called once, and only when at least one photo exists.
        process: does the work for one photo.
        check: raises StudioError when the editor cannot do what is asked for any photo.

    Returns:
        The exit status.
    """
    validate.check_effort(args.inversion)
    if args.face < 0:
        raise StudioError("The face number starts at 0, the largest face.")
    failures = {path: error for path in args.photos if (error := missing(path))}
    if len(failures) == len(set(args.photos)):
        return report(failures, len(args.photos))
    check_folder(args.out)
    editor = _load(args, load)
    if check is not None:
        check(editor)
    from mcaclip.output import Provenance, folder_names

    hashes = editor.weight_hashes()
    for path, name in zip(args.photos, folder_names([path.stem for path in args.photos]), strict=True):
        if path in failures:
            continue
        try:
            outcome = process(editor, path)
            origin = Provenance(editor.stack, hashes, args.seed, args.inversion, path.name, args.face)
            _write(args.out / name, outcome, origin)
        except (StudioError, OSError) as error:
            failures[path] = str(error)
    return report(failures, len(args.photos))


def _write(folder: Path, outcome: Outcome, provenance: Provenance) -> None:
    """Writes the result folder and says on stdout where it is."""
    from mcaclip.output import write_outcome

    write_outcome(folder, outcome, provenance)
    found = outcome.inversion
    likeness = "" if found.identity is None else f"likeness {found.identity:.2f}, "
    sys.stdout.write(f"{folder}  ({likeness}{sum(outcome.seconds.values()):.1f} s)\n")
    for note in (*found.notes, *(outcome.result.notes if outcome.result else ())):
        sys.stdout.write(f"  {note}\n")


@contextlib.contextmanager
def _progress(name: str) -> Iterator[ProgressCallback]:
    """A progress bar on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f} % |{bar:24}| {elapsed}"
    with tqdm(total=1.0, desc=name, disable=not sys.stderr.isatty(), leave=False, bar_format=layout) as bar:

        def update(step: Progress) -> None:
            bar.set_description(f"{name}, {step.stage}", refresh=False)
            bar.n = step.fraction
            bar.refresh()

        yield update


def load_stack(stack: Stack, edits: Sequence[Path]) -> FaceEditor:
    """The real editor of a stack. Raises WeightsError."""
    from mcaclip.editor import load_editor

    return load_editor(stack, edits=edits)


def main(argv: Sequence[str] | None = None, load_editor: EditorLoader = load_stack) -> int:
    """Runs one command.

    Args:
        argv: arguments without the program's name; those of the process when None.
        load_editor: from a stack to its editor; tests pass their own.

    Returns:
        The exit status.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        args = build_parser().parse_args(argv)
        command: Command = args.run
        return command(args, load_editor)
    except StudioError as error:
        complain(str(error))
        return EXIT_BAD_INPUT


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(main())
