"""Result folders: one face, one folder, always the same files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from mcaclip import visuals
from mcaclip.pipeline import Outcome
from mcaclip.types import EditSettings, to_uint8
from mcaclip.version import __version__

PNG_LEVEL = 4
"""zlib level: a third of the time of the default for files 2 % larger."""


@dataclass(frozen=True)
class Provenance:
    """Where a result came from; goes into result.json.

    Attributes:
        stack: the model stack's name.
        weights: file name -> sha256 of what was loaded.
        seed: of the face, or of the inversion's randomness.
        effort: how much effort the inversion took; None for a generated face.
        photo: file name of the photo, without its folder; None for a generated face.
        face: which face of the photo, largest first.
    """

    stack: str
    weights: dict[str, str]
    seed: int
    effort: str | None = None
    photo: str | None = None
    face: int | None = None


def folder_names(stems: Sequence[str]) -> list[str]:
    """A folder name for each photo stem; a repeated one gets `_2`, `_3`, ...

    Case does not tell two names apart, because it does not on every file system.

    Returns:
        As many names as stems, in order, all different.
    """
    taken: set[str] = set()
    names = []
    for stem in stems:
        name, count = stem, 1
        while name.casefold() in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name.casefold())
        names.append(name)
    return names


def write_outcome(folder: Path, outcome: Outcome, provenance: Provenance) -> None:
    """Writes a result folder, replacing what an earlier run left there.

    Files (those of the edit only when there is one): aligned.png, reconstruction.png, edited.png (1024 px),
    pasted.png (photo size), overlay.png, masks/layer_NN.png (each at its layer's size),
    latent.safetensors (`w_plus`, `delta_w`: float32 [18, 512]; with K > 1 prompts also `shifts` [K, 18, 512], whose
    sum is `delta_w`), result.json.

    Raises:
        OSError: when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    save_png(folder / "aligned.png", to_uint8(outcome.aligned))
    save_png(folder / "reconstruction.png", to_uint8(outcome.inversion.reconstruction))
    latents = {"w_plus": outcome.inversion.w_plus.detach().cpu().contiguous()}
    if outcome.result is not None:
        latents["delta_w"] = outcome.result.delta_w.detach().cpu().contiguous()
        if len(outcome.result.shifts) > 1:
            latents["shifts"] = torch.stack(outcome.result.shifts).contiguous()
        _write_edit(folder, outcome)
    save_file(latents, folder / "latent.safetensors")
    text = json.dumps(describe(outcome, provenance), indent=2, ensure_ascii=False)
    (folder / "result.json").write_text(text + "\n", encoding="utf-8")


def _write_edit(folder: Path, outcome: Outcome) -> None:
    """The pictures of an edit."""
    result = outcome.result
    assert result is not None
    save_png(folder / "edited.png", to_uint8(result.image))
    save_png(folder / "overlay.png", visuals.overlay(outcome.inversion.reconstruction, result.combined_mask))
    if outcome.pasted is not None:
        save_png(folder / "pasted.png", outcome.pasted)
    (folder / "masks").mkdir(exist_ok=True)
    for index, mask in enumerate(result.masks):
        save_png(folder / "masks" / f"layer_{index:02d}.png", visuals.mask_png(mask))


def _clear(folder: Path) -> None:
    """Removes the files of an earlier result, so that a folder never mixes two."""
    names = ("edited.png", "pasted.png", "overlay.png", "result.json", "latent.safetensors")
    for path in [*(folder / name for name in names), *folder.glob("masks/layer_*.png")]:
        path.unlink(missing_ok=True)


def save_png(path: Path, image: np.ndarray, info: PngInfo | None = None) -> None:
    """Writes `uint8 [H, W, 3]` or `[H, W]` as a PNG that says it is sRGB, with further chunks if there are any."""
    info = info or PngInfo()
    info.add(b"sRGB", b"\0")  # 0: rendered perceptually, as photos are
    Image.fromarray(image).save(path, format="PNG", compress_level=PNG_LEVEL, pnginfo=info)


def describe(outcome: Outcome, provenance: Provenance) -> dict[str, Any]:
    """The contents of result.json: what was asked, what was measured, what it was made with."""
    result = outcome.result
    settings = result.settings if result else None
    return {
        **describe_settings(settings),
        "modes": list(result.modes) if result else [],
        "seed": provenance.seed,
        "stack": provenance.stack,
        "inversion": provenance.effort,
        "photo": provenance.photo,
        "face": provenance.face,
        "identity": {
            "reconstruction_to_photo": _rounded(outcome.inversion.identity),
            "edit_to_reconstruction": _rounded(result.identity) if result else None,
        },
        "distance": {
            "pixel": _rounded(outcome.inversion.pixel),
            "perceptual": _rounded(outcome.inversion.perceptual),
        },
        "masks": _describe_masks(outcome),
        "notes": [*outcome.inversion.notes, *(result.notes if result else ())],
        "seconds": {stage: round(value, 3) for stage, value in outcome.seconds.items()},
        "version": __version__,
        "weights": dict(provenance.weights),
    }


def describe_settings(settings: EditSettings | None) -> dict[str, Any]:
    """What was asked for. `strength` is that of a single prompt; `prompts` holds every prompt with its own."""
    if settings is None:
        return {"prompt": None, "strength": None, "prompts": [], "mask_threshold": None}
    return {
        "prompt": settings.title,
        "strength": None if settings.more else settings.strength,
        "prompts": [{"prompt": part.prompt, "strength": part.strength} for part in settings.parts],
        "mask_threshold": settings.mask_threshold,
        "mask_invert": settings.mask_invert,
        "mask_feather": settings.mask_feather,
        "mask_painted": settings.paint is not None,
        "variation": settings.variation,
        "mode": settings.mode or "automatic",
        "without_masks": settings.without_masks,
    }


def _describe_masks(outcome: Outcome) -> list[dict[str, Any]]:
    """Name, side in pixels and mean (0..1) of every layer's mask."""
    if outcome.result is None:
        return []
    pairs = zip(outcome.result.mask_names, outcome.result.masks, strict=True)
    return [{"name": name, "side": mask.shape[-1], "area": _rounded(float(mask.mean()))} for name, mask in pairs]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
