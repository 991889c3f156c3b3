"""`compare`: several methods on the same faces and prompt."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import validate
from mcaclip.cli.arguments import add_edits_file, add_stack, chosen_stack, named_edits
from mcaclip.cli.batch import PICTURES_HELP, check_folder, missing, pictures, report
from mcaclip.config import SLOTS, Stack
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import folder_written_whole
from mcaclip.platform.console import EXIT_BAD_INPUT, problem_of, say

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from mcaclip.editor import FaceEditor
    from mcaclip.evaluation.compare import CompareRow
    from mcaclip.methods.base import Fitter

EditorLoader = Callable[[Stack, Sequence[Path]], "FaceEditor"]


REPORT = "compare.json"

DESCRIPTION = """The same edit by several methods on the same faces. DIR gets a sheet per face, each edit,
overview.png where there are several faces, compare.json and compare.md, all of them at the end. Nothing is
overwritten: another comparison goes into DIR/compare_2, compare_3, ..., unless --overwrite is given."""


def add(commands: argparse._SubParsersAction) -> None:
    """The command's options."""
    help_text = "the same edit by several methods, with figures and a sheet"
    parser = commands.add_parser("compare", help=help_text, description=DESCRIPTION)
    photos_help = f"image file with a face; {PICTURES_HELP}"
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help=photos_help)
    parser.add_argument("--seed", type=int, action="append", default=[], help="a generated face (repeatable)")
    parser.add_argument("--prompt", action="append", required=True, help='the change, e.g. "green lipstick"')
    parser.add_argument(
        "--methods",
        default="all",
        help="names with commas between them, or all: styleclip-optimisation, styleclip-mapper, styleclip-global, "
        "cf-clip, coralstyleclip, deltaedit, mca-universal, mca, mca-without-ff, mca-without-pre (default all)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier comparison's files in DIR")
    parser.add_argument("--strength", type=float, default=1.0, help="0 to 2, 1 is normal (default 1)")
    parser.add_argument("--inversion", choices=validate.EFFORTS, default="good", help="effort (default good)")
    parser.add_argument(
        "--weights", type=Path, action="append", default=[], metavar="FILE",
        help="weights of a method (a network, a table of global directions, a DeltaEdit model; repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--fit-steps", type=int, default=0, metavar="N",
        help="fit the methods that have no weights for the prompt with N steps first (default: do not)",
    )  # fmt: skip
    parser.add_argument(
        "--optimisation-steps", type=int, default=300, metavar="N", help="of styleclip-optimisation (default 300)"
    )
    add_stack(parser, tuple(SLOTS))
    add_edits_file(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, load: EditorLoader) -> int:
    """Every method on every face. Raises StudioError."""
    from mcaclip.methods.registry import build_methods, check_names, method_context

    names = method_names(args.methods)
    check_names(names)
    prompt = validate.clean_prompt(args.prompt[0])
    validate.check_strength(args.strength)
    photos = _check(args)
    check_folder(args.out)
    editor = load(chosen_stack(args), named_edits(args))
    from mcaclip.evaluation.compare import FaceJudge, compare, write_rows
    from mcaclip.evaluation.sheets_of_methods import small_row
    from mcaclip.loading import load_parser

    tools = method_context(editor, args.weights, _fitter(args, editor), args.optimisation_steps)
    methods = build_methods(tools, names)
    judge = FaceJudge(tools.preview, load_parser(editor.slots, editor.device), tools.identity, tools.device)
    rows: list[CompareRow] = []
    failures: dict[Path, str] = {}
    about = {"stack": editor.stack, "prompt": prompt, "strength": args.strength, "weights": editor.weight_hashes()}
    places: list[Path] = []

    def place() -> Path:
        places.append(_free_folder(args.out, args.overwrite))
        return places[-1]

    with folder_written_whole(args.out, place) as folder:
        for face, code in faces(editor, args.seed, photos, args.inversion, failures):
            own: list[CompareRow] = []
            for row in compare(methods, judge, face, code, prompt, args.strength, may_fit=args.fit_steps > 0):
                own.append(row)
                say(line(row))
            _save_face(own, folder, face, about)
            rows += [small_row(row) for row in own]
        if rows:
            write_rows(rows, folder, about)
            _save_overview(rows, folder, about)
    if rows and places[-1] != args.out:
        say(f"The comparison is in {places[-1]}, since {args.out} holds another one.")
    status = report(failures, len(photos) + len(args.seed))
    return status if any(row.edit for row in rows) else EXIT_BAD_INPUT


