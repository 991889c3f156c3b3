"""The paper's protocol: seven prompts, 200 faces per prompt, methods as rows, the ablations as a second table.

`python -m mcaclip evaluate --table paper` works face by face, so that an interrupted run has every method on the same
faces. Each measured edit is a line of `rows.jsonl`; a later call continues after the last one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace, prompt_direction
from mcaclip.errors import StudioError
from mcaclip.evaluation.compare import EditMetrics
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.evaluation.measures import PARSE_SIZE, named_region
from mcaclip.evaluation.row_log import RowLog
from mcaclip.imaging.metrics import ssim
from mcaclip.language.grammar import understand
from mcaclip.methods.base import METHODS, EditMethod, MethodEdit
from mcaclip.platform.naming import safe_stem
from mcaclip.results.export import save_png, write_png
from mcaclip.types import Inversion, to_uint8

log = logging.getLogger(__name__)
COUNTERFACTUAL = ("green lipstick", "blue goatee", "purple hair")
ORDINARY = ("red lipstick", "blonde hair", "black hair", "brown eyebrows")
PROMPTS = (*COUNTERFACTUAL, *ORDINARY)
FACES, FAST_FACES = 200, 20
ABLATION = ("mca", "mca-without-ff", "mca-without-pre")
MAIN = tuple(name for name in METHODS if name not in ABLATION[1:])
SHEET_FACES = 2
DIFFICULT_FACE_PROMPTS = 3
"""How many prompts are also run on the difficult faces. Counterfactual prompts come first."""
HARD = "profiles, glasses and hats"
MEANS = ("ssim", "ssim_background", "hit", "leak", "identity", "clip", "seconds")


@dataclass(frozen=True)
class TableRow:
    """One edit, measured against the generator's own picture of the face.

    Attributes:
        ssim: structural similarity at 256 px.
        ssim_background: the same outside the named part, which is first grown by 5 % of the face's width.
        clip: cosine of the edit and the prompt by the stack's CLIP.
        hit: see `mcaclip.evaluation.compare.Figures`, also for the fields below.
    """

    method: str
    prompt: str
    face: str
    ssim: float
    ssim_background: float
    clip: float
    hit: bool
    moved: float
    leak: float
    identity: float
    seconds: float

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies a row."""
        return self.method, self.prompt, self.face


class TableRun(RowLog[TableRow]):
    """The rows and small pictures of a table on disk. Raises the errors of `RowLog`."""

    def __init__(self, out: Path, about: Mapping[str, object]):
        super().__init__(out, TableRow, about)
        (out / "tiles").mkdir(exist_ok=True)

    def tile(self, method: str, prompt: str, face: str) -> Path:
        """The file of a small picture for the qualitative sheet."""
        return self.out / "tiles" / f"{face}_{method}_{safe_stem(prompt).replace(' ', '_')}.png"

    def faces(self) -> list[str]:
        """Names of the measured faces, in the order of the rows."""
        return list(dict.fromkeys(row.face for row in self.rows))


def fill(
    run: TableRun,
    methods: Sequence[EditMethod],
    metrics: EditMetrics,
    space: ClipSpace,
    prompts: Sequence[str],
    faces: Sequence[tuple[str, Callable[[], Inversion]]],
    shown: int = SHEET_FACES,
) -> None:
    """Measure what is not measured yet, face by face.

    Args:
        faces: the name of each face, and a function that makes it.
        shown: number of faces whose small pictures are stored.

    Raises:
        StudioError: a prompt names no part and colour, which the figures need.
    """
    if unclear := [prompt for prompt in prompts if understand(prompt) is None]:
        raise StudioError(f"the table needs prompts that name a part and a colour, not {', '.join(unclear)}")
    done = {row.key for row in run.rows}
    for number, (name, make) in enumerate(faces):
        wanted = [
            (method, prompt)
            for prompt in prompts
            for method in methods
            if method.ready(prompt) and (method.name, prompt, name) not in done
        ]
        face = make() if wanted else None
        for method, prompt in wanted:
            assert face is not None
            edit = method.edit(face, prompt)
            run.add(measure_row(metrics, space, method.name, prompt, name, face, edit))
            if number < shown:
                write_png(run.tile(method.name, prompt, name), _tile(edit.image), {"prompt": prompt, "face": name})
                save_png(run.tile("source", "face", name), _tile(edit.source))
        log.info("face %d of %d", number + 1, len(faces))


@torch.no_grad()
def measure_row(
    metrics: EditMetrics, space: ClipSpace, method: str, prompt: str, name: str, face: Inversion, edit: MethodEdit
) -> TableRow:
    """All figures of one edit."""
    meaning, figures = understand(prompt), metrics.figures(face, prompt, edit)
    assert meaning is not None and figures.hit is not None
    _, allowed = named_region(metrics.parsed(face), meaning.part)
    source, edited = (F.adaptive_avg_pool2d(p[None], PARSE_SIZE) for p in (edit.source, edit.image))
    text = prompt_direction(space, prompt)
    score = space.encode_image(edit.image[None].to(text.device))[0] @ text
    return TableRow(
        method, prompt, name,
        ssim=round(float(ssim(source, edited)), 4),
        ssim_background=round(float(ssim(source, edited, 1 - allowed)), 4),
        clip=round(float(score), 4),
        hit=figures.hit,
        moved=figures.moved or 0.0,
        leak=figures.leak or 0.0,
        identity=figures.identity,
        seconds=figures.seconds,
    )  # fmt: skip


