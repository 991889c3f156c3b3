"""`evaluate --table paper`: the paper's protocol, on the stack in use."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from mcaclip.cli.arguments import EditorLoader, Effort, MethodOptions, OutFolder
from mcaclip.cli.options import Arg
from mcaclip.errors import ImageError
from mcaclip.platform.console import tell

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.evaluation.faces import FaceToMeasure
    from mcaclip.evaluation.paper_table import TableRun
    from mcaclip.methods.base import MethodContext


@dataclass(frozen=True, kw_only=True)
class TableOptions(MethodOptions):
    """A table of methods."""

    out: OutFolder
    prompt: Annotated[
        tuple[str, ...],
        Arg(
            'only this prompt (repeatable; default the whole library); "green lipstick + purple hair:0.7" is one '
            "edit of two"
        ),
    ] = ()
    table: Annotated[
        Literal["paper"] | None, Arg("the paper's protocol instead: 7 prompts, 200 faces each, all methods")
    ] = None
    fast: Annotated[bool, Arg("with --table: 20 faces per prompt")] = False
    faces: Annotated[int | None, Arg("with --table: N faces per prompt", metavar="N")] = None
    results: Annotated[
        tuple[str, ...],
        Arg(
            "with --table: edits by another system, DIR/PROMPT/FACE.png; a first call writes the faces into "
            "OUT/faces (repeatable)",
            metavar="NAME=DIR",
        ),
    ] = ()
    photos: Annotated[
        Path | None,
        Arg("folder of photos to invert and edit as well; of a table's faces they are half", metavar="DIR"),
    ] = None
    inversion: Effort = "good"
    size: Annotated[
        Literal[256, 1024] | None,
        Arg("side of the edits: 1024 (default), or 256 through the preview, about five times as fast"),
    ] = None
    judge: Annotated[
        Path | None,
        Arg("folder of networks that measure as well: identity, age and gender; for a table see docs/methods.md"),
    ] = None


def run(options: TableOptions, load: EditorLoader | None) -> int:
    """Measures, then writes `table.json`, `table.md` and the sheets. Raises StudioError."""
    from mcaclip.evaluation import paper_table
    from mcaclip.evaluation.brought_networks import TITLES, BroughtNetworks
    from mcaclip.evaluation.context import EvaluationContext
    from mcaclip.evaluation.faces import through_preview
    from mcaclip.evaluation.result_pictures import ResultPictures
    from mcaclip.evaluation.run import fill

    names, results = options.method_names(), [ResultPictures.parse(text) for text in options.results]
    options.check_weights()
    editor = options.load_editor(load)
    from mcaclip.loading import load_parser
    from mcaclip.methods.registry import build_methods, method_context

    networks = method_context(editor, options.weights)
    prompts = options.prompt or paper_table.PROMPTS
    about: dict[str, object] = {"stack": editor.stack, "size": options.size or 1024}
    about |= {"weights": editor.weight_hashes(), **_weights_of(networks, names, prompts)}
    about |= {"inversion": options.inversion} if options.photos else {}
    faces, difficult = _faces(options, editor)
    if options.size == 256:
        networks = replace(networks, generator=networks.preview)
        faces, difficult = ([through_preview(f, networks.preview) for f in group] for group in (faces, difficult))
    brought, parser = BroughtNetworks(options.judge), load_parser(editor.slots, editor.device)
    context = EvaluationContext(networks, parser, editor.device, brought.judge, brought=brought)
    methods = build_methods(networks, names)
    for system in results:
        about |= system.digests(prompts, _write_faces(faces, options.out / "faces"), options.out / "faces")
    run = paper_table.TableRun(options.out, about)
    fill(run, context, paper_table.table_plan([*methods, *results], prompts, faces), tell)
    difficult_run = paper_table.TableRun(options.out / "hard_faces", about)
    few = prompts[: paper_table.DIFFICULT_FACE_PROMPTS]
    fill(difficult_run, context, replace(paper_table.table_plan(methods, few, difficult), shown=difficult), tell)
    absent = {TITLES[name]: reason for name, reason in brought.missing.items()}
    missing = paper_table.missing_lines([*methods, *results], prompts)
    missing += [f"- {title}: {reason}" for title, reason in absent.items()]
    slots = {"clip": editor.slots.clip, "identity": editor.slots.identity}
    markdown = paper_table.as_markdown(run, difficult_run, slots, missing)
    _write(run, difficult_run, prompts, markdown, absent)
    sys.stdout.write(markdown)
    return 0 if run.rows else 2


def _faces(options: TableOptions, editor: FaceEditor) -> tuple[list[FaceToMeasure], list[FaceToMeasure]]:
    """The faces of the tables, and the difficult ones."""
    from mcaclip.evaluation import paper_table
    from mcaclip.evaluation.difficult_faces import DIFFICULT_FACES
    from mcaclip.evaluation.faces import GENERATED, FaceToMeasure, table_faces

    count = options.faces or (paper_table.FAST_FACES if options.fast else paper_table.FACES)
    faces = table_faces(editor, count, options.photos, options.inversion, options.out)
    difficult = [
        FaceToMeasure(face.name, GENERATED, partial(editor.sample, face.seed, face.truncation_psi))
        for face in DIFFICULT_FACES
    ]
    return faces, difficult


def _write_faces(faces: Sequence[FaceToMeasure], folder: Path) -> list[str]:
    """The faces as PNG files for systems that do not run here; the names of those that could be made."""
    from mcaclip.results.export import save_png
    from mcaclip.types import to_uint8

    folder.mkdir(parents=True, exist_ok=True)
    for source in faces:
        file = folder / f"{source.name}.png"
        with contextlib.suppress(ImageError):  # the run says which photo has no face
            if not file.exists():
                save_png(file, to_uint8(source.get().original))
    return [source.name for source in faces if (folder / f"{source.name}.png").exists()]


def _weights_of(context: MethodContext, names: Sequence[str], prompts: Sequence[str]) -> dict[str, str]:
    """sha256 of the weight file of each method and prompt. A later call may add files, and change none."""
    from mcaclip.platform.digests import sha256_of

    files = {
        f"{name}: {prompt}": edit.path
        for name, library in context.libraries.items()
        for prompt, edit in library.items()
        if edit.path and name in names and prompt in prompts
    }
    files |= {name: path for name, path in context.files.items() if name in names}
    digests = {path: sha256_of(path) for path in set(files.values())}
    return {name: digests[path] for name, path in files.items()}


def _write(
    run: TableRun, difficult: TableRun, prompts: Sequence[str], markdown: str, missing: Mapping[str, str]
) -> None:
    """The report, and the sheets like the paper's figures: methods, ablations, difficult faces."""
    import numpy as np

    from mcaclip.evaluation import paper_table, sheets_of_methods
    from mcaclip.methods.base import METHODS
    from mcaclip.platform.atomic import write_text
    from mcaclip.results.export import write_png

    report = {**run.about, "tables": paper_table.tables(run, difficult), "not available": missing}
    write_text(run.out / "table.json", json.dumps(report, indent=1))
    write_text(run.out / "table.md", markdown)
    sheets = {"table": sheets_of_methods.table_sheet(run, prompts, paper_table.main_methods(run.rows))}
    if {row.method for row in run.rows} & {*paper_table.ABLATION[1:]}:
        sheets["ablation"] = sheets_of_methods.table_sheet(run, prompts, paper_table.ABLATION)
    sheets["hard_faces"] = sheets_of_methods.faces_sheet(
        difficult, prompts[: paper_table.DIFFICULT_FACE_PROMPTS], list(METHODS)
    )
    for name, picture in sheets.items():
        if picture is not None:
            write_png(run.out / f"{name}.png", np.asarray(picture), {**run.about, "prompts": list(prompts)})
