"""Result folders: one face, one folder, always the same files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from mcaclip import __version__
from mcaclip.imaging import visuals
from mcaclip.imaging.photo import load_photo
from mcaclip.platform.atomic import folder_written_whole, write_text
from mcaclip.platform.naming import numbered
from mcaclip.results import export as keep
from mcaclip.results.export import save_png
from mcaclip.results.pipeline import Outcome
from mcaclip.types import EditSettings, to_uint8

RESULT_FILES = (
    "aligned.png", "reconstruction.png", "edited.png", "pasted.png", "all_faces.png", "generator.png", "overlay.png",
    "masks/layer_[0-9][0-9].png", "latent.safetensors", "result.json",
)  # fmt: skip
"""What a result folder may hold; anything else in it is not ours and stays."""


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
        photo_sha256: digest of the photo's file; None for a generated face.
        mask_sha256: digest of the file of a painted mask; None without one.
        marked: whether the pictures of the edit carry the visible mark.
        asked: digest of the request as it was typed, which can be compared before any network is loaded.
        faces: how many faces the photo has, where all of them were asked for.
    """

    stack: str
    weights: dict[str, str]
    seed: int
    effort: str | None = None
    photo: str | None = None
    face: int | None = None
    photo_sha256: str | None = None
    mask_sha256: str | None = None
    marked: bool = False
    asked: str | None = None
    faces: int | None = None


