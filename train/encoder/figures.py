"""`python -m train inversion-figures`: editability, and likeness by a network that nothing is optimised against.

Every face is recorded when it is finished, so that a stopped run can be continued.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editor import FaceEditor
from mcaclip.errors import StudioError
from mcaclip.evaluation.row_log import ROWS, append_row, damaged, read_rows
from mcaclip.imaging.align import load_photo
from mcaclip.imaging.photo import pictures_in
from mcaclip.inversion.quality import is_poor
from mcaclip.loading import load_parser
from mcaclip.perception.independent_identity import IndependentIdentity
from mcaclip.types import AlignedFace, Inversion
from train.common.sheets import grid
from train.encoder.editability import Editability, direction_summary, prompt_summary
from train.encoder.photo_edits import edits_of_photo, photo_summary
from train.heads.preview_head import psnr

log = logging.getLogger(__name__)
FIRST_SEED = 5000
SHEET_FACES = 12
AVERAGED = ("judge", "dlib", "psnr", "difference", "shown", "seconds")
"""Figures of a row; `difference` is the mean absolute one at 256 px, of 255, and `shown` the likeness on the page."""
POOR, FINE = 0.45, 0.6
"""The independent cosine below which the studio should warn, and above which it should not."""


@dataclass(frozen=True)
class FigureSettings:
    """What is measured.

    Attributes:
        photos: folder of photos, or None.
        limit: photos at most.
        faces: generated faces (truncation 0.7).
        efforts: inversion efforts.
        edits: number of generated faces that are edited natively and inverted (see `train.encoder.editability`), and
            of photos that are edited (see `train.encoder.photo_edits`).
        directions: file of W directions for those edits; without it they are made with the shipped prompts only.
    """

    photos: Path | None = None
    limit: int = 40
    faces: int = 200
    efforts: tuple[str, ...] = ("instant", "good", "best")
    edits: int = 0
    directions: Path | None = None


def run(
    editor: FaceEditor, judge: IndependentIdentity, settings: FigureSettings, out: Path
) -> dict[str, dict[str, float]]:
    """Measure and write `rows.jsonl`, `figures.json` and the sheets `photo.jpg` and `generated.jpg` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    done = _done(out)
    editing = (
        Editability(editor, load_parser(editor.slots, editor.device), settings.directions) if settings.edits else None
    )
    sheets: dict[str, list[list[Tensor]]] = {"photo": [], "generated": []}
    rows = list(done.values())
    for number, (kind, name, aligned, native) in enumerate(_faces(editor, settings)):
        line = [_tile(aligned.image)]
        of_native: tuple[dict, dict] | None = None
        for effort in settings.efforts:
            if (name, effort) in done:
                continue
            found = editor.invert(aligned, effort)
            score = _score(judge, aligned.image, found)
            row: dict[str, object] = {"kind": kind, "face": name, "effort": effort, **score}
            if editing and native is not None and number < settings.edits:
                of_native = of_native or (editing.hits(native), editing.movements(native))
                row["edits"] = _pairs(of_native[0], editing.hits(found))
                row["directions"] = _pairs(of_native[1], editing.movements(found))
            if kind == "photo" and sum("photo_edits" in one for one in rows) < settings.edits * len(settings.efforts):
                row["photo_edits"] = edits_of_photo(editor, judge, found)
            rows.append(row)
            append_row(out / ROWS, row)
            line.append(_tile(found.reconstruction))
            log.info("%s %s: %.3f in %.1f s", name, effort, score["judge"], found.seconds)
        if len(line) == 1 + len(settings.efforts) and len(sheets[kind]) < SHEET_FACES:
            sheets[kind].append(line)
            grid([list(column) for column in zip(*sheets[kind], strict=True)]).save(out / f"{kind}.jpg", quality=90)
    summary = summarise(list(_done(out).values()))
    (out / "figures.json").write_text(json.dumps(summary, indent=1))
    log.info("%s", json.dumps(summary, indent=1))
    return summary


