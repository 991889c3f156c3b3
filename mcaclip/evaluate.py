"""Figures for the shipped edits: does the colour arrive, does anything else move, is it still the same person?

`python -m mcaclip evaluate --seeds 20 [--photos DIR] --out DIR` writes `figures.json`, `figures.md` and one contact
sheet a prompt, and `overview.jpg` with all prompts on a few generated faces.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mcaclip.align import load_photo
from mcaclip.colour import srgb_to_lab
from mcaclip.editor import FaceEditor
from mcaclip.errors import PromptError, StudioError
from mcaclip.generators.synthesis import synthesize
from mcaclip.perception.base import Parser
from mcaclip.perception.judge import Judge
from mcaclip.perception.regions import dilate, face_width, region
from mcaclip.stacks import load_parser
from mcaclip.text.colours import lab_of
from mcaclip.text.grammar import Meaning, understand
from mcaclip.types import EditSettings, Inversion, to_uint8

log = logging.getLogger(__name__)
HIT_SHARE = 0.5
MARGIN = 0.05
PARSE_SIZE = 256
TILE_SIZE = 192
OVERVIEW_FACES = 8
COLUMNS = ("hits", "faces", "moved", "leak", "identity", "judge", "area", "seconds")
PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Row:
    """One face, one prompt.

    Attributes:
        moved: share of the Lab distance to the named colour that the named region's mean colour covered;
            1 is there, 0 is where it was, below 0 is further away.
        hit: `moved` is at least half.
        leak: mean absolute change outside the region, which is first grown by 5 % of the face's width, in 0..255.
        identity: cosine of edit and reconstruction by dlib's net (which also stood in the training loss).
        area: share of the picture that the final mask opens.
        seconds: wall time of the edit at 1024 px.
        judge: the same cosine by a face net that nothing is trained against (see `perception.judge`), or None.
    """

    face: str
    prompt: str
    moved: float
    hit: bool
    leak: float
    identity: float
    area: float
    seconds: float
    judge: float | None = None


@torch.no_grad()
def parse_face(editor: FaceEditor, parser: Parser, inversion: Inversion) -> Tensor:
    """Class probabilities `[1, 19, 256, 256]` of a face, once for all its prompts."""
    code = inversion.w_plus[None].to(editor.device)
    made = synthesize(editor.models.preview, code, keep=parser.layers)
    return parser.parse(made, PARSE_SIZE).cpu()


def named_region(parsed: Tensor, part: str) -> tuple[Tensor, Tensor]:
    """The named region of a parsed face and what may change, grown by 5 % of the face's width.

    Args:
        parsed: `[1, 19, 256, 256]`.

    Returns:
        Each `[1, 1, 256, 256]`.
    """
    mask = region(parsed, part)
    return mask, dilate((mask > 0.3).float(), round(MARGIN * float(face_width(parsed))))


def measure(source: Tensor, edited: Tensor, mask: Tensor, allowed: Tensor, colour: Tensor) -> tuple[float, float]:
    """`moved` and `leak` (see `Row`) of pictures `[3, S, S]` in [-1, 1]; masks `[1, 1, 256, 256]`."""
    small = [F.adaptive_avg_pool2d(picture[None], PARSE_SIZE) for picture in (source, edited)]
    weight = (mask > 0.5).float()
    if weight.sum() < 20:
        weight = mask
    total = weight.sum().clamp_min(1e-6)
    means = [(srgb_to_lab(picture) * weight).sum((0, 2, 3)) / total for picture in small]
    before, after = ((mean - colour).norm() for mean in means)
    outside = 1 - F.interpolate(allowed, size=source.shape[-2:], mode="nearest")
    change = (edited - source).abs().mean(0, keepdim=True)[None] * 127.5
    leak = (change * outside).sum() / outside.sum().clamp_min(1)
    return float(1 - after / before), float(leak)


def evaluate_face(
    editor: FaceEditor,
    parsed: Tensor,
    name: str,
    inversion: Inversion,
    prompt: str,
    meaning: Meaning,
    judge: Judge | None = None,
) -> tuple[Row, Tensor]:
    """Edit one face, parsed as `[1, 19, 256, 256]`, and measure; also returns the edit `[3, 1024, 1024]`."""
    result = editor.edit(inversion, EditSettings(prompt))
    mask, allowed = named_region(parsed, meaning.part)
    moved, leak = measure(inversion.reconstruction, result.image, mask, allowed, lab_of(meaning.colour))
    judged = judge.similarity(result.image[None], inversion.reconstruction[None]) if judge else None
    row = Row(
        face=name,
        prompt=prompt,
        moved=round(moved, 3),
        hit=moved >= HIT_SHARE,
        leak=round(leak, 3),
        identity=round(float(result.identity or 0), 4),
        area=round(float(result.combined_mask.mean()), 4),
        seconds=round(result.seconds, 2),
        judge=None if judged is None else round(float(judged), 4),
    )
    return row, result.image


def summarise(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Means a prompt and kind of face ("photo" or "generated")."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        kind = "generated" if row.face.startswith("seed_") else "photo"
        groups.setdefault(f"{row.prompt} ({kind})", []).append(row)
    return {
        name: {
            "faces": len(group),
            "hits": sum(row.hit for row in group),
            **{
                key: round(float(np.mean([getattr(row, key) for row in group])), 3)
                for key in COLUMNS[2:]
                if all(getattr(row, key) is not None for row in group)
            },
        }
        for name, group in groups.items()
    }


def collect_faces(
    editor: FaceEditor, seeds: int, photos: Path | None, limit: int, effort: str
) -> list[tuple[str, Inversion]]:
    """Generated faces of seeds 0 .. and inverted photos of a folder (those without a face are named and left out)."""
    faces = [(f"seed_{seed}", editor.sample(seed)) for seed in range(seeds)]
    files = sorted(p for p in photos.iterdir() if p.suffix.lower() in PHOTO_ENDINGS) if photos else []
    for path in files[:limit]:
        try:
            faces.append((path.stem, editor.invert(editor.align(load_photo(path)), effort)))
            log.info("%s: likeness %.2f", path.stem, faces[-1][1].identity)
        except StudioError as error:
            log.warning("%s left out: %s", path.name, error)
    return faces


def run(
    editor: FaceEditor,
    out: Path,
    seeds: int = 20,
    photos: Path | None = None,
    limit: int = 20,
    prompts: Sequence[str] = (),
    effort: str = "good",
    judge: Judge | None = None,
) -> dict[str, dict[str, float]]:
    """Evaluate and write everything into `out`; returns the summary.

    Raises:
        PromptError: a prompt without a part and a colour, which these figures need, or no prompt at all.
    """
    chosen = [editor.check_prompt(prompt) for prompt in prompts] or list(editor.prompts())
    meanings = {prompt: meaning for prompt in chosen if (meaning := understand(prompt))}
    if unclear := [prompt for prompt in chosen if prompt not in meanings]:
        raise PromptError(f"evaluate needs prompts that name a part and a colour, not {', '.join(unclear)}")
    if not meanings:
        raise PromptError(f"there is nothing to evaluate: no prompt is fitted for the {editor.stack} stack")
    out.mkdir(parents=True, exist_ok=True)
    faces = collect_faces(editor, seeds, photos, limit, effort)
    parser = load_parser(editor.slots, editor.device)
    parsings = [parse_face(editor, parser, inversion) for _, inversion in faces]
    rows: list[Row] = []
    stacks = [[_tile(inversion.reconstruction)] for _, inversion in faces]
    for prompt, meaning in meanings.items():
        for stack, parsed, (name, inversion) in zip(stacks, parsings, faces, strict=True):
            row, image = evaluate_face(editor, parsed, name, inversion, prompt, meaning, judge)
            rows.append(row)
            stack.append(_tile(image))
        pairs = [(stack[0], stack[-1]) for stack in stacks]
        contact_sheet(pairs).save(out / f"{prompt.replace(' ', '_')}.jpg", quality=90)
        log.info("%s: measured on %d faces", prompt, len(faces))
    if seeds:
        contact_sheet(stacks[: min(seeds, OVERVIEW_FACES)], columns=OVERVIEW_FACES).save(
            out / "overview.jpg", quality=90
        )
    summary = summarise(rows)
    likeness = [inversion.identity for _, inversion in faces if inversion.identity is not None]
    report = {
        "summary": summary,
        "photo_likeness_mean": round(float(np.mean(likeness)), 3) if likeness else None,
        "rows": [asdict(row) for row in rows],
        "weights": editor.weight_hashes(),
    }
    (out / "figures.json").write_text(json.dumps(report, indent=1))
    (out / "figures.md").write_text(as_markdown(summary))
    return summary


def as_markdown(summary: dict[str, dict[str, float]]) -> str:
    """The summary as a table."""
    columns = [column for column in COLUMNS if all(column in values for values in summary.values())]
    lines = ["| prompt | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(str(values[c]) for c in columns) + " |" for name, values in summary.items()]
    return "\n".join(lines) + "\n"


def _tile(picture: Tensor) -> Tensor:
    """A picture `[3, S, S]` at the size of a contact sheet."""
    size = (TILE_SIZE, TILE_SIZE)
    return F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]


def contact_sheet(stacks: Sequence[Sequence[Tensor]], columns: int = 5) -> Image.Image:
    """Stacks of equally many pictures `[3, S, S]`, the original on top, `columns` stacks a line."""
    tiles = [np.concatenate([to_uint8(picture) for picture in stack], 0) for stack in stacks]
    while len(tiles) % columns:
        tiles.append(np.full_like(tiles[0], 255))
    lines = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.concatenate(lines))
