"""Command line: `python -m mcaclip edit|sample|invert|prompts|score|compare|evaluate|bench|parse|fetch|doctor`.

Exit status: 0 when all went well; 2 with one line on stderr for bad input; 3 when some of several photos
or weight files failed (each is named on stderr, the others are done); 130 after Ctrl-C and 143 after SIGTERM.
Results appear whole or not at all. Heavy modules are imported inside the commands, so that help and argument
errors come at once.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import validate
from mcaclip.cli import compare, evaluate, parse, prompts, score
from mcaclip.cli.arguments import OneLineParser, add_edits_file, add_stack, chosen_stack, named_edits
from mcaclip.cli.batch import (
    EXIT_BAD_INPUT,
    EXIT_SOME_FAILED,
    PICTURES_HELP,
    check_folder,
    complain,
    missing,
    pictures,
    report,
)
from mcaclip.config import SLOTS, Stack
from mcaclip.errors import StudioError
from mcaclip.platform.console import exit_status, problem_of, say, tolerant_streams
from mcaclip.platform.memory import keep_freed_memory
from mcaclip.version import __version__

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.results.pipeline import Outcome
    from mcaclip.types import AlignedFace, EditSettings, Paint, Progress, ProgressCallback

FOLDERS_HELP = """Each result has a folder of its own in DIR, named after the photo. Nothing is overwritten: another
edit of the photo goes into NAME_2, NAME_3, ... A request that DIR holds already (the same photo, options and weights)
is not made again. With --overwrite the folder NAME is replaced: the files of its result, and nothing else in it."""
PROMPT_HELP = 'the change, e.g. "green lipstick"; several combine, each with its strength: "purple hair:0.7"'

ALREADY_THERE = "(already there; --overwrite makes it again)"

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
    help_text = "edit the face in one or more photos"
    parser = commands.add_parser("edit", help=help_text, description=FOLDERS_HELP)
    _add_photo_options(parser)
    parser.add_argument("--prompt", action="append", required=True, help=PROMPT_HELP)
    _add_edit_options(parser)
    parser.set_defaults(run=run_edit)


def _add_sample(commands: argparse._SubParsersAction) -> None:
    help_text = "make a random face, and edit it when a prompt is given"
    parser = commands.add_parser("sample", help=help_text, description=FOLDERS_HELP)
    parser.add_argument("--seed", type=_seed, required=True, help="which face, 0 to 2^32 - 1")
    parser.add_argument("--prompt", action="append", help=f"{PROMPT_HELP}; without it only the face is made")
    _add_out(parser)
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
    help_text = "reconstruct the face in one or more photos, without an edit"
    parser = commands.add_parser("invert", help=help_text, description=FOLDERS_HELP)
    _add_photo_options(parser)
    parser.set_defaults(run=run_invert)


def _add_fetch(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("fetch", help="download and convert every weight file of a stack")
    parser.add_argument("--stack", choices=validate.STACKS, default="compact", help="model stack")
    parser.add_argument("--yes", action="store_true", help="do not ask before a large download")
    parser.set_defaults(run=run_fetch)


def _add_photo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help=f"image file with a face; {PICTURES_HELP}"
    )
    _add_out(parser)
    add_stack(parser)
    parser.add_argument("--face", type=int, default=0, help="which face, 0 is the largest (default 0)")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of the inversion (default 0)")
    parser.add_argument("--inversion", choices=validate.EFFORTS, default="good", help="effort (default good)")


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results of the same name")


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
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="where the edit may act: white may change; black and transparent may not. An image of the photo's own "
        "width and height lies over the photo, any other one must be square and lies over the aligned face",
    )
    parser.add_argument(
        "--mark",
        action="store_true",
        help="write a small AI-edited into the pictures of the edit; without it only their metadata says so, and "
        "every pixel is as computed",
    )


def _seed(text: str) -> int:
    """An integer in 0..2^32 - 1, the range every random generator here accepts."""
    with contextlib.suppress(ValueError):
        if 0 <= int(text) < 2**32:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 4294967295")


def run_edit(args: argparse.Namespace, load: EditorLoader) -> int:
    """`edit`: every photo into its own folder."""
    parts = _check_edit(args)

    def process(editor: FaceEditor, path: Path, settings: EditSettings | None) -> Outcome:
        from mcaclip.imaging import align
        from mcaclip.results import pipeline

        assert settings is not None
        photo = align.load_photo(path)
        with _progress(path.name) as callback:
            options = (args.face, args.inversion, args.seed, callback)
            return pipeline.edit_photo(editor, photo, settings, *options, painted=_painter(args))

    return _each_photo(args, load, process, lambda editor: _settings(args, parts, editor))


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
    if args.mask is not None:
        if problem := missing(args.mask):
            raise StudioError(f"--mask {args.mask} {problem}")
        from mcaclip.editing.mask_tools import read_mask

        read_mask(args.mask)
    return parts


def _settings(args: argparse.Namespace, parts: list[tuple[str, float | None]], editor: FaceEditor) -> EditSettings:
    """What the options of an edit mean, but for the painted mask, which depends on the face. Raises PromptError."""
    from mcaclip.types import EditSettings, PromptStrength

    masks = EditSettings(
        parts[0][0],
        mask_threshold=args.mask_threshold,
        mask_invert=args.mask_invert,
        mask_feather=args.mask_feather,
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


def _painter(args: argparse.Namespace) -> Callable[[AlignedFace | None], Paint] | None:
    """From a face, which a generated one has not, to its painted mask; raises ImageError. None without --mask."""
    if args.mask is None:
        return None
    from mcaclip.editing.mask_tools import load_mask
    from mcaclip.types import Paint

    return lambda face: Paint(allow=load_mask(args.mask, face))


def run_invert(args: argparse.Namespace, load: EditorLoader) -> int:
    """`invert`: reconstructions and latents only."""

    def process(editor: FaceEditor, path: Path, _: EditSettings | None) -> Outcome:
        from mcaclip.imaging import align
        from mcaclip.results import pipeline

        photo = align.load_photo(path)
        with _progress(path.name) as callback:
            return pipeline.invert_photo(editor, photo, args.face, args.inversion, args.seed, callback)[1]

    return _each_photo(args, load, process)


def run_sample(args: argparse.Namespace, load: EditorLoader) -> int:
    """`sample`: one generated face into DIR/seed_N."""
    parts = _check_edit(args) if args.prompt else None
    check_folder(args.out)
    editor = _load(args, load)
    from dataclasses import replace

    from mcaclip.results import pipeline
    from mcaclip.results.folder import Provenance, ResultFolders

    stem = f"seed_{args.seed}"
    settings = _settings(args, parts, editor) if parts else None
    origin = Provenance(
        editor.stack, editor.weight_hashes(), args.seed, mask_sha256=_digest(args.mask), marked=args.mark
    )
    folders = ResultFolders(args.out, args.overwrite)
    if found := folders.find(stem, settings, origin):
        say(f"{found}  {ALREADY_THERE}")
        return 0
    paint = _painter(args)
    if settings and paint:
        settings = replace(settings, paint=paint(None))
    with _progress(stem) as callback:
        outcome = pipeline.sample_face(editor, args.seed, settings, callback)
    _tell(folders.write(stem, outcome, origin), outcome)
    return 0


def run_bench(args: argparse.Namespace, load: EditorLoader) -> int:
    """`bench`: seconds and peak memory a stage."""
    from mcaclip.cli import bench
    from train.prompt.bench import training_step

    editor = _load(args, load)
    stages = bench.stages(editor, args.repeats)
    stages.append(training_step(editor, args.full_size))
    for stage in stages:
        measure = bench.measure(stage, editor.device)
        say(f"{stage.name:28} {measure.seconds:7.2f} s {measure.memory / 1e9:6.2f} GB")
    say(bench.memory_note(editor.device))
    return 0


def run_doctor(args: argparse.Namespace, load: EditorLoader) -> int:
    """`doctor`: the state of every weight file; status 1 when something needed is missing or damaged."""
    from mcaclip.cli import doctor

    return doctor.main(args.stack)


def run_fetch(args: argparse.Namespace, load: EditorLoader) -> int:
    """`fetch`: all weight files of a stack; status 3 when some could not be had, each named on stderr."""
    from mcaclip.cli import fetch
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
    process: Callable[[FaceEditor, Path, EditSettings | None], Outcome],
    settings_of: Callable[[FaceEditor], EditSettings] = lambda editor: None,  # type: ignore[assignment, return-value]
) -> int:
    """Runs `process` on every photo and writes its folder.

    Args:
        args: with `photos`, `out`, `overwrite`, `face`, `inversion`, `seed`, `stack`; for an edit `mask` and `mark`.
        load: called once, and only when at least one photo exists.
        process: does the work for one photo.
        settings_of: what is asked for of every photo; raises StudioError when the editor cannot do it for any.

    Returns:
        The exit status.
    """
    validate.check_effort(args.inversion)
    if args.face < 0:
        raise StudioError("The face number starts at 0, the largest face.")
    asked = pictures(args.photos)
    failures = dict(asked.failures)
    if not asked.files:
        return report(failures, asked.asked)
    check_folder(args.out)
    editor = _load(args, load)
    settings = settings_of(editor)
    from mcaclip.platform.digests import sha256_of
    from mcaclip.platform.naming import safe_stem
    from mcaclip.results.folder import Provenance, ResultFolders

    hashes, mask, marked = editor.weight_hashes(), _digest(getattr(args, "mask", None)), getattr(args, "mark", False)
    folders = ResultFolders(args.out, args.overwrite)
    for path in asked.files:
        stem, own = safe_stem(path.stem), (args.inversion, path.name, args.face)
        try:
            origin = Provenance(editor.stack, hashes, args.seed, *own, sha256_of(path), mask, marked)
            if found := folders.find(stem, settings, origin):
                say(f"{found}  {ALREADY_THERE}")
                continue
            outcome = process(editor, path, settings)
            _tell(folders.write(stem, outcome, origin), outcome)
        except (StudioError, OSError) as error:
            failures[path] = problem_of(error)
    return report(failures, asked.asked)


def _digest(path: Path | None) -> str | None:
    """sha256 of a file; None without one."""
    from mcaclip.platform.digests import sha256_of

    return None if path is None else sha256_of(path)


def _tell(folder: Path, outcome: Outcome) -> None:
    """Says on stdout where a result is, and what is to be known of it."""
    found = outcome.inversion
    likeness = "" if found.identity is None else f"likeness {found.identity:.2f}, "
    say(f"{folder}  ({likeness}{sum(outcome.seconds.values()):.1f} s)")
    for note in (*found.notes, *(outcome.result.notes if outcome.result else ())):
        say(f"  {note}")


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
    tolerant_streams()
    try:
        args = build_parser().parse_args(argv)
        command: Command = args.run
        return command(args, load_editor)
    except BrokenPipeError:
        raise
    except (StudioError, OSError) as error:
        complain(problem_of(error))
        return EXIT_BAD_INPUT


def run_process() -> int:
    """The command of this process, also as the installed program `mcaclip`; its exit status."""
    keep_freed_memory()
    return exit_status(main)


if __name__ == "__main__":
    sys.exit(run_process())
