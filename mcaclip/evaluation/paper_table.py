"""The paper's protocol: seven prompts, 200 faces a prompt, methods as rows, the ablations as a second table.

`python -m mcaclip evaluate --table paper` works face by face, so that a run that is cut short has every method on the
same faces. Each measured edit is a line of `rows.jsonl`; a later call goes on behind the last one.
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
from mcaclip.evaluation.measures import PARSE_SIZE, named_region
from mcaclip.evaluation.row_log import RowLog
from mcaclip.imaging.metrics import ssim
from mcaclip.language.grammar import understand
from mcaclip.methods.base import METHODS, EditMethod, MethodEdit
from mcaclip.platform.naming import safe_stem
from mcaclip.results.export import save_png, write_png
from mcaclip.types import to_uint8

log = logging.getLogger(__name__)
COUNTERFACTUAL = ("green lipstick", "blue goatee", "purple hair")
ORDINARY = ("red lipstick", "blonde hair", "black hair", "brown eyebrows")
PROMPTS = (*COUNTERFACTUAL, *ORDINARY)
FACES, FAST_FACES = 200, 20
ABLATION = ("mca", "mca-without-ff", "mca-without-pre")
MAIN = tuple(name for name in METHODS if name not in ABLATION[1:])
SHEET_FACES = 2
DIFFICULT_FACE_PROMPTS = 3
"""So many of the prompts, the counterfactual ones unless others are named, are made on the hard faces as well."""
HARD = "profiles, glasses and hats"
MEANS = ("ssim", "ssim_background", "hit", "leak", "identity", "clip", "seconds")


@dataclass(frozen=True)
class TableRow:
    """One edit, measured against the generator's own picture of the face.

    Attributes:
        ssim: structural similarity at 256 px.
        ssim_background: the same outside the named part, which is first grown by 5 % of the face's width.
        clip: cosine of the edit and the prompt in the stack's space of words and pictures.
        hit: see `mcaclip.evaluation.compare.Figures`, as the following are.
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
        """What tells rows apart."""
        return self.method, self.prompt, self.face


class TableRun(RowLog[TableRow]):
    """A table under way, on disk; see `RowLog`, whose errors it has."""

    def __init__(self, out: Path, about: Mapping[str, object]):
        super().__init__(out, TableRow, about)
        (out / "tiles").mkdir(exist_ok=True)

    def tile(self, method: str, prompt: str, face: str) -> Path:
        """File of a small picture of the qualitative sheet."""
        return self.out / "tiles" / f"{face}_{method}_{safe_stem(prompt).replace(' ', '_')}.png"

    def faces(self) -> list[str]:
        """Names of the measured faces, in their order."""
        return list(dict.fromkeys(row.face for row in self.rows))


def fill(
    run: TableRun,
    methods: Sequence[EditMethod],
    metrics: EditMetrics,
    space: ClipSpace,
    prompts: Sequence[str],
    faces: Sequence[tuple[str, Callable[[], Tensor]]],
    shown: int = SHEET_FACES,
) -> None:
    """Measure what is not measured yet, face by face.

    Args:
        faces: a name, and what gives the code `[18, 512]`, for each face.
        shown: small pictures are kept of so many faces.

    Raises:
        StudioError: a prompt that names no part and colour, which the figures need.
    """
    if unclear := [prompt for prompt in prompts if understand(prompt) is None]:
        raise StudioError(f"the table needs prompts that name a part and a colour, not {', '.join(unclear)}")
    done = {row.key for row in run.rows}
    for number, (face, code_of) in enumerate(faces):
        wanted = [
            (method, prompt)
            for prompt in prompts
            for method in methods
            if method.ready(prompt) and (method.name, prompt, face) not in done
        ]
        code = code_of() if wanted else None
        for method, prompt in wanted:
            assert code is not None
            edit = method.edit(code, prompt)
            run.add(measure_row(metrics, space, method.name, prompt, face, code, edit))
            if number < shown:
                write_png(run.tile(method.name, prompt, face), _tile(edit.image), {"prompt": prompt, "face": face})
                save_png(run.tile("source", "face", face), _tile(edit.source))
        log.info("face %d of %d", number + 1, len(faces))


