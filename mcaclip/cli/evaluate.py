"""`python -m mcaclip evaluate`: figures for edits, or the paper's table of methods."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli import paper_table
from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.batch import check_folder
from mcaclip.cli.options import Arg
from mcaclip.cli.paper_table import TableOptions
from mcaclip.errors import PromptError, StudioError
from mcaclip.platform.console import tell

if TYPE_CHECKING:
    from mcaclip.editing.prompts import LibraryPrompt
    from mcaclip.editor import FaceEditor
    from mcaclip.types import EditSettings

GENERATED = 20


@dataclass(frozen=True, kw_only=True)
class Options(TableOptions):
    """Measure edits: figures and contact sheets.

    On generated faces and photos: whether the edits arrive (hit rate), what else moves (leak, SSIM outside, mask
    area), whether it is still the same person, and how long they take. DIR gets figures.json, figures.md, a contact
    sheet per prompt and overview.jpg. Every edit is written to rows.jsonl as it is done: the same command again goes
    on where it stopped, and more faces, prompts or columns may be added. With --table paper it is the paper's
    protocol instead, and DIR gets table.json, table.md and table.png.
    """

    seeds: Annotated[int | None, Arg(f"generated faces, of the seeds from 0 (default {GENERATED})")] = None
    limit: Annotated[int, Arg("photos at most, by name")] = 20
    column: Annotated[
        tuple[str, ...],
        Arg(
            "full (default), without-pre (all masks open) or without-ff=FILE; with a file, that network instead "
            "(repeatable)",
            metavar="NAME[=FILE]",
        ),
    ] = ()
    concepts: Annotated[
        bool,
        Arg(
            "the prompts by which the table of wishes is measured, or those of them that --prompt names; DIR gets "
            "concepts.md and fulfilled.json"
        ),
    ] = False

    def check(self) -> None:
        """Raises StudioError for options that do not go together, before anything is loaded."""
        if self.table and self.column:
            raise StudioError("--table compares methods, not variants: leave --column out")
        if self.table and self.seeds is not None:
            raise StudioError("--table has faces of its own: leave --seeds out, or use --faces")
        of_table = (self.fast, self.faces is not None, self.weights, self.results, self.methods != "all")
        if not self.table and any(of_table):
            raise StudioError("--fast, --faces, --methods, --weights, --results belong to a table: add --table paper")
        if self.faces is not None and (self.fast or self.faces < 1):
            raise StudioError("--faces takes a number of 1 or more, and not together with --fast")
        if self.concepts and (self.table or self.column):
            raise StudioError("--concepts has prompts and a column of its own: leave --table and --column out")
        if self.photos and not self.photos.is_dir():
            raise StudioError(f"--photos: there is no folder {self.photos}")
        if self.generated < 0 or self.limit < 0 or not (self.generated or self.photos):
            raise StudioError("evaluate needs faces: --seeds N of 1 or more, or --photos DIR")

    @property
    def generated(self) -> int:
        """How many generated faces are measured without a table."""
        return GENERATED if self.seeds is None else self.seeds


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Measures; the exit status.

    Raises:
        StudioError: options that do not go together or cannot be used.
        WeightsError: a weight file is missing, damaged, or does not go with the stack.
    """
    options.check()
    if options.table:
        return paper_table.run(options, load)
    from mcaclip.evaluation.requests import read_settings, recipes_of, subjects_of
    from mcaclip.evaluation.variants import FULL, FULL_SIZE, build_variants, parse_variant

    size = options.size or FULL_SIZE
    settings = [] if options.concepts else [read_settings(text) for text in options.prompt]
    named = [parse_variant(text) for text in options.column or [FULL]]
    check_folder(options.out)
    from mcaclip.editing.prompts import load_prompts
    from mcaclip.evaluation.attribute_probe import AttributeProbe
    from mcaclip.evaluation.concepts import concept_settings, write_concepts
    from mcaclip.evaluation.context import EvaluationContext
    from mcaclip.evaluation.faces import face_sources
    from mcaclip.evaluation.figures import FiguresTable
    from mcaclip.evaluation.measuring import MeasuredEdit
    from mcaclip.evaluation.row_log import RowLog
    from mcaclip.loading import load_parser
    from mcaclip.perception.age_gender import AgeGender
    from mcaclip.perception.independent_identity import IndependentIdentity

    judge = IndependentIdentity.load(options.judge) if options.judge else None
    people = AgeGender(options.judge) if options.judge else None
    editor = options.load_editor(load)
    if options.concepts:
        editor = editor.taking_any_words()
    library, asks_editor = load_prompts(), any(path is None for _, path in named)
    if options.concepts:
        own = [editor.check_settings(one) for one in concept_settings(options.prompt)]
    elif settings:
        own = [editor.check_settings(one) if asks_editor else one for one in settings]
    else:
        own = _of_library(editor, library, asks_editor)
    subjects, variants = subjects_of(own, recipes_of(library)), build_variants(editor, named, size)
    probe, parser = partial(AttributeProbe.load, editor.find_faces, people), load_parser(editor.slots, editor.device)
    context = EvaluationContext(editor.models, parser, editor.device, judge, probe)
    faces = face_sources(editor, options.generated, options.photos, options.limit, options.inversion, options.out)
    # what plays no part in this call may be otherwise in the next
    about = {"inversion": options.inversion} if options.photos else {}
    about |= {"judge": "MobileFace"} if judge else {}
    table = FiguresTable(subjects, variants, list(faces), size)
    figures = table.measure(editor, context, options.out, about, tell)
    if options.concepts:
        figures = write_concepts(RowLog(options.out, MeasuredEdit, {}).rows, options.out, bool(options.prompt))
    sys.stdout.write(figures)
    return 0


def _of_library(editor: FaceEditor, library: Sequence[LibraryPrompt], asks_editor: bool) -> list[EditSettings]:
    """All prompts of the library at their best strengths that the editor can make, or what was fitted for it."""
    from mcaclip.types import EditSettings

    found = []
    for entry in library:
        try:
            settings = EditSettings(entry.prompt, strength=entry.best)
            found.append(editor.check_settings(settings) if asks_editor else settings)
        except PromptError as error:
            tell(f"{entry.prompt} is left out: {error}")
    return found or [EditSettings(prompt) for prompt in editor.prompts()]
