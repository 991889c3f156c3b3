"""`compare`: several methods on the same faces and prompt."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcaclip import validate
from mcaclip.cli import options as reading
from mcaclip.cli.arguments import EditorLoader, Effort, MethodOptions, OutFolder
from mcaclip.cli.batch import PICTURES_HELP, check_folder, pictures, report
from mcaclip.cli.options import Arg, checked, whole
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import folder_written_whole
from mcaclip.platform.console import EXIT_BAD_INPUT, problem_of, say

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.evaluation.compare import CompareRow
    from mcaclip.methods.base import MethodContext
    from mcaclip.types import Inversion

REPORT = "compare.json"
MOST_STEPS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Options(MethodOptions):
    """The same edit by several methods, with figures and a sheet.

    DIR gets a sheet per face, the face, each edit, overview.png where there are several faces, compare.json and
    compare.md, all of them at the end. Nothing is overwritten: another comparison goes into DIR/compare_2,
    compare_3, ..., unless --overwrite is given.
    """

    photos: Annotated[
        tuple[Path, ...], Arg(f"image file with a face; {PICTURES_HELP}", metavar="PHOTO", positional=True)
    ] = ()
    seed: Annotated[tuple[int, ...], Arg("a generated face (repeatable)", metavar="N", read=reading.seed)] = ()
    prompt: Annotated[tuple[str, ...], Arg('the change, e.g. "green lipstick"')]
    out: OutFolder
    overwrite: Annotated[bool, Arg("replace an earlier comparison's files in DIR")] = False
    strength: Annotated[float, Arg("0 to 2, 1 is normal", read=checked(validate.check_strength))] = 1.0
    inversion: Effort = "good"
    fit_steps: Annotated[
        int,
        Arg(
            "fit the methods that have no weights for the prompt with N steps first (default: do not)",
            metavar="N",
            read=whole(0, MOST_STEPS),
        ),
    ] = 0
    optimisation_steps: Annotated[int, Arg("of styleclip-optimisation", metavar="N", read=whole(1, MOST_STEPS))] = 300

    def check(self) -> Sequence[Path]:
        """The photos. Raises StudioError for what can be refused before anything is loaded."""
        if len(self.prompt) > 1:
            raise StudioError("compare takes one --prompt: call it again for the next")
        if not self.photos and not self.seed:
            raise StudioError("compare needs a face: a PHOTO, or --seed N")
        self.check_weights()
        asked = pictures(self.photos)
        for path, problem in asked.failures.items():
            known = os.path.exists(path)
            raise StudioError(f"{path} {problem}" if known else f"there is no file {path}: it {problem}")
        return asked.files


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Edits every face by every method; the exit status. Raises StudioError."""
    names = options.method_names()
    prompt = validate.clean_prompt(options.prompt[0])
    photos = options.check()
    check_folder(options.out)
    editor = options.load_editor(load)
    import numpy as np

    from mcaclip.cli.training import make_fitter
    from mcaclip.evaluation.compare import compare, write_rows
    from mcaclip.evaluation.context import EvaluationContext
    from mcaclip.evaluation.faces import Face
    from mcaclip.evaluation.sheets_of_methods import overview_sheet, small_row
    from mcaclip.loading import load_parser
    from mcaclip.methods.registry import build_methods, method_context
    from mcaclip.results.export import write_png

    steps, strength = options.fit_steps, options.strength
    fitter = make_fitter(options.chosen_stack(), steps, options.out / "fits", options.device) if steps else None
    context = method_context(editor, options.weights, fitter, options.optimisation_steps)
    prompt = _known_words(context, prompt, editor.wish(prompt).words or prompt)
    methods = build_methods(context, names)
    measuring = EvaluationContext(context, load_parser(editor.slots, editor.device), editor.device)
    rows: list[CompareRow] = []
    failures: dict[Path, str] = {}
    about = {"stack": editor.stack, "prompt": prompt, "strength": strength, "weights": editor.weight_hashes()}
    places: list[Path] = []

    def place() -> Path:
        places.append(_free_folder(options.out, options.overwrite))
        return places[-1]

    with folder_written_whole(options.out, place) as folder:
        for name, face in faces(editor, options.seed, photos, options.inversion, failures):
            own: list[CompareRow] = []
            for row in compare(methods, Face.of(name, face, measuring), prompt, strength, may_fit=steps > 0):
                own.append(row)
                say(line(row))
            _save_face(own, folder, name, about)
            rows += [small_row(row) for row in own]
        if rows:
            write_rows(rows, folder, about)
        if len({row.face for row in rows}) > 1:
            write_png(folder / "overview.png", np.asarray(overview_sheet(rows)), about)
    if rows and places[-1] != options.out:
        say(f"The comparison is in {places[-1]}, since {options.out} holds another one.")
    status = report(failures, len(photos) + len(options.seed))
    return status if any(row.edit for row in rows) else EXIT_BAD_INPUT


def _known_words(context: MethodContext, asked: str, meant: str) -> str:
    """What the words mean, unless only the words themselves are those of a network, as an imported one's may be."""
    known = {prompt for library in context.libraries.values() for prompt in library}
    return asked if asked in known and meant not in known else meant


def _free_folder(out: Path, overwrite: bool) -> Path:
    """The folder itself, or the first one in it that holds no comparison."""
    folders = itertools.chain([out], (out / f"compare_{number}" for number in itertools.count(2)))
    return next(folder for folder in folders if overwrite or not (folder / REPORT).exists())


def faces(
    editor: FaceEditor, seeds: Sequence[int], photos: Sequence[Path], effort: str, failures: dict[Path, str]
) -> Iterator[tuple[str, Inversion]]:
    """Yields every face with a name; `failures` gets each photo without one, with the reason."""
    from mcaclip.imaging.align import load_photo
    from mcaclip.platform.naming import distinct_stems

    names = distinct_stems([*(f"seed_{seed}" for seed in seeds), *(path.stem for path in photos)])
    for name, seed in zip(names, seeds, strict=False):
        yield name, editor.sample(seed)
    for name, path in zip(names[len(seeds) :], photos, strict=True):
        try:
            face = editor.invert(editor.align(load_photo(path)), effort)
        except (StudioError, OSError) as error:
            failures[path] = problem_of(error)
            continue
        yield name, face


def line(row: CompareRow) -> str:
    """One row for the terminal."""
    start, f = f"{row.face}  {row.title}: ", row.figures
    if f is None:
        return f"{start}{row.problem}"
    from mcaclip.evaluation.compare import cell

    return f"{start}hit {cell(f.hit)}, leak {cell(f.leak)}, identity {f.identity:.3f}, {f.seconds:.1f} s"


def _save_face(rows: Sequence[CompareRow], out: Path, face: str, about: Mapping[str, object]) -> None:
    """Writes the sheet of a face, the face, and each of its edits."""
    import numpy as np

    from mcaclip.evaluation.sheets_of_methods import compare_sheet
    from mcaclip.results.export import write_png
    from mcaclip.types import to_uint8

    write_png(out / f"{face}.png", np.asarray(compare_sheet(rows)), about)
    source = next((row.edit.source for row in rows if row.edit), None)
    if source is not None:
        write_png(out / f"{face}_source.png", to_uint8(source), {**about, "face": face})
    for row in rows:
        if row.edit:
            record = {**about, "face": row.face, "method": row.method}
            write_png(out / f"{face}_{row.method}.png", to_uint8(row.edit.image), record)
