"""A session in one file: the face's latent code, its photo and all its edits, to go on exactly where one stopped.

The format is safetensors: plain numbers, nothing in it can be executed. Whatever is read is checked, since the file
comes from outside: every size before memory is taken for it, every value before it is used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from mcaclip import __version__, validate
from mcaclip.errors import ImageError, StudioError, quotable
from mcaclip.imaging.align import check_quad
from mcaclip.imaging.photo import MAX_FILE_BYTES, load_photo
from mcaclip.platform import strict_json
from mcaclip.platform.atomic import written_whole
from mcaclip.platform.naming import safe_stem
from mcaclip.results.session_paint import (
    MASK_NAME,
    MASKS,
    MAX_EDITS,
    MAX_MASK_BYTES,
    MAX_MASK_PIXELS,
    byte_tensor,
    masks_of,
    paints_of,
    png_bytes,
)
from mcaclip.types import EditSettings, Paint, PromptStrength, Residual

FORMAT = "mcaclip-session-1"
MAX_BYTES = 48_000_000
MAX_PHOTO_BYTES = MAX_FILE_BYTES
"""Of the photo's file. What remains below `MAX_BYTES` is for the masks and the header."""
MAX_HEADER_BYTES = 2_000_000
"""Four prompts per edit, all of them as long as they may be and in escapes, take 600 000."""
MAX_WEIGHTS = 1000
MAX_WEIGHT_NAME = 500
MAX_DIGEST = 128
MAX_LATENT = 100.0
W_SHAPE = (18, 512)
MAX_RESIDUAL = 1000.0
MAX_RESIDUAL_SHAPE = (512, 64, 64)

_FIXED = {"w_plus": ("F32", W_SHAPE), "quad": ("F64", (4, 2))}
"""Type and shape of the tensors that are numbers; all others are bytes of picture files."""


class SessionFileError(StudioError):
    """The file is no session of this studio, or damaged."""


@dataclass(frozen=True, eq=False)
class SavedSession:
    """What a session file holds.

    Attributes:
        name: stem for downloads.
        w_plus: `float32 [18, 512]`.
        identity: likeness of the reconstruction, or None for a generated face.
        photo: the photo's file as it was handed in, in any format that `load_photo` takes; see `photo_bytes`. None
            for a generated face.
        quad: `float64 [4, 2]`, the face's crop in the photo; None when the photo is the aligned face.
        residual: what the code does not say of the photo's face, or None.
        edits: every edit, oldest first.
        current: which edit is shown; -1 for none.
        weights: file name -> sha256 of the models that made it.
    """

    name: str
    w_plus: Tensor
    identity: float | None
    photo: bytes | None
    quad: np.ndarray | None
    edits: tuple[EditSettings, ...]
    current: int
    weights: dict[str, str]
    residual: Residual | None = None

    @cached_property
    def pixels(self) -> np.ndarray | None:
        """The photo, `uint8 [H, W, 3]`, the same bit for bit as when it was handed in; decoded once.

        Raises ImageError.
        """
        return None if self.photo is None else load_photo(self.photo)


def photo_bytes(pixels: np.ndarray, data: bytes | None = None) -> bytes:
    """What a session file keeps of a photo: its own file, or else a PNG file of its pixels, which is as exact.

    Args:
        pixels: `uint8 [H, W, 3]`, what `load_photo` makes of the file.
        data: the file itself, or None where there is none.

    Returns:
        At most `MAX_PHOTO_BYTES`.

    Raises:
        ImageError: both are larger than that.
    """
    kept = png_bytes(pixels) if data is None or len(data) > MAX_PHOTO_BYTES else data
    if len(kept) > MAX_PHOTO_BYTES:
        raise ImageError(
            f"The photo's file is larger than {MAX_PHOTO_BYTES // 1_000_000} MB, too large to be kept with edits. "
            "Save it as JPEG and try again."
        )
    return kept


def latest_edits(edits: Sequence[EditSettings]) -> tuple[EditSettings, ...]:
    """The newest edits that one file can hold, oldest first: at most `MAX_EDITS`, and `MAX_MASK_PIXELS` painted."""
    kept: list[EditSettings] = []
    pixels = 0
    for settings in reversed(edits):
        pixels += sum(mask.shape[-1] ** 2 for mask in masks_of(settings).values())
        if len(kept) == MAX_EDITS or pixels > MAX_MASK_PIXELS:
            break
        kept.append(settings)
    return tuple(reversed(kept))


