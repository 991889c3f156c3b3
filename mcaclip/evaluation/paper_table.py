"""The paper's protocol: seven prompts, 200 faces per prompt, methods as rows, the ablations as a second table.

`python -m mcaclip evaluate --table paper` measures as any other evaluation does; this is what its rows and its report
are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import StudioError
from mcaclip.evaluation.brought_networks import TITLES
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import GENERATED, Face, FaceToMeasure
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.evaluation.measures import HIT_SHARE, PARSE_SIZE
from mcaclip.evaluation.measuring import MeasuredRow, Measurement, in_common, rounded
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.result_pictures import ResultPictures
from mcaclip.evaluation.run import EvaluationPlan, Run
from mcaclip.evaluation.variants import Edited, Variant
from mcaclip.imaging.metrics import frechet, psnr, ssim
from mcaclip.language.grammar import understand
from mcaclip.methods.base import METHODS, EditMethod, title_of
from mcaclip.platform.atomic import written_whole
from mcaclip.platform.naming import safe_stem
from mcaclip.results.export import save_png, write_png
from mcaclip.types import Inversion, to_uint8

COUNTERFACTUAL = ("green lipstick", "blue goatee", "purple hair")
ORDINARY = ("red lipstick", "blonde hair", "black hair", "brown eyebrows")
PROMPTS = (*COUNTERFACTUAL, *ORDINARY)
PROMPT_KINDS = {"counterfactual prompts": COUNTERFACTUAL, "ordinary prompts": ORDINARY}
FACES, FAST_FACES = 200, 20
ABLATION = ("mca", "mca-without-ff", "mca-without-pre")
MAIN = tuple(name for name in METHODS if name not in ABLATION[1:])
SHEET_FACES = 2
DIFFICULT_FACE_PROMPTS = 3
"""How many prompts are also run on the difficult faces. Counterfactual prompts come first."""
DIFFICULT = "profiles, glasses and hats"
HEADS = {
    "ssim": "SSIM", "ssim_background": "SSIM outside", "psnr": "PSNR", "hit": "hit", "leak": "leak",
    "identity": "identity", "clip": "CLIP score", "area": "mask area", "seconds": "seconds",
    "faces": "Frechet, faces", **TITLES,
}  # fmt: skip
"""The columns of a table by the fields of `TableRow`, and the distances of `FEATURES`."""
FEATURES = ("faces", "inception")
"""Networks whose features make a Frechet distance between a method's edits and their faces."""
MEANS = tuple(name for name in HEADS if name not in FEATURES)
SOURCE = "source", "face"
"""What stands for method and prompt in the files of the faces themselves."""


