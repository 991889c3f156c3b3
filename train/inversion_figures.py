"""`python -m train inversion-figures`: likeness by a network that nothing is optimised against, and editability.

Every face is written down as it is done, so that a stopped run goes on where it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mcaclip import weights
from mcaclip.align import load_photo
from mcaclip.editor import FaceEditor
from mcaclip.errors import StudioError
from mcaclip.evaluate import HIT_SHARE, PHOTO_ENDINGS, measure, named_region, parse_face
from mcaclip.perception.judge import Judge
from mcaclip.perception.parsing_head import ParsingHead
from mcaclip.text.colours import lab_of
from mcaclip.text.grammar import Meaning, understand
from mcaclip.types import AlignedFace, EditSettings, Inversion
from train.preview_head import psnr
from train.sheets import grid

log = logging.getLogger(__name__)
ROWS = "rows.jsonl"
FIRST_SEED = 5000
SHEET_FACES = 12


@dataclass(frozen=True)
class FigureSettings:
    """What is measured.

    Attributes:
        photos: folder of photos, or None.
        limit: photos at most.
        faces: generated faces (truncation 0.7).
        efforts: inversion efforts.
        edits: number of generated faces that are edited with every shipped prompt, natively and inverted.
    """

    photos: Path | None = None
    limit: int = 40
    faces: int = 200
    efforts: tuple[str, ...] = ("instant", "good", "best")
    edits: int = 0


def run(editor: FaceEditor, judge: Judge, settings: FigureSettings, out: Path) -> dict[str, dict[str, float]]:
    """Measure and write `rows.jsonl`, `figures.json` and the sheets `photo.jpg` and `generated.jpg` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    done = _done(out)
    parser = ParsingHead.load(weights.get("parsing_head"), editor.device)
    sheets: dict[str, list[list[Tensor]]] = {"photo": [], "generated": []}
    for number, (kind, name, aligned, native) in enumerate(_faces(editor, settings)):
        line = [_tile(aligned.image)]
        for effort in settings.efforts:
            if (name, effort) in done:
                continue
            found = editor.invert(aligned, effort)
            row = {"kind": kind, "face": name, "effort": effort, **_score(judge, aligned.image, found)}
            if native is not None and number < settings.edits:
                row["edits"] = _edits(editor, parser, native, found)
            _append(out, row)
            line.append(_tile(found.reconstruction))
            log.info("%s %s: %.3f in %.1f s", name, effort, row["judge"], found.seconds)
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
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTO_ENDINGS) if folder else []
    for path in files[: settings.limit]:
        try:
            yield "photo", path.stem, editor.align(load_photo(path)), None
        except StudioError as error:
            log.warning("%s left out: %s", path.name, error)


def _score(judge: Judge, photo: Tensor, found: Inversion) -> dict[str, float]:
    small = [F.adaptive_avg_pool2d(picture[None], 256) for picture in (photo, found.reconstruction)]
    return {
        "judge": float(judge.similarity(*small)),
        "dlib": float(found.identity or 0),
        "psnr": float(psnr(*small)),
        "pixel": float(found.pixel or 0),
        "seconds": found.seconds,
    }


def _edits(editor: FaceEditor, parser: ParsingHead, native: Inversion, found: Inversion) -> dict[str, list[bool]]:
    """For every shipped prompt: does the colour arrive on the native code, and on the inverted one?"""
    faces = [(face, parse_face(editor, parser, face)) for face in (native, found)]
    hits = {}
    for prompt in editor.prompts():
        if meaning := understand(prompt):
            hits[prompt] = [_hit(editor, face, parsed, prompt, meaning) for face, parsed in faces]
    return hits


def _hit(editor: FaceEditor, face: Inversion, parsed: Tensor, prompt: str, meaning: Meaning) -> bool:
    result = editor.edit(face, EditSettings(prompt))
    mask, allowed = named_region(parsed, meaning.part)
    moved, _ = measure(face.reconstruction, result.image, mask, allowed, lab_of(meaning.colour))
    return moved >= HIT_SHARE


def summarise(rows: Sequence[dict]) -> dict[str, dict[str, float]]:
    """Means, and the lowest judgement, by kind of face and effort; hits of edits as shares."""
    summary = {}
    for kind, effort in dict.fromkeys((row["kind"], row["effort"]) for row in rows):
        group = [row for row in rows if (row["kind"], row["effort"]) == (kind, effort)]
        values = {key: float(np.mean([row[key] for row in group])) for key in ("judge", "dlib", "psnr", "seconds")}
        values |= {"judge_lowest": min(row["judge"] for row in group), "faces": len(group)}
        pairs = [pair for row in group for pair in row.get("edits", {}).values()]
        if pairs:
            native, inverted = np.mean(pairs, axis=0)
            values |= {"edits": len(pairs), "hits_native": float(native), "hits_inverted": float(inverted)}
        summary[f"{kind} {effort}"] = {key: round(value, 3) for key, value in values.items()}
    return summary


def _done(out: Path) -> dict[tuple[str, str], dict]:
    file = out / ROWS
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [json.loads(line) for line in lines]
    return {(row["face"], row["effort"]): row for row in rows}


def _append(out: Path, row: dict) -> None:
    with (out / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _tile(picture: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(picture[None], 256)[0]