def _free_folder(out: Path, overwrite: bool) -> Path:
    """The folder itself, or the first one in it that holds no comparison."""
    folders = itertools.chain([out], (out / f"compare_{number}" for number in itertools.count(2)))
    return next(folder for folder in folders if overwrite or not (folder / REPORT).exists())


def method_names(text: str) -> list[str]:
    """`"mca,cf-clip"` to the names; "all" to all of them."""
    from mcaclip.methods.base import METHODS

    return list(METHODS) if text.strip() == "all" else [name.strip() for name in text.split(",") if name.strip()]


def faces(
    editor: FaceEditor, seeds: Sequence[int], photos: Sequence[Path], effort: str, failures: dict[Path, str]
) -> Iterator[tuple[str, Tensor]]:
    """A name and a code `[18, 512]` for each face; a photo that has none goes into `failures` with the reason."""
    from mcaclip.imaging.align import load_photo
    from mcaclip.platform.naming import distinct_stems

    names = distinct_stems([*(f"seed_{seed}" for seed in seeds), *(path.stem for path in photos)])
    for name, seed in zip(names, seeds, strict=False):
        yield name, editor.sample(seed).w_plus
    for name, path in zip(names[len(seeds) :], photos, strict=True):
        try:
            code = editor.invert(editor.align(load_photo(path)), effort).w_plus
        except (StudioError, OSError) as error:
            failures[path] = problem_of(error)
            continue
        yield name, code


def line(row: CompareRow) -> str:
    """One row for the terminal."""
    if row.figures is None:
        return f"{row.face}  {row.title}: {row.problem}"
    from mcaclip.evaluation.compare import cell

    f = row.figures
    return (
        f"{row.face}  {row.title}: hit {cell(f.hit)}, leak {cell(f.leak)}, identity {f.identity:.3f}, "
        f"{f.seconds:.1f} s"
    )


def _check(args: argparse.Namespace) -> Sequence[Path]:
    """The photos. Raises StudioError for what can be refused before anything is loaded."""
    if len(args.prompt) > 1:
        raise StudioError("compare takes one --prompt: call it again for the next")
    if not args.photos and not args.seed:
        raise StudioError("compare needs a face: a PHOTO, or --seed N")
    check_weights(args.weights)
    asked = pictures(args.photos)
    for path, problem in asked.failures.items():
        raise StudioError(f"{path} {problem}" if os.path.exists(path) else f"there is no file {path}: it {problem}")
    if min([0, *args.seed]) < 0 or max([0, *args.seed]) >= 2**32:
        raise StudioError("a seed is a whole number from 0 to 4294967295")
    if args.fit_steps < 0 or args.optimisation_steps < 1:
        raise StudioError("--fit-steps is 0 or more, --optimisation-steps 1 or more")
    return asked.files


def check_weights(files: Sequence[Path]) -> None:
    """Raises StudioError for a file of `--weights` that is not there."""
    for path in files:
        if problem := missing(path):
            raise StudioError(f"--weights: there is no file {path}: it {problem}")


def _fitter(args: argparse.Namespace, editor: FaceEditor) -> Fitter | None:
    if not args.fit_steps:
        return None
    from train.prompt.method_fit import make_fitter

    return make_fitter(editor, args.fit_steps, args.out / "fits")


def _save_face(rows: Sequence[CompareRow], out: Path, face: str, about: Mapping[str, object]) -> None:
    from mcaclip.evaluation.sheets_of_methods import compare_sheet
    from mcaclip.results.export import write_png
    from mcaclip.types import to_uint8

    _save_sheet(compare_sheet(rows), out / f"{face}.png", about)
    for row in rows:
        if row.edit:
            record = {**about, "face": row.face, "method": row.method}
            write_png(out / f"{face}_{row.method}.png", to_uint8(row.edit.image), record)


def _save_overview(rows: Sequence[CompareRow], out: Path, about: Mapping[str, object]) -> None:
    from mcaclip.evaluation.sheets_of_methods import overview_sheet

    if len({row.face for row in rows}) > 1:
        _save_sheet(overview_sheet(rows), out / "overview.png", about)


def _save_sheet(sheet: Image.Image, path: Path, about: Mapping[str, object]) -> None:
    import numpy as np

    from mcaclip.results.export import write_png

    write_png(path, np.asarray(sheet), about)