def summarise(rows: Sequence[TableRow], methods: Sequence[str]) -> dict[str, dict[str, float]]:
    """The means of each method that has rows, and how many prompts and edits they are over."""
    result = {}
    for method in methods:
        own = [row for row in rows if row.method == method]
        if own:
            means = {name: round(float(np.mean([getattr(row, name) for row in own])), 3) for name in MEANS}
            result[method] = {"prompts": len({row.prompt for row in own}), "edits": len(own), **means}
    return result


def shared(rows: Sequence[TableRow], methods: Sequence[str]) -> list[TableRow]:
    """The rows of these methods on the faces and prompts that all of them with any rows have edited."""
    own = [row for row in rows if row.method in methods]
    made = [{row.key[1:] for row in own if row.method == method} for method in {row.method for row in own}]
    return [row for row in own if all(row.key[1:] in done for done in made)]


def tables(rows: Sequence[TableRow], hard: Sequence[TableRow] = ()) -> dict[str, dict[str, dict[str, float]]]:
    """The tables by their titles; a table without rows is left out.

    Args:
        hard: edits of `DIFFICULT_FACES`, which have a table of their own and count in no other.
    """
    ablated = {row.method for row in rows} & {*ABLATION[1:]}
    result = {
        "counterfactual prompts": summarise([row for row in rows if row.prompt in COUNTERFACTUAL], MAIN),
        "ordinary prompts": summarise([row for row in rows if row.prompt in ORDINARY], MAIN),
        "other prompts": summarise([row for row in rows if row.prompt not in PROMPTS], MAIN),
        "ablation, shared edits": summarise(shared(rows, ABLATION), ABLATION) if ablated else {},
        HARD: summarise(hard, tuple(METHODS)),
    }
    return {title: table for title, table in result.items() if table}


def as_markdown(rows: Sequence[TableRow], clip: str, missing: Sequence[str], hard: Sequence[TableRow] = ()) -> str:
    """All tables, an explanation of the columns, and the methods that have no weights for a prompt.

    Args:
        clip: name of the CLIP that the score is from.
        missing: lines about missing weights.
        hard: see `tables`.
    """
    names = {"ssim": "SSIM", "ssim_background": "SSIM outside", "clip": f"{clip} score"}
    lines = []
    for title, table in tables(rows, hard).items():
        head = ["method", "prompts", "edits", *(names.get(name, name) for name in MEANS)]
        cells = [[METHODS[name].title, *(f"{v:g}" for v in values.values())] for name, values in table.items()]
        lines += [f"## {title}", "", *markdown_table(head, cells), ""]
    lines += _by_prompt(rows)
    lines += [
        "Each edit is compared with the generator's own picture of the same face. SSIM: 11 x 11 Gaussian window, "
        "256 px, pictures in [0, 1]; outside: without the named part, grown by 5 % of the face's width. Hit: share "
        "of edits whose named part covered half of the way to the colour. Leak: mean absolute change outside, 0 to "
        "255. LPIPS and BLIP ITM: not available, their weights are not at hand.",
    ]
    return "\n".join([*lines, *(["", "Not measured:", ""] if missing else []), *missing]) + "\n"


def _by_prompt(rows: Sequence[TableRow]) -> list[str]:
    """A table of hit and leak with one column per prompt, where there are several."""
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    methods = [name for name in METHODS if any(row.method == name for row in rows)]
    if len(prompts) < 2:
        return []
    by_prompt = [summarise([row for row in rows if row.prompt == prompt], methods) for prompt in prompts]
    lines = []
    for name in methods:
        found = [table.get(name) for table in by_prompt]
        cells = [f"{100 * own['hit']:.0f} %, {own['leak']:.2g}" if own else "" for own in found]
        lines.append([METHODS[name].title, *cells])
    return ["## hit and leak by prompt", "", *markdown_table(["method", *prompts], lines), ""]


def missing_lines(methods: Sequence[EditMethod], prompts: Sequence[str]) -> list[str]:
    """A line for each method and prompt that has no weights, with the command that makes them."""
    lacking = [(method, prompt) for method in methods for prompt in prompts if not method.ready(prompt)]
    lines = []
    for method, prompt in lacking:
        command = method.how_to_fit(prompt)
        remedy = f"`{command}`" if command else "not possible on this stack"
        lines.append(f'- {METHODS[method.name].title}, "{prompt}": {remedy}')
    return lines


def _tile(picture: Tensor) -> np.ndarray:
    """A picture `[3, S, S]` as `uint8 [256, 256, 3]`."""
    size = (PARSE_SIZE, PARSE_SIZE)
    return to_uint8(F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0])