def write_session(path: Path, saved: SavedSession) -> None:
    """Writes the file, whole or not at all; a file that is there stays until the new one is complete.

    Raises:
        SessionFileError: the session is larger than `read_session` takes.
        OSError: the file cannot be written.
    """
    if len(latest_edits(saved.edits)) < len(saved.edits):
        raise SessionFileError("The session has more edits or painted masks than a file holds. Begin a new one.")
    if saved.photo is not None and len(saved.photo) > MAX_PHOTO_BYTES:
        raise SessionFileError("The photo's file is too large for a session file. Save it as JPEG and begin again.")
    tensors: dict[str, Tensor] = {"w_plus": saved.w_plus.detach().float().cpu().contiguous()}
    if saved.photo is not None:
        tensors["photo"] = byte_tensor(saved.photo)
    if saved.quad is not None:
        tensors["quad"] = torch.from_numpy(np.asarray(saved.quad, np.float64)).contiguous()
    if saved.residual is not None:
        tensors["residual"] = saved.residual.features.detach().half().cpu().contiguous()
    for index, settings in enumerate(saved.edits):
        for name, mask in masks_of(settings).items():
            picture = (mask[0] * 255).round().byte().cpu().numpy()
            tensors[f"paint_{index}_{name}"] = byte_tensor(png_bytes(picture))
    header = {
        "version": __version__,
        "name": safe_stem(saved.name),
        "identity": saved.identity,
        "residual_layer": None if saved.residual is None else saved.residual.layer,
        "edits": [_settings_out(settings) for settings in saved.edits],
        "current": saved.current,
        "weights": saved.weights,
    }
    data = save(tensors, {"format": FORMAT, "session": json.dumps(header, allow_nan=False)})
    if len(data) > MAX_BYTES or int.from_bytes(data[:8], "little") > MAX_HEADER_BYTES:
        raise SessionFileError("The session is too large for a file. Begin a new one.")
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


def read_session(path: Path) -> SavedSession:
    """Reads and checks a file of `write_session`.

    Raises:
        SessionFileError: too large, not such a file, or any value out of its range.
    """
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            header_bytes = int.from_bytes(stream.read(8), "little")
    except (OSError, ValueError) as error:
        raise SessionFileError("The session file cannot be opened. Choose it again.") from error
    if size > MAX_BYTES:
        raise SessionFileError(f"The session file is larger than {MAX_BYTES // 1_000_000} MB; none made here is.")
    if header_bytes > MAX_HEADER_BYTES:
        raise SessionFileError("This is not a session file. Use one that was saved here.")
    try:
        file = safe_open(path, framework="pt")
    except Exception as error:
        raise SessionFileError("This is not a session file. Use one that was saved here.") from error
    with file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise SessionFileError("This is not a session file of this version. Use one that was saved here.")
        try:
            return _parse(strict_json.loads(metadata.get("session", ""), MAX_HEADER_BYTES), _tensors(file))
        except (ValueError, StudioError) as error:
            reason = quotable(str(error))
            raise SessionFileError(f"The session file is damaged ({reason}). Use another copy of it.") from error


def _tensors(file: Any) -> dict[str, Tensor]:
    """All tensors of an opened file; nothing is read before all shapes are known to be right. Raises ValueError."""
    names = list(file.keys())
    if len(names) > len(_FIXED) + 2 + len(MASKS) * MAX_EDITS:
        raise ValueError("it holds unknown data")
    for name in names:
        entry = file.get_slice(name)
        kind, shape = entry.get_dtype(), tuple(entry.get_shape())
        if name in _FIXED:
            right = (kind, shape) == _FIXED[name]
        elif name == "residual":
            largest = (1, *MAX_RESIDUAL_SHAPE)
            right = kind == "F16" and len(shape) == 4 and all(0 < a <= b for a, b in zip(shape, largest, strict=True))
        elif name == "photo" or MASK_NAME.fullmatch(name):
            limit = MAX_PHOTO_BYTES if name == "photo" else MAX_MASK_BYTES
            right = kind == "U8" and len(shape) == 1 and 0 < shape[0] <= limit
        else:
            raise ValueError("it holds unknown data")
        if not right:
            raise ValueError(f"its {name} has a wrong shape or type")
    return {name: file.get_tensor(name) for name in names}