@dataclass(frozen=True)
class TableRow(MeasuredRow):
    """One edit, measured against the face: the photo, or the generator's own picture of it.

    Attributes:
        ssim: structural similarity at 256 px.
        ssim_background: the same outside the named part, which is first grown by 5 % of the face's width.
        clip: cosine of the edit and the prompt by the stack's CLIP.
        hit: see `mcaclip.evaluation.compare.Figures`, also for the fields below.
        kind: see `FaceToMeasure.kind`.
        psnr: of the edit at 256 px, in dB, at most 100.
        lpips: see `BroughtNetworks`, as for `itm` and `judge`; None where its files are not there.
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
    seconds: float | None
    kind: str = GENERATED
    psnr: float | None = None
    area: float | None = None
    lpips: float | None = None
    itm: float | None = None
    judge: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """See `MeasuredRow.key`."""
        return self.method, self.prompt, self.face

    @classmethod
    @torch.no_grad()
    def of(cls, measured: Measurement, variant: str) -> TableRow:
        """The row of an edit by a prompt that names a part and a colour."""
        face, prompt, brought = measured.face, measured.subject.title, measured.context.brought
        moved, leak, ssim_background = measured.colour_moved(), measured.leak, measured.ssim_background
        assert moved is not None and leak is not None and ssim_background is not None
        pair = face.small, measured.small
        return cls(
            variant, prompt, face.name,
            ssim=round(float(ssim(*pair)), 4),
            ssim_background=round(ssim_background, 4),
            clip=round(float(measured.embedding @ measured.words), 4),
            hit=moved >= HIT_SHARE,
            moved=round(moved, 3),
            leak=round(leak, 3),
            identity=round(measured.identity, 4),
            seconds=rounded(measured.edited.seconds, 2),
            kind=face.kind,
            psnr=round(float(psnr(*pair)), 2),
            area=rounded(measured.edited.area, 4),
            lpips=round(brought.lpips(*pair), 4) if brought.lpips else None,
            itm=round(brought.itm(measured.edited.image, prompt), 4) if brought.itm else None,
            judge=rounded(measured.independent_identity, 4),
        )  # fmt: skip


class TableRun(Run[TableRow]):
    """The rows of a table on disk, with the features of their pictures and small pictures for the sheets."""

    def __init__(self, out: Path, about: Mapping[str, object]):
        super().__init__(out, TableRow, about)
        for folder in ("tiles", *(f"features/{network}" for network in FEATURES)):
            (out / folder).mkdir(parents=True, exist_ok=True)

    def key_of(self, face: FaceToMeasure, prompt: str, variant: str) -> tuple[str, ...]:
        """See `Run.key_of`."""
        return variant, prompt, face.name

    def keep_face(self, face: Face, shown: bool) -> None:
        """See `Run.keep_face`."""
        self._keep_features((*SOURCE, face.name), face.context, face.picture)
        if shown:
            save_png(self.tile(*SOURCE, face.name), _tile(face.picture))

    def row(self, measured: Measurement, variant: str, shown: bool) -> TableRow:
        """See `Run.row`."""
        row, picture = TableRow.of(measured, variant), measured.edited.image
        self._keep_features(row.key, measured.context, picture)
        if shown:
            write_png(self.tile(*row.key), _tile(picture), {"prompt": row.prompt, "face": row.face})
        return row

    def _keep_features(self, key: tuple[str, str, str], context: EvaluationContext, picture: Tensor) -> None:
        inception = context.brought.inception
        features = {"faces": context.identity_embedding(picture), "inception": inception and inception(picture)}
        for network, found in features.items():
            if found is not None:
                with written_whole(self.features(network, *key)) as temporary, temporary.open("wb") as stream:
                    np.save(stream, found.numpy())

    def tile(self, method: str, prompt: str, face: str) -> Path:
        """The file of a small picture for the qualitative sheet."""
        return self.out / "tiles" / f"{_stem(method, prompt, face)}.png"

    def features(self, network: str, method: str, prompt: str, face: str) -> Path:
        """The file of a picture's features, one vector, by one of `FEATURES`."""
        return self.out / "features" / network / f"{_stem(method, prompt, face)}.npy"

    def frechet(self, network: str, rows: Sequence[TableRow]) -> float | None:
        """Frechet distance of edits and their faces; None where features are missing, or for a single face."""
        own = [self.features(network, *row.key) for row in rows]
        faces = [self.features(network, *SOURCE, face) for face in dict.fromkeys(row.face for row in rows)]
        if len(faces) < 2 or not all(file.is_file() for file in (*own, *faces)):
            return None
        edits, sources = (torch.from_numpy(np.stack([np.load(file) for file in files])) for files in (own, faces))
        return frechet(edits, sources)

    def faces(self) -> list[str]:
        """Names of the measured faces, in the order of the rows."""
        return list(dict.fromkeys(row.face for row in self.rows))


class MethodVariant(Variant):
    """A method of the family."""

    def __init__(self, method: EditMethod):
        self.name, self.method = method.name, method

    def edit(self, inversion: Inversion, subject: Subject, face: str = "") -> Edited:
        """See `Variant.edit`."""
        return Edited.of(self.method.edit(inversion, subject.words))


def table_plan(
    systems: Sequence[EditMethod | ResultPictures], prompts: Sequence[str], faces: Sequence[FaceToMeasure]
) -> EvaluationPlan:
    """What a table measures: the prompts for which a system is ready, on all faces.

    Small pictures are stored of a face of each kind, or of the first faces where all are of one kind.

    Raises:
        StudioError: a prompt names no part and colour, which the figures need.
    """
    if unclear := [prompt for prompt in prompts if understand(prompt) is None]:
        raise StudioError(f"the table needs prompts that name a part and a colour, not {', '.join(unclear)}")
    edits = [
        (Subject.of_one_part(prompt), one if isinstance(one, Variant) else MethodVariant(one))
        for prompt in prompts
        for one in systems
        if one.ready(prompt)
    ]
    first = {face.kind: face for face in reversed(faces)}
    return EvaluationPlan(edits, faces, list(first.values()) if len(first) > 1 else faces[:SHEET_FACES])


Table = dict[str, dict[str, float]]
"""From a method to its figures."""


def summarise(rows: Sequence[TableRow], methods: Iterable[str], run: TableRun | None = None) -> Table:
    """The means of each method that has rows, and how many prompts and edits they are over.

    A figure that some of a method's rows lack is left out.

    Args:
        run: has the features of the rows, for the Frechet distances.
    """
    result = {}
    for method in methods:
        own = [row for row in rows if row.method == method]
        if own:
            figures = {name: _mean([getattr(row, name) for row in own]) for name in HEADS if name in MEANS}
            figures |= {name: run.frechet(name, own) if run else None for name in FEATURES}
            shown = {name: round(value, 3) for name in HEADS if (value := figures[name]) is not None}
            result[method] = {"prompts": len({row.prompt for row in own}), "edits": len(own), **shown}
    return result


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where one is missing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def main_methods(rows: Sequence[TableRow]) -> list[str]:
    """The methods of the main tables: those of the family without the ablations, then others that the rows have."""
    return [*MAIN, *dict.fromkeys(row.method for row in rows if row.method not in METHODS)]


