"""A session in one file: the face's latent code, its photo and all its edits, to go on exactly where one stopped.

The format is safetensors: plain numbers, nothing in it can be executed. Whatever is read is checked, since the file
comes from outside.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.photo import load_photo
from mcaclip.types import EditSettings, Paint, PromptStrength
from mcaclip.version import __version__

FORMAT = "mcaclip-session-1"
MAX_BYTES = 40_000_000
MAX_PHOTO_BYTES = 8_000_000
"""A larger photo (as PNG) is left out; the aligned face stands in for it."""
MAX_EDITS = 50
MAX_LATENT = 100.0
W_SHAPE = (18, 512)


class SessionFileError(StudioError):
    """The file is no session of this studio, or damaged."""


@dataclass(frozen=True, eq=False)
class SavedSession:
    """What a session file holds.

    Attributes:
        name: stem for downloads.
        w_plus: `float32 [18, 512]`.
        identity: likeness of the reconstruction, or None for a generated face.
        photo: `uint8 [H, W, 3]`, or None for a generated face.
        quad: `float64 [4, 2]`, the face's crop in the photo; None when the photo is the aligned face.
        edits: every edit, oldest first.
        current: which edit is shown; -1 for none.
        weights: file name -> sha256 of the models that made it.
    """

    name: str
    w_plus: Tensor
    identity: float | None
    photo: np.ndarray | None
    quad: np.ndarray | None
    edits: tuple[EditSettings, ...]
    current: int
    weights: dict[str, str]


def write_session(path: Path, saved: SavedSession) -> None:
    """Writes the file.

    Raises:
        OSError: when it cannot be written.
    """
    tensors: dict[str, Tensor] = {"w_plus": saved.w_plus.detach().float().cpu().contiguous()}
    if saved.photo is not None:
        tensors["photo"] = _png(saved.photo)
    if saved.quad is not None:
        tensors["quad"] = torch.from_numpy(np.asarray(saved.quad, np.float64)).contiguous()
    edits = []
    for index, settings in enumerate(saved.edits):
        edits.append(_settings_out(settings))
        for name in ("allow", "include"):
            mask = getattr(settings.paint, name, None)
            if mask is not None:
                tensors[f"paint_{index}_{name}"] = _png((mask[0] * 255).round().byte().cpu().numpy())
    header = {
        "version": __version__,
        "name": saved.name,
        "identity": saved.identity,
        "edits": edits,
        "current": saved.current,
        "weights": saved.weights,
    }
    save_file(tensors, path, {"format": FORMAT, "session": json.dumps(header)})


def read_session(path: Path) -> SavedSession:
    """Reads and checks a file of `write_session`.

    Raises:
        SessionFileError: too large, not such a file, or any value out of its range.
    """
    if path.stat().st_size > MAX_BYTES:
        raise SessionFileError(f"The session file is larger than {MAX_BYTES // 1_000_000} MB; none made here is.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except Exception as error:
        raise SessionFileError("This is not a session file. Use one that was saved here.") from error
    if metadata.get("format") != FORMAT:
        raise SessionFileError("This is not a session file of this version. Use one that was saved here.")
    try:
        return _parse(json.loads(metadata["session"]), tensors)
    except (KeyError, TypeError, ValueError, StudioError) as error:
        raise SessionFileError(f"The session file is damaged ({error}). Use another copy of it.") from error


def _parse(header: Mapping[str, Any], tensors: dict[str, Tensor]) -> SavedSession:
    """The checked contents; raises ValueError and its like."""
    w_plus = tensors.pop("w_plus")
    if w_plus.shape != W_SHAPE or w_plus.dtype != torch.float32 or not bool((w_plus.abs() < MAX_LATENT).all()):
        raise ValueError("its latent code has a wrong shape or range")
    photo = load_photo(_file(tensors.pop("photo"))) if "photo" in tensors else None
    quad = _quad(tensors.pop("quad")) if "quad" in tensors else None
    if quad is not None and photo is None:
        raise ValueError("it holds a crop without a photo")
    if len(header["edits"]) > MAX_EDITS:
        raise ValueError("it holds too many edits")
    edits = tuple(_settings_in(raw, _paint(index, tensors)) for index, raw in enumerate(header["edits"]))
    if tensors:
        raise ValueError(f"it holds unknown data: {sorted(tensors)[0]}")
    current = int(header["current"])
    if not -1 <= current < max(len(edits), 1):
        raise ValueError("it points to an edit that it does not hold")
    identity = header["identity"]
    weights = {str(name): str(value) for name, value in header["weights"].items()}
    return SavedSession(
        name=str(header["name"])[:60],
        w_plus=w_plus,
        identity=None if identity is None else _number(identity, -1.01, 1.01),
        photo=photo,
        quad=quad,
        edits=edits,
        current=current if edits else -1,
        weights=weights,
    )


def _settings_out(settings: EditSettings) -> dict[str, Any]:
    """Settings as JSON, without the paint."""
    return {
        "parts": [[part.prompt, part.strength] for part in settings.parts],
        "mask_threshold": settings.mask_threshold,
        "mask_invert": settings.mask_invert,
        "mask_feather": settings.mask_feather,
        "variation": settings.variation,
        "mode": settings.mode,
        "without_masks": settings.without_masks,
    }


def _settings_in(raw: Mapping[str, Any], paint: Paint | None) -> EditSettings:
    parts: Sequence[Any] = raw["parts"]
    if not 1 <= len(parts) <= validate.MAX_PROMPTS:
        raise ValueError("an edit has no prompt, or too many")
    checked = [
        PromptStrength(validate.clean_prompt(str(prompt)), _number(strength, 0, validate.MAX_STRENGTH))
        for prompt, strength in parts
    ]
    settings = EditSettings(
        checked[0].prompt,
        mask_threshold=_number(raw["mask_threshold"], 0, validate.MAX_THRESHOLD),
        mask_invert=bool(raw["mask_invert"]),
        mask_feather=_number(raw["mask_feather"], 0, validate.MAX_FEATHER),
        paint=paint,
        variation=_variation(raw.get("variation", 0)),
        mode=validate.check_mode(raw.get("mode")),
        without_masks=bool(raw.get("without_masks", False)),
    )
    return settings.with_parts(checked)


def _variation(value: Any) -> int:
    """A variation's number; files of before there were variations have none, which is 0."""
    if type(value) is not int:  # neither True nor 1.0
        raise ValueError("a variation is no whole number")
    return validate.check_variation(value)