class ResultFolders:
    """Result folders, one per face and edit, in one folder; nothing is lost. Several processes may write at once.

    Args:
        out: the folder that they are in; it exists.
        overwrite: replace earlier results of the same name, instead of taking the next free name.
        reserved: names, in small letters, that are replaced only by results that ask for the very name.
    """

    def __init__(self, out: Path, overwrite: bool = False, reserved: frozenset[str] = frozenset()):
        self.out, self.overwrite, self.reserved = out, overwrite, reserved

    def find(self, stem: str, settings: EditSettings | None, provenance: Provenance) -> Path | None:
        """The folder that holds the result of the very same request; None to make it."""
        asked = describe_request(settings, provenance)
        return (
            None if self.overwrite else next((f for f, record in self.records(stem) if _is_of(record, asked)), None)
        )

    def records(self, stem: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Every whole result of a name, with what its result.json says."""
        for name in numbered(stem):
            folder = self.out / name
            if not folder.is_dir():
                return
            if (record := _record_in(folder)) is not None:
                yield folder, record

    def write(self, stem: str, outcome: Outcome, provenance: Provenance, named: bool = True) -> Path:
        """Writes a result, whole or not at all.

        Files (those of the edit only when there is one): aligned.png, reconstruction.png, edited.png (1024 px),
        pasted.png (photo size), generator.png (of a photo's edit: the generator's own picture), overlay.png,
        masks/layer_NN.png (each at its layer's size), latent.safetensors (`w_plus`, `delta_w`: float32 [18, 512];
        with K > 1 prompts also `shifts` [K, 18, 512], whose sum is `delta_w`; of a photo also `residual`),
        result.json.

        Args:
            named: whether the stem itself may be taken though it is reserved.

        Returns:
            The folder.

        Raises:
            OSError: it cannot be written.
        """
        places: list[Path] = []

        def place() -> Path:
            places.append(self._free(stem, named))
            return places[-1]

        with folder_written_whole(self.out, place, RESULT_FILES) as folder:
            write_files(folder, outcome, provenance)
        return places[-1]

    def _free(self, stem: str, named: bool) -> Path:
        """The first folder of this name that no other result has."""
        return next(
            self.out / name
            for name in numbered(stem)
            if ((named and name == stem) or name.casefold() not in self.reserved)
            and not _taken(self.out / name, self.overwrite)
        )

    def read(self, folder: Path, name: str) -> np.ndarray:
        """A picture `uint8 [H, W, 3]` of a result. Raises ImageError."""
        return load_photo(folder / name)

    def add(self, folder: Path, name: str, picture: np.ndarray, record: Mapping[str, Any]) -> None:
        """Adds a picture `uint8 [H, W, 3]` that shows edits to a result. Raises OSError."""
        keep.write_png(folder / name, picture, record)


def write_files(folder: Path, outcome: Outcome, provenance: Provenance) -> None:
    """Writes the files of a result into an empty folder; see `ResultFolders.write`. Raises OSError."""
    save_png(folder / "aligned.png", to_uint8(outcome.aligned))
    save_png(folder / "reconstruction.png", to_uint8(outcome.inversion.reconstruction))
    latents = {"w_plus": outcome.inversion.w_plus.detach().cpu().contiguous()}
    if outcome.inversion.residual is not None:
        latents["residual"] = outcome.inversion.residual.features.cpu().contiguous()
    if outcome.result is not None:
        latents["delta_w"] = outcome.result.delta_w.detach().cpu().contiguous()
        if len(outcome.result.shifts) > 1:
            latents["shifts"] = torch.stack(outcome.result.shifts).contiguous()
        _write_edit(folder, outcome, provenance)
    # not save_file, whose errors are none of the system's and whose files only their owner may read
    (folder / "latent.safetensors").write_bytes(save(latents))
    write_text(folder / "result.json", json.dumps(describe(outcome, provenance), indent=2, ensure_ascii=False) + "\n")


def _write_edit(folder: Path, outcome: Outcome, provenance: Provenance) -> None:
    """The pictures of an edit; those that show it say so."""
    result = outcome.result
    assert result is not None
    record = {
        "note": keep.MARK,
        **describe_request(result.settings, provenance),
        "modes": list(result.modes),
        "photo": provenance.photo,
    }
    pictures = {
        "edited": to_uint8(result.image),
        "overlay": visuals.overlay(outcome.inversion.original, result.combined_mask),
        "pasted": outcome.pasted,
        "generator": None if result.generated is None else to_uint8(result.generated),
    }
    for name, picture in pictures.items():
        if picture is not None:
            keep.write_png(folder / f"{name}.png", keep.mark(picture) if provenance.marked else picture, record)
    (folder / "masks").mkdir()
    for index, mask in enumerate(result.masks):
        save_png(folder / "masks" / f"layer_{index:02d}.png", visuals.mask_png(mask))


def _taken(folder: Path, overwrite: bool) -> bool:
    """Whether something is in the way: a file, or a folder with files of a result that must stay."""
    if not folder.is_dir():
        return os.path.lexists(folder)
    return not overwrite and any(next(folder.glob(pattern), None) for pattern in RESULT_FILES)


def _record_in(folder: Path) -> dict[str, Any] | None:
    """The record of a whole result; None for a damaged one, for one of another version, and for anything else."""
    names = ["aligned.png", "reconstruction.png", "latent.safetensors"]
    try:
        record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        names += ["edited.png", "overlay.png", "pasted.png"] if record["prompt"] else []
        whole = record["version"] == __version__ and all((folder / name).is_file() for name in names)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if whole else None


def _is_of(record: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return all(name in record and record[name] == value for name, value in asked.items())


def describe(outcome: Outcome, provenance: Provenance) -> dict[str, Any]:
    """The contents of result.json: what was asked, what was measured, what it was made with."""
    result = outcome.result
    settings = result.settings if result else None
    return {
        **describe_settings(settings),
        **describe_request(settings, provenance),
        "modes": list(result.modes) if result else [],
        "photo": provenance.photo,
        "asked": provenance.asked,
        "faces": provenance.faces,
        "identity": {
            "reconstruction_to_photo": _rounded(outcome.inversion.identity),
            "edit_to_original": _rounded(result.identity) if result else None,
        },
        "distance": {
            "pixel": _rounded(outcome.inversion.pixel),
            "perceptual": _rounded(outcome.inversion.perceptual),
        },
        "masks": _describe_masks(outcome),
        "notes": [*outcome.inversion.notes, *(result.notes if result else ())],
        "seconds": {stage: round(value, 3) for stage, value in outcome.seconds.items()},
    }


def describe_request(settings: EditSettings | None, provenance: Provenance) -> dict[str, Any]:
    """All that determines a result: requests with equal descriptions have equal results."""
    settings_of = describe_settings(settings)
    settings_of.pop("mask_painted", None)  # the digest of the mask's file says more
    return {
        **settings_of,
        "seed": provenance.seed,
        "stack": provenance.stack,
        "inversion": provenance.effort,
        "face": provenance.face,
        "photo_sha256": provenance.photo_sha256,
        "mask_sha256": provenance.mask_sha256,
        "marked": provenance.marked,
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
        "likeness": settings.likeness,
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