def _faces(editor: FaceEditor, settings: FigureSettings) -> Iterator[tuple[str, str, AlignedFace, Inversion | None]]:
    """Generated faces with their native codes, then photos (those without a face are named and left out)."""
    for seed in range(FIRST_SEED, FIRST_SEED + settings.faces):
        native = editor.sample(seed)
        valid = np.ones((1024, 1024), bool)
        yield "generated", f"seed_{seed}", AlignedFace(native.reconstruction, None, valid, None, np.zeros(0)), native
    folder = settings.photos
    files = pictures_in(folder) if folder else []
    for path in files[: settings.limit]:
        try:
            yield "photo", path.stem, editor.align(load_photo(path)), None
        except StudioError as error:
            log.warning("%s left out: %s", path.name, error)


def _pairs(native: Mapping[str, object], inverted: Mapping[str, object]) -> dict[str, list[object]]:
    return {key: [native[key], inverted[key]] for key in native}


def _score(judge: IndependentIdentity, photo: Tensor, found: Inversion) -> dict[str, float]:
    small = [F.adaptive_avg_pool2d(picture[None], 256) for picture in (photo, found.reconstruction)]
    return {
        "judge": float(judge.similarity(*small)),
        "dlib": float(found.identity or 0),
        "psnr": float(psnr(*small)),
        "pixel": float(found.pixel or 0),
        "perceptual": float(found.perceptual or 0),
        "difference": float(127.5 * (small[0] - small[1].clamp(-1, 1)).abs().mean()),
        "shown": float(found.likeness or 0),
        "seconds": found.seconds,
    }


def summarise(rows: Sequence[dict]) -> dict[str, dict[str, float]]:
    """Means and the lowest cosine by kind of face and effort, with `editability`; and the warning's agreement."""
    summary = {}
    for kind, effort in dict.fromkeys((row["kind"], row["effort"]) for row in rows):
        group = [row for row in rows if (row["kind"], row["effort"]) == (kind, effort)]
        averaged = [key for key in AVERAGED if all(key in row for row in group)]
        values = {key: float(np.mean([row[key] for row in group])) for key in averaged}
        if "shown" in averaged:
            errors = [row["shown"] - row["judge"] for row in group]
            values["shown_error"] = float(np.sqrt(np.mean(np.square(errors))))
        values |= {"judge_lowest": min(row["judge"] for row in group), "faces": len(group)}
        values |= prompt_summary(group) | direction_summary(group) | photo_summary(group)
        summary[f"{kind} {effort}"] = {key: round(value, 3) for key, value in values.items()}
    if rows:
        summary["warning"] = warning_agreement(rows)
    return summary


def warning_agreement(rows: Sequence[dict]) -> dict[str, float]:
    """How well the studio's warning of a poor likeness agrees with the independent network.

    Returns:
        `poor`: faces below `POOR`, `recall`: the share of them with a warning; `fine`: faces above `FINE`,
        `false_alarm`: the share of them with a warning; `warned`: faces with a warning, `precision`: the share of
        them not above `FINE`. A share of no faces is left out.
    """
    judged = np.array([row["judge"] for row in rows])
    warned = np.array([is_poor(row["perceptual"]) for row in rows])
    poor, fine = judged < POOR, judged > FINE
    counts = {"poor": int(poor.sum()), "fine": int(fine.sum()), "warned": int(warned.sum())}
    parts = (("recall", warned, poor), ("false_alarm", warned, fine), ("precision", ~fine, warned))
    return counts | {name: round(float(hit[of].mean()), 3) for name, hit, of in parts if of.any()}


def _done(out: Path) -> dict[tuple[str, str], dict]:
    rows = {}
    for number, row in read_rows(out / ROWS):
        if not {"kind", "face", "effort", "judge", "dlib", "perceptual", "psnr", "seconds"} <= row.keys():
            raise damaged(out / ROWS, number)
        rows[row["face"], row["effort"]] = row
    return rows


def _tile(picture: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(picture[None], 256)[0]