def _paint(index: int, tensors: dict[str, Tensor]) -> Paint | None:
    masks: dict[str, Tensor] = {}
    for name in ("allow", "include"):
        data = tensors.pop(f"paint_{index}_{name}", None)
        if data is not None:
            picture = load_photo(_file(data))[:, :, 0]
            if picture.shape[0] != picture.shape[1]:
                raise ValueError("a painted mask is not square")
            masks[name] = torch.from_numpy(picture.copy()).float()[None] / 255
    return Paint(**masks) if masks else None


def _number(value: Any, low: float, high: float) -> float:
    number = float(value)
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"a number is outside {low:g} to {high:g}")
    return number


def _quad(tensor: Tensor) -> np.ndarray:
    quad = tensor.double().numpy()
    if quad.shape != (4, 2) or not np.isfinite(quad).all() or np.abs(quad).max() > 1e5:
        raise ValueError("its crop is not a square in the photo")
    if np.hypot(*(quad[3] - quad[0])) < 1:
        raise ValueError("its crop has no size")
    return quad


def _png(image: np.ndarray) -> Tensor:
    """`uint8` pixels as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)


def _file(data: Tensor) -> bytes:
    """The bytes of a picture's file; `load_photo` checks them."""
    if data.dtype != torch.uint8 or data.ndim != 1:
        raise ValueError("a picture in it is no picture")
    return data.numpy().tobytes()


def fits(photo: np.ndarray) -> bool:
    """Whether a photo `uint8 [H, W, 3]` is small enough to be kept in a session file."""
    return _png(photo).numel() <= MAX_PHOTO_BYTES
