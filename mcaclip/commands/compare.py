"""`compare`: several methods on the same faces and prompt."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import validate
from mcaclip.arguments import add_edits_file, add_stack, chosen_stack, named_edits
from mcaclip.config import SLOTS, Stack
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from torch import Tensor

    from mcaclip.compare import CompareRow
    from mcaclip.editing.methods.base import Fitter
    from mcaclip.editor import FaceEditor

EditorLoader = Callable[[Stack, Sequence[Path]], "FaceEditor"]


def add(commands: argparse._SubParsersAction) -> None:
    """The command's options."""
    parser = commands.add_parser("compare", help="the same edit by several methods, with figures and a sheet")
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="image file with a face")
    parser.add_argument("--seed", type=int, action="append", default=[], help="a generated face (repeatable)")
    parser.add_argument("--prompt", action="append", required=True, help='the change, e.g. "green lipstick"')
    parser.add_argument(
        "--methods",
        default="all",
        help="names with commas between them, or all: styleclip-optimisation, styleclip-mapper, styleclip-global, "
        "cf-clip, coralstyleclip, deltaedit, mca-universal, mca, mca-without-ff, mca-without-pre (default all)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets, compare.json and compare.md")
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
    from mcaclip.editing.methods.registry import build_methods, check_names, tools_of

    names = method_names(args.methods)
    check_names(names)
    prompt = validate.clean_prompt(args.prompt[0])
    validate.check_strength(args.strength)
    _check(args)
    editor = load(chosen_stack(args), named_edits(args))
    from mcaclip.compare import FaceJudge, compare, write_rows
    from mcaclip.compare_sheet import small_row
    from mcaclip.stacks import load_parser

    tools = tools_of(editor, args.weights, _fitter(args, editor), args.optimisation_steps)
    methods = build_methods(tools, names)
    judge = FaceJudge(tools.preview, load_parser(editor.slots, editor.device), tools.identity, tools.device)
    args.out.mkdir(parents=True, exist_ok=True)
    rows: list[CompareRow] = []
    for face, code in faces(editor, args.seed, args.photos, args.inversion):
        own: list[CompareRow] = []
        for row in compare(methods, judge, face, code, prompt, args.strength, may_fit=args.fit_steps > 0):
            own.append(row)
            sys.stdout.write(line(row) + "\n")
            sys.stdout.flush()
        _save_face(own, args.out, face)
        rows += [small_row(row) for row in own]
    write_rows(rows, args.out, {"stack": editor.stack, "prompt": prompt, "weights": editor.weight_hashes()})
    _save_overview(rows, args.out)
    return 0 if any(row.edit for row in rows) else 2


def method_names(text: str) -> list[str]:
    """`"mca,cf-clip"` to the names; "all" to all of them."""
    from mcaclip.editing.methods.base import METHODS

    return list(METHODS) if text.strip() == "all" else [name.strip() for name in text.split(",") if name.strip()]


def faces(editor: FaceEditor, seeds: Sequence[int], photos: Sequence[Path], effort: str) -> list[tuple[str, Tensor]]:
    """A name and a code `[18, 512]` for each face. Raises StudioError."""
    from mcaclip.align import load_photo
    from mcaclip.output import folder_names

    found = [(f"seed_{seed}", editor.sample(seed).w_plus) for seed in seeds]
    for path, name in zip(photos, folder_names([path.stem for path in photos]), strict=True):
        found.append((name, editor.invert(editor.align(load_photo(path)), effort).w_plus))
    return found


def line(row: CompareRow) -> str:
    """One row for the terminal."""
    if row.figures is None:
        return f"{row.face}  {row.title}: {row.problem}"
    from mcaclip.compare import cell

    f = row.figures
    return (
        f"{row.face}  {row.title}: hit {cell(f.hit)}, leak {cell(f.leak)}, identity {f.identity:.3f}, "
        f"{f.seconds:.1f} s"
    )


def _check(args: argparse.Namespace) -> None:
    """Raises StudioError for what can be refused before anything is loaded."""
    if len(args.prompt) > 1:
        raise StudioError("compare takes one --prompt: call it again for the next")
    if not args.photos and not args.seed:
        raise StudioError("compare needs a face: a PHOTO, or --seed N")
    if missing := [str(path) for path in [*args.photos, *args.weights] if not path.is_file()]:
        raise StudioError(f"there is no file {', '.join(missing)}")
    if min([0, *args.seed]) < 0 or max([0, *args.seed]) >= 2**32:
        raise StudioError("a seed is a whole number from 0 to 4294967295")
    if args.fit_steps < 0 or args.optimisation_steps < 1:
        raise StudioError("--fit-steps is 0 or more, --optimisation-steps 1 or more")


def _fitter(args: argparse.Namespace, editor: FaceEditor) -> Fitter | None:
    if not args.fit_steps:
        return None
    from train.method_fit import make_fitter

    return make_fitter(editor, args.fit_steps, args.out / "fits")


def _save_face(rows: Sequence[CompareRow], out: Path, face: str) -> None:
    from PIL import Image

    from mcaclip.compare_sheet import compare_sheet
    from mcaclip.types import to_uint8

    compare_sheet(rows).save(out / f"{face}.png")
    for row in rows:
        if row.edit:
            Image.fromarray(to_uint8(row.edit.image)).save(out / f"{face}_{row.method}.png")


def _save_overview(rows: Sequence[CompareRow], out: Path) -> None:
    from mcaclip.compare_sheet import overview_sheet

    if len({row.face for row in rows}) > 1:
        overview_sheet(rows).save(out / "overview.png")