@torch.no_grad()
def measure_row(
    metrics: EditMetrics, space: ClipSpace, method: str, prompt: str, face: str, code: Tensor, edit: MethodEdit
) -> TableRow:
    """All figures of one edit."""
    meaning, figures = understand(prompt), metrics.figures(code, prompt, edit)
    assert meaning is not None and figures.hit is not None
    _, allowed = named_region(metrics.parsed(code), meaning.part)
    source, edited = (F.adaptive_avg_pool2d(p[None], PARSE_SIZE) for p in (edit.source, edit.image))
    text = prompt_direction(space, prompt)
    score = space.encode_image(edit.image[None].to(text.device))[0] @ text
    return TableRow(
        method, prompt, face,
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
    """Means a method over all of its rows, and how many prompts and edits they are over; only methods with rows."""
    result = {}
    for method in methods:
        own = [row for row in rows if row.method == method]
        if own:
            means = {name: round(float(np.mean([getattr(row, name) for row in own])), 3) for name in MEANS}
            result[method] = {"prompts": len({row.prompt for row in own}), "edits": len(own), **means}
    return result


def shared(rows: Sequence[TableRow], methods: Sequence[str]) -> list[TableRow]:
    """The rows of those methods, where each of them that has rows at all edited the same face in the same words."""
    own = [row for row in rows if row.method in methods]
    made = [{(row.prompt, row.face) for row in own if row.method == method} for method in {row.method for row in own}]
    everywhere = set.intersection(*made) if made else set()
    return [row for row in own if (row.prompt, row.face) in everywhere]


def tables(rows: Sequence[TableRow], hard: Sequence[TableRow] = ()) -> dict[str, dict[str, dict[str, float]]]:
    """The tables by their titles; a table without rows is left out.

    Args:
        hard: edits of `DIFFICULT_FACES`, which have a table of their own and count in no other.
    """
    groups = {"counterfactual prompts": COUNTERFACTUAL, "ordinary prompts": ORDINARY}
    result = {
        title: summarise([row for row in rows if row.prompt in prompts], MAIN) for title, prompts in groups.items()
    }
    other = [row for row in rows if row.prompt not in PROMPTS]
    result["other prompts"] = summarise(other, MAIN)
    ablated = bool({row.method for row in rows} & {*ABLATION[1:]})
    result["ablation, shared edits"] = summarise(shared(rows, ABLATION), ABLATION) if ablated else {}
    result[HARD] = summarise(hard, tuple(METHODS))
    return {title: table for title, table in result.items() if table}


def as_markdown(rows: Sequence[TableRow], clip: str, missing: Sequence[str], hard: Sequence[TableRow] = ()) -> str:
    """All tables, what the columns are, and which methods have no weights for which prompt.

    Args:
        hard: see `tables`.
        clip: name of the space that the score is from.
        missing: lines about what is not there.
    """
    names = {"ssim": "SSIM", "ssim_background": "SSIM outside", "clip": f"{clip} score"}
    lines = []
    for title, table in tables(rows, hard).items():
        head = ["method", "prompts", "edits", *(names.get(name, name) for name in MEANS)]
        lines += [f"## {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for method, values in table.items():
            lines.append(f"| {METHODS[method].title} | " + " | ".join(f"{v:g}" for v in values.values()) + " |")
        lines.append("")
    lines += _by_prompt(rows)
    lines += [
        "Each edit is compared with the generator's own picture of the same face. SSIM: 11 x 11 Gaussian window, "
        "256 px; outside: without the named part, grown by 5 % of the face's width. Hit: share of edits whose named "
        "part covered half of the way to the colour. Leak: mean absolute change outside, 0 to 255. LPIPS and BLIP "
        "ITM: not available, their weights are not at hand.",
    ]
    return "\n".join([*lines, *(["", "Not measured:", ""] if missing else []), *missing]) + "\n"


def _by_prompt(rows: Sequence[TableRow]) -> list[str]:
    """A table of hit and leak with a column a prompt, where there are several."""
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    methods = [name for name in METHODS if any(row.method == name for row in rows)]
    if len(prompts) < 2:
        return []
    lines = [
        "## hit and leak by prompt",
        "",
        "| method | " + " | ".join(prompts) + " |",
        "|---" * (len(prompts) + 1) + "|",
    ]
    for method in methods:
        cells = []
        for prompt in prompts:
            found = summarise([row for row in rows if row.prompt == prompt], (method,)).get(method)
            cells.append(f"{100 * found['hit']:.0f} %, {found['leak']:.2g}" if found else "")
        lines.append(f"| {METHODS[method].title} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def missing_lines(methods: Sequence[EditMethod], prompts: Sequence[str]) -> list[str]:
    """A line for each method and prompt that has no weights, with the command that makes them."""
    return [
        f'- {METHODS[method.name].title}, "{prompt}": {_remedy(method.how_to_fit(prompt))}'
        for method in methods
        for prompt in prompts
        if not method.ready(prompt)
    ]


def _remedy(command: str) -> str:
    return f"`{command}`" if command else "not possible on this stack"


def _tile(picture: Tensor) -> np.ndarray:
    """A picture `[3, S, S]` as `uint8 [256, 256, 3]`."""
    size = (PARSE_SIZE, PARSE_SIZE)
    return to_uint8(F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0])