def _parse(header: Any, tensors: dict[str, Tensor]) -> SavedSession:
    """The checked contents; raises ValueError or StudioError."""
    w_plus = tensors.pop("w_plus", None)
    if w_plus is None or not bool((w_plus.abs() < MAX_LATENT).all()):
        raise ValueError("its latent code is missing or out of range")
    photo, quad = tensors.pop("photo", None), tensors.pop("quad", None)
    residual = _residual(header, tensors.pop("residual", None))
    raw_edits = _bounded(_entry(header, "edits", list), 0, MAX_EDITS)
    paints = paints_of(len(raw_edits), tensors)
    edits = tuple(_settings_in(raw, paint) for raw, paint in zip(raw_edits, paints, strict=True))
    current = _bounded(_entry(header, "current", int), -1, max(len(edits) - 1, 0))
    identity = _entry(header, "identity", float, int, NoneType)
    weights = _bounded(_entry(header, "weights", dict), 0, MAX_WEIGHTS)
    for name in weights:
        _bounded(name, 0, MAX_WEIGHT_NAME)
        _bounded(_entry(weights, name, str), 0, MAX_DIGEST)
    saved = SavedSession(
        name=safe_stem(_entry(header, "name", str)),
        w_plus=w_plus.clone(),  # a copy, since the tensors read are views of the file
        identity=None if identity is None else float(_bounded(identity, -1.01, 1.01)),
        photo=None if photo is None else photo.numpy().tobytes(),
        quad=None if quad is None else quad.numpy().copy(),
        residual=residual,
        edits=edits,
        current=current if edits else -1,
        weights=weights,
    )
    _check_photo(saved)
    return saved


def _residual(header: Any, features: Tensor | None) -> Residual | None:
    """The checked residual; files written before there was one have none. Raises ValueError."""
    if features is None:
        return None
    layer = _bounded(_entry(header, "residual_layer", int), 0, W_SHAPE[0])
    if not bool((features.abs() < MAX_RESIDUAL).all()):
        raise ValueError("its residual is out of range")
    return Residual(layer, features.clone())


def _check_photo(saved: SavedSession) -> None:
    """Raises ValueError or ImageError unless photo and crop are there, or both not, and fit each other."""
    if saved.pixels is None:
        if saved.quad is not None:
            raise ValueError("it holds a crop without a photo")
        return
    height, width = saved.pixels.shape[:2]
    if saved.quad is not None:
        check_quad(saved.quad, width, height)
    elif width != height:
        raise ValueError("its photo is not square, and it holds no crop")


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
        "likeness": settings.likeness,
    }


def _settings_in(raw: Any, paint: Paint | None) -> EditSettings:
    """One edit; what older files do not say has its default."""
    parts = [_part(part) for part in _bounded(_entry(raw, "parts", list), 1, validate.MAX_PROMPTS)]
    raw = {"variation": 0, "mode": None, "without_masks": False, "likeness": EditSettings.likeness} | raw
    if _entry(raw, "mode", str, NoneType) not in (None, *validate.MODES):
        raise ValueError("an edit's mode does not exist")
    settings = EditSettings(
        parts[0].prompt,
        mask_threshold=float(_bounded(_entry(raw, "mask_threshold", float, int), 0, validate.MAX_THRESHOLD)),
        mask_invert=_entry(raw, "mask_invert", bool),
        mask_feather=float(_bounded(_entry(raw, "mask_feather", float, int), 0, validate.MAX_FEATHER)),
        paint=paint,
        variation=_bounded(_entry(raw, "variation", int), 0, validate.MAX_VARIATION),
        mode=raw["mode"],
        without_masks=_entry(raw, "without_masks", bool),
        likeness=float(_bounded(_entry(raw, "likeness", float, int), 0, 1)),
    )
    return settings.with_parts(parts)


def _part(raw: Any) -> PromptStrength:
    if not isinstance(raw, list) or len(raw) != 2:
        raise ValueError("a prompt has no strength")
    pair = {"prompt": raw[0], "strength": raw[1]}
    prompt = _bounded(_entry(pair, "prompt", str), 0, validate.MAX_PROMPT_LENGTH)
    strength = _bounded(_entry(pair, "strength", float, int), 0, validate.MAX_STRENGTH)
    return PromptStrength(validate.clean_prompt(prompt), float(strength))


# -- values ---------------------------------------------------------------------------------------------------


def _entry(raw: Any, key: str, *kinds: type) -> Any:
    """The value of a key in a JSON object, of exactly one of these types. Raises ValueError."""
    if not isinstance(raw, dict) or key not in raw or type(raw[key]) not in kinds:
        raise ValueError(f"{key} is missing or of another type")
    return raw[key]


def _bounded(value: Any, low: float, high: float) -> Any:
    """A number in this range, or a text or list of such a length. Raises ValueError."""
    if not low <= (len(value) if isinstance(value, str | list | dict) else value) <= high:
        raise ValueError(f"a value is outside {low:g} to {high:g}")
    return value