def tables(run: TableRun, difficult: TableRun) -> dict[str, Table]:
    """The tables by their titles; a table without rows is left out.

    Args:
        difficult: edits of `DIFFICULT_FACES`, which have tables of their own and count in no other.
    """
    rows = run.rows
    own = [row for row in rows if row.method in ABLATION]
    ablated = in_common(own) if any(row.method != ABLATION[0] for row in own) else []
    found = {}
    for name, prompts in PROMPT_KINDS.items():
        found[name] = summarise([row for row in rows if row.prompt in prompts], main_methods(rows), run)
        shared = [row for row in ablated if row.prompt in prompts]
        found[f"ablation, shared edits, {name}"] = summarise(shared, ABLATION, run)
    others = [row for row in rows if row.prompt not in PROMPTS]
    found["other prompts"] = summarise(others, main_methods(rows), run)
    found[DIFFICULT] = summarise(difficult.rows, METHODS, difficult)
    return {title: table for title, table in found.items() if table}


def as_markdown(run: TableRun, difficult: TableRun, names: Mapping[str, str], missing: Sequence[str]) -> str:
    """All tables, an explanation of the columns, and what is missing.

    Args:
        names: of the stack's "clip" and "identity", for the columns that they make.
        missing: lines about missing weights and files.
    """
    heads = {**HEADS, "clip": f"{names['clip']} score", "faces": f"Frechet, {names['identity']}"}
    lines = []
    for title, table in tables(run, difficult).items():
        columns = [name for name in heads if any(name in figures for figures in table.values())]
        head = ["method", "prompts", "edits", *(heads[name] for name in columns)]
        cells = [
            [title_of(method), *(f"{own[name]:g}" if name in own else "" for name in ("prompts", "edits", *columns))]
            for method, own in table.items()
        ]
        lines += [f"## {title}", "", *markdown_table(head, cells), ""]
    lines += _by_prompt(run.rows)
    faces = {row.face: row.kind for row in run.rows}
    kinds = ", ".join(f"{[*faces.values()].count(kind)} {kind}" for kind in dict.fromkeys(faces.values()))
    lines += [
        f"Faces: {kinds}. Each edit is compared with the face that it starts from: the photo, or the generator's "
        "picture. SSIM: 11 x 11 Gaussian window, 256 px, pictures in [0, 1]; outside: without the named part, grown "
        "by 5 % of the face's width. PSNR: 256 px, dB. Hit: share of edits whose named part covered half of the way "
        "to the colour. Leak: mean absolute change outside, 0 to 255. Frechet: distance between the edits and their "
        "faces in the features of the named face network; comparable between methods of one table only.",
    ]
    return "\n".join([*lines, *(["", "Not measured:", ""] if missing else []), *missing]) + "\n"


def _by_prompt(rows: Sequence[TableRow]) -> list[str]:
    """A table of hit and leak with one column per prompt, where there are several."""
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    if len(prompts) < 2:
        return []
    methods = dict.fromkeys([*METHODS, *main_methods(rows)])
    by_prompt = [summarise([row for row in rows if row.prompt == prompt], methods) for prompt in prompts]
    lines = []
    for name in methods:
        found = [table.get(name) for table in by_prompt]
        cells = [f"{100 * own['hit']:.0f} %, {own['leak']:.2g}" if own else "" for own in found]
        if any(found):
            lines.append([title_of(name), *cells])
    return ["## hit and leak by prompt", "", *markdown_table(["method", *prompts], lines), ""]


def missing_lines(methods: Sequence[EditMethod | ResultPictures], prompts: Sequence[str]) -> list[str]:
    """A line for each method and prompt that has no weights, with the command that makes them."""
    lacking = [(method, prompt) for method in methods for prompt in prompts if not method.ready(prompt)]
    lines = []
    for method, prompt in lacking:
        command = method.how_to_fit(prompt)
        remedy = f"`{command}`" if command else "not possible on this stack"
        lines.append(f'- {title_of(method.name)}, "{prompt}": {remedy}')
    return lines


def _tile(picture: Tensor) -> np.ndarray:
    """A picture `[3, S, S]` as `uint8 [256, 256, 3]`."""
    size = (PARSE_SIZE, PARSE_SIZE)
    return to_uint8(F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0])


def _stem(method: str, prompt: str, face: str) -> str:
    return f"{face}_{safe_stem(method)}_{safe_stem(prompt).replace(' ', '_')}"
