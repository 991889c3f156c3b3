"""`evaluate --table paper`: the paper's protocol, on the stack in use."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from mcaclip.cli.arguments import EditorLoader, MethodOptions, OutFolder
from mcaclip.cli.options import Arg

if TYPE_CHECKING:
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


def run(options: TableOptions, load: EditorLoader | None) -> int:
    """Measures, then writes `table.json`, `table.md` and `table.png`. Raises StudioError."""
    names = options.method_names()
    options.check_weights()
    editor = options.load_editor(load)
    from mcaclip.evaluation import paper_table
    from mcaclip.evaluation.compare import EditMetrics
    from mcaclip.evaluation.difficult_faces import DIFFICULT_FACES
    from mcaclip.loading import load_parser
    from mcaclip.methods.registry import build_methods, method_context

    context = method_context(editor, options.weights)
    methods = build_methods(context, names)
    prompts = options.prompt or paper_table.PROMPTS
    metrics = EditMetrics(context.preview, load_parser(editor.slots, editor.device), context.identity, context.device)
    about = {"stack": editor.stack, "weights": editor.weight_hashes(), **_weights_of(context, names, prompts)}
    run = paper_table.TableRun(options.out, about)
    count = options.faces or (paper_table.FAST_FACES if options.fast else paper_table.FACES)
    faces = [(f"seed_{seed}", partial(editor.sample, seed, 0.7)) for seed in range(count)]
    paper_table.fill(run, methods, metrics, context.space, prompts, faces)
    hard = paper_table.TableRun(options.out / "hard_faces", about)
    hard_faces = [(face.name, partial(editor.sample, face.seed, face.truncation_psi)) for face in DIFFICULT_FACES]
    hard_prompts = prompts[: paper_table.DIFFICULT_FACE_PROMPTS]
    paper_table.fill(hard, methods, metrics, context.space, hard_prompts, hard_faces, shown=len(hard_faces))
    missing = paper_table.missing_lines(methods, prompts)
    markdown = paper_table.as_markdown(run.rows, editor.slots.clip, missing, hard.rows)
    _write(run, hard, prompts, markdown)
    sys.stdout.write(markdown)
    return 0 if run.rows else 2


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


def _write(run: TableRun, hard: TableRun, prompts: Sequence[str], markdown: str) -> None:
    """The report, and the sheets like the paper's figures: methods, ablations, hard faces."""
    import numpy as np

    from mcaclip.evaluation import paper_table, sheets_of_methods
    from mcaclip.methods.base import METHODS
    from mcaclip.platform.atomic import write_text
    from mcaclip.results.export import write_png

    absent = {"lpips": "not available", "blip_itm": "not available"}
    report = {**run.about, "tables": paper_table.tables(run.rows, hard.rows), **absent}
    write_text(run.out / "table.json", json.dumps(report, indent=1))
    write_text(run.out / "table.md", markdown)
    sheets = {"table": sheets_of_methods.table_sheet(run, prompts, paper_table.MAIN)}
    if {row.method for row in run.rows} & {*paper_table.ABLATION[1:]}:
        sheets["ablation"] = sheets_of_methods.table_sheet(run, prompts, paper_table.ABLATION)
    sheets["hard_faces"] = sheets_of_methods.faces_sheet(
        hard, prompts[: paper_table.DIFFICULT_FACE_PROMPTS], list(METHODS)
    )
    for name, picture in sheets.items():
        if picture is not None:
            write_png(run.out / f"{name}.png", np.asarray(picture), {**run.about, "prompts": list(prompts)})
