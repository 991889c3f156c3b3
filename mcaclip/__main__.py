"""Command line: `python -m mcaclip edit|sample|invert|prompts|evaluate|bench|doctor`.

Exit status: 0 when all went well; 2 with one line on stderr for bad input; 3 when some of several photos
failed (each is named on stderr, the others are done). Heavy modules are imported inside the commands, so
that help and argument errors come at once.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.version import __version__

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.output import Provenance
    from mcaclip.pipeline import Outcome
    from mcaclip.types import Progress, ProgressCallback

EXIT_BAD_INPUT = 2
EXIT_SOME_FAILED = 3

EditorLoader = Callable[[str], "FaceEditor"]
"""From a stack's name to its editor."""

Command = Callable[[argparse.Namespace, EditorLoader], int]


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are exceptions, so that they take one line."""

    def error(self, message: str) -> NoReturn:
        """Raises StudioError with the message and where to find help."""
        raise StudioError(f"{message} (see {self.prog} --help)")


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = OneLineParser(prog="python -m mcaclip", description="Edit faces with words and learned masks.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_edit(commands)
    _add_sample(commands)
    _add_invert(commands)
    prompts = commands.add_parser("prompts", help="list the prompts that have a fitted edit")
    _add_stack(prompts)
    prompts.set_defaults(run=run_prompts)
    _add_evaluate(commands)
    bench = commands.add_parser("bench", help="time every stage on this machine")
    _add_stack(bench)
    bench.set_defaults(run=run_bench)
    doctor = commands.add_parser("doctor", help="check every weight file, and say how to get what is missing")
    doctor.set_defaults(run=run_doctor)
    return parser


def _add_edit(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("edit", help="edit the face in one or more photos")
    _add_photo_options(parser)
    parser.add_argument("--prompt", action="append", required=True, help='the change, e.g. "green lipstick"')
    _add_edit_options(parser)
    parser.set_defaults(run=run_edit)


def _add_sample(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("sample", help="make a random face, and edit it when a prompt is given")
    parser.add_argument("--seed", type=_seed, required=True, help="which face, 0 to 2^32 - 1")
    parser.add_argument("--prompt", action="append", help="the change; without it only the face is made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    _add_stack(parser)
    _add_edit_options(parser)
    parser.set_defaults(run=run_sample)


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("evaluate", help="measure the fitted edits: figures and contact sheets")
    parser.add_argument("--out", type=Path, required=True, help="folder for figures.json, figures.md and the sheets")
    parser.add_argument("--seeds", type=int, default=20, help="generated faces (default 20)")
    parser.add_argument("--photos", type=Path, help="folder of photos to invert and edit as well")
    parser.add_argument("--limit", type=int, default=20, help="photos at most (default 20)")
    parser.add_argument("--prompt", action="append", default=[], help="only this prompt (repeatable; default all)")
    parser.add_argument("--inversion", default="good", help="inversion effort for photos (default good)")
    _add_stack(parser)
    parser.set_defaults(run=run_evaluate)


def _add_invert(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("invert", help="reconstruct the face in one or more photos, without an edit")
    _add_photo_options(parser)
    parser.set_defaults(run=run_invert)


def _add_photo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="image file with a face")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results, one folder a photo")
    _add_stack(parser)
    parser.add_argument("--face", type=int, default=0, help="which face, 0 is the largest (default 0)")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of the inversion (default 0)")
    parser.add_argument("--inversion", choices=validate.EFFORTS, default="good", help="effort (default good)")


def _add_stack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stack", choices=validate.STACKS, default="compact", help="model stack")


def _add_edit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strength", type=float, default=1.0, help="0 to 2, 1 is normal (default 1)")
    parser.add_argument(
        "--mask-threshold",
        type=float,
        default=0.0,
        help="0 for soft masks, t up to 0.95 for hard ones (default 0)",
    )


def _seed(text: str) -> int:
    """An integer in 0..2^32 - 1, the range every random generator here accepts."""
    with contextlib.suppress(ValueError):
        if 0 <= int(text) < 2**32:
            return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 4294967295")


def run_edit(args: argparse.Namespace, load: EditorLoader) -> int:
    """`edit`: every photo into its own folder."""
    prompt = validate.single_prompt(args.prompt)
    strength = validate.check_strength(args.strength)
    threshold = validate.check_threshold(args.mask_threshold)

    def process(editor: FaceEditor, path: Path) -> Outcome:
        from mcaclip import align, pipeline
        from mcaclip.types import EditSettings

        settings = EditSettings(editor.check_prompt(prompt), strength, threshold)
        photo = align.load_photo(path)
        with _progress(path.name) as callback:
            return pipeline.edit_photo(editor, photo, settings, args.face, args.inversion, args.seed, callback)

    return _each_photo(args, load, process, lambda editor: editor.check_prompt(prompt))


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
    prompt = validate.single_prompt(args.prompt) if args.prompt else None
    strength = validate.check_strength(args.strength)
    threshold = validate.check_threshold(args.mask_threshold)
    _check_folder(args.out)
    editor = load(args.stack)
    from mcaclip import pipeline
    from mcaclip.output import Provenance
    from mcaclip.types import EditSettings

    settings = EditSettings(editor.check_prompt(prompt), strength, threshold) if prompt else None
    with _progress(f"seed {args.seed}") as callback:
        outcome = pipeline.sample_face(editor, args.seed, settings, callback)
    origin = Provenance(editor.stack, editor.weight_hashes(), args.seed)
    _write(args.out / f"seed_{args.seed}", outcome, origin)
    return 0


def run_prompts(args: argparse.Namespace, load: EditorLoader) -> int:
    """`prompts`: one fitted prompt a line."""
    for prompt in load(args.stack).prompts():
        sys.stdout.write(prompt + "\n")
    return 0


def run_evaluate(args: argparse.Namespace, load: EditorLoader) -> int:
    """`evaluate`: figures for the fitted edits."""
    from mcaclip import evaluate

    if args.photos and not args.photos.is_dir():
        raise StudioError(f"--photos: there is no folder {args.photos}")
    summary = evaluate.run(
        load(args.stack), args.out, args.seeds, args.photos, args.limit, args.prompt, args.inversion
    )
    sys.stdout.write(evaluate.as_markdown(summary))
    return 0


def run_bench(args: argparse.Namespace, load: EditorLoader) -> int:
    """`bench`: seconds a stage."""
    from mcaclip import bench

    for stage, seconds in bench.run(load(args.stack)).items():
        sys.stdout.write(f"{stage:28} {seconds:6.2f} s\n")
    return 0


def run_doctor(args: argparse.Namespace, load: EditorLoader) -> int:
    """`doctor`: the state of every weight file; status 1 when something is missing or damaged."""
    from mcaclip import doctor

    return doctor.main([])


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
    failures = {path: error for path in args.photos if (error := _missing(path))}
    if len(failures) == len(set(args.photos)):
        return _report(failures, len(args.photos))
    _check_folder(args.out)
    editor = load(args.stack)
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
    return _report(failures, len(args.photos))


def _report(failures: dict[Path, str], photos: int) -> int:
    """One line a failed photo on stderr; the exit status."""
    for path, message in failures.items():
        _complain(f"{path}: {message}")
    if not failures:
        return 0
    return EXIT_BAD_INPUT if photos == 1 else EXIT_SOME_FAILED


def _missing(path: Path) -> str | None:
    """Why a photo cannot be read, or None."""
    if path.is_file():
        return None
    return "is a folder; give image files." if path.is_dir() else "does not exist; check the file name."


def _check_folder(folder: Path) -> None:
    """Makes the output folder now. Raises StudioError when it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(f"--out {folder} cannot be used as a folder ({error.strerror}); choose another.") from error


def _write(folder: Path, outcome: Outcome, provenance: Provenance) -> None:
    """Writes the result folder and says on stdout where it is."""
    from mcaclip.output import write_outcome

    write_outcome(folder, outcome, provenance)
    found = outcome.inversion
    likeness = "" if found.identity is None else f"likeness {found.identity:.2f}, "
    sys.stdout.write(f"{folder}  ({likeness}{sum(outcome.seconds.values()):.1f} s)\n")
    for note in found.notes:
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


def _complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    sys.stderr.write(f"mcaclip: {' '.join(message.split())}\n")


def load_stack(stack: str) -> FaceEditor:
    """The real editor of a stack, with its progress on a terminal. Raises WeightsError."""
    from mcaclip.editor import load_editor

    return load_editor(stack)


def main(argv: Sequence[str] | None = None, load_editor: EditorLoader = load_stack) -> int:
    """Runs one command.

    Args:
        argv: arguments without the program's name; those of the process when None.
        load_editor: from a stack's name to its editor; tests pass their own.

    Returns:
        The exit status.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        args = build_parser().parse_args(argv)
        command: Command = args.run
        return command(args, load_editor)
    except StudioError as error:
        _complain(str(error))
        return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
