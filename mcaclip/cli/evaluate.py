"""`python -m mcaclip evaluate`: figures for edits, or the paper's table of methods."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import validate
from mcaclip.cli import paper_table
from mcaclip.cli.arguments import add_edits_file, add_stack, chosen_stack, named_edits
from mcaclip.cli.batch import check_folder
from mcaclip.config import SLOTS, Stack
from mcaclip.errors import PromptError, StudioError
from mcaclip.platform.console import shown

if TYPE_CHECKING:
    from mcaclip.editing.prompts import LibraryPrompt
    from mcaclip.editor import FaceEditor
    from mcaclip.types import EditSettings

EditorLoader = Callable[[Stack, Sequence[Path]], "FaceEditor"]
SIZES = (256, 1024)

DESCRIPTION = """Measure edits on generated faces and photos: whether they arrive (hit rate), what else moves (leak,
SSIM outside, mask area), whether it is still the same person, and how long they take. DIR gets figures.json,
figures.md, a contact sheet a prompt and overview.jpg. Every edit is written to rows.jsonl as it is done: the same
command again goes on where it stopped, and more faces, prompts or columns may be added."""


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command `evaluate`."""
    help_text = "measure edits: figures and contact sheets"
    parser = commands.add_parser("evaluate", help=help_text, description=DESCRIPTION)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--seeds", type=int, default=20, help="generated faces, of the seeds from 0 (default 20)")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="folder of photos to invert and edit as well")
    parser.add_argument("--limit", type=int, default=20, help="photos at most, by name (default 20)")
    parser.add_argument(
        "--prompt", action="append", default=[],
        help='only this prompt (repeatable; default the whole library); "green lipstick + purple hair:0.7" is one '
        "edit of two",
    )  # fmt: skip
    parser.add_argument(
        "--column", action="append", default=[], metavar="NAME[=FILE]",
        help="full (default), without-pre (all masks open) or without-ff=FILE; with a file, that network instead "
        "(repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--size", type=int, choices=SIZES, default=SIZES[-1],
        help="side of the edits: 1024 (default), or 256 through the preview, about five times as fast",
    )  # fmt: skip
    parser.add_argument("--inversion", default="good", help="inversion effort for photos (default good)")
    parser.add_argument("--judge", type=Path, help="folder of a second face net that scores identity as well")
    add_stack(parser, tuple(SLOTS))
    add_edits_file(parser)
    paper_table.add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, load: EditorLoader) -> int:
    """`evaluate`: the exit status.

    Raises:
        StudioError: options that do not go together or cannot be used.
        WeightsError: a weight file is missing, damaged, or does not go with the stack.
    """
    paper_table.check(args)
    if args.table:
        return paper_table.run(args, load)
    _check(args)
    from mcaclip.evaluation.requests import read_settings, recipes_of, subjects_of
    from mcaclip.evaluation.variants import FULL, build_variants, parse_variant

    settings = [read_settings(text) for text in args.prompt]
    named = [parse_variant(text) for text in args.column or [FULL]]
    check_folder(args.out)
    from mcaclip.editing.prompts import load_prompts
    from mcaclip.evaluation.context import EvaluationContext
    from mcaclip.evaluation.faces import face_sources
    from mcaclip.evaluation.run import Plan
    from mcaclip.evaluation.run import run as measure
    from mcaclip.loading import load_parser
    from mcaclip.perception.judge import Judge

    judge = Judge.load(args.judge) if args.judge else None
    editor = load(chosen_stack(args), named_edits(args))
    library, asks_editor = load_prompts(), any(path is None for _, path in named)
    if settings:
        own = [editor.check_settings(one) if asks_editor else one for one in settings]
    else:
        own = _of_library(editor, library, asks_editor)
    subjects, columns = subjects_of(own, recipes_of(library)), build_variants(editor, named, args.size)
    tools = EvaluationContext(editor, load_parser(editor.slots, editor.device), judge)
    faces = face_sources(editor, args.seeds, args.photos, args.limit, args.inversion, args.out)
    # what plays no part in this call may be otherwise in the next
    about = {"inversion": args.inversion} if args.photos else {}
    about |= {"judge": "MobileFace"} if judge else {}
    sys.stdout.write(measure(tools, Plan(subjects, columns, args.size, about), faces, args.out, _say))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raises StudioError for what can be refused before anything is loaded."""
    validate.check_effort(args.inversion)
    if args.photos and not args.photos.is_dir():
        raise StudioError(f"--photos: there is no folder {args.photos}")
    if args.seeds < 0 or args.limit < 0 or not (args.seeds or args.photos):
        raise StudioError("evaluate needs faces: --seeds N of 1 or more, or --photos DIR")


def _of_library(editor: FaceEditor, library: Sequence[LibraryPrompt], asks_editor: bool) -> list[EditSettings]:
    """All prompts of the library at their best strengths that the editor can make, or what was fitted for it."""
    from mcaclip.types import EditSettings

    found = []
    for entry in library:
        try:
            settings = EditSettings(entry.prompt, strength=entry.best)
            found.append(editor.check_settings(settings) if asks_editor else settings)
        except PromptError as error:
            _say(f"{entry.prompt} is left out: {error}")
    return found or [EditSettings(prompt) for prompt in editor.prompts()]


def _say(line: str) -> None:
    """Progress on stderr, so that stdout holds the figures alone."""
    sys.stderr.write(f"{shown(line)}\n")
    sys.stderr.flush()
