"""The faces that are measured: generated ones by their seeds, and photos, whose inversions are stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.measures import PARSE_SIZE, see_face
from mcaclip.evaluation.variants import FULL_SIZE
from mcaclip.generators.base import Generator
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.align import load_photo
from mcaclip.imaging.photo import pictures_in
from mcaclip.platform.atomic import valid_text, written_whole
from mcaclip.platform.digests import sha256_of
from mcaclip.types import Inversion, Residual

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

log = logging.getLogger(__name__)
GENERATED, PHOTO, FLIP = "generated", "photo", "mirrored photo"


@dataclass(frozen=True)
class FaceToMeasure:
    """A face before it is made.

    Attributes:
        name: of its seed, or the photo's file.
        kind: `GENERATED`, `PHOTO` or `FLIP`.
        photo: sha256 of the photo's file; empty for a generated face.
        get: makes it, or reads the stored inversion; raises StudioError for a photo without a face.
    """

    name: str
    kind: str
    get: Callable[[], Inversion]
    photo: str = ""


def face_sources(
    editor: FaceEditor, seeds: int, photos: Path | None, limit: int, effort: str, out: Path
) -> Iterator[FaceToMeasure]:
    """Faces of the seeds 0 to `seeds` - 1, then the first photos of a folder by name.

    Args:
        limit: largest number of photos.
        effort: see `FaceEditor.invert`.
        out: the run's folder, where inversions are stored.
    """
    for seed in range(seeds):
        yield FaceToMeasure(f"seed_{seed}", GENERATED, partial(editor.sample, seed))
    files = pictures_in(photos) if photos else []
    for path in files[:limit]:
        digest = sha256_of(path)
        stored = out / "inversions" / f"{digest}_{effort}.safetensors"
        get = partial(_invert, editor, partial(load_photo, path), effort, stored)
        yield FaceToMeasure(valid_text(path.stem), PHOTO, get, digest)


def table_faces(editor: FaceEditor, count: int, photos: Path | None, effort: str, out: Path) -> list[FaceToMeasure]:
    """Generated faces; with a folder of photos these are half, and the others its photos, then their mirror images.

    A folder of fewer photos than a quarter of `count` gives fewer faces. Photos have names of their own, whatever
    their files are called.
    """
    if photos is None:
        return list(face_sources(editor, count, None, 0, effort, out))
    found = list(face_sources(editor, count - count // 2, photos, count // 2, effort, out))
    given = [replace(one, name=f"{one.name}_{one.photo[:8]}") for one in found if one.kind == PHOTO]
    flips = [_flipped(editor, path, effort, out) for path in pictures_in(photos)[: count // 2 - len(given)]]
    return [*(one for one in found if one.kind == GENERATED), *given, *flips]


def through_preview(source: FaceToMeasure, preview: Generator) -> FaceToMeasure:
    """The same face at the preview's size, for edits that are made there."""
    return replace(source, get=partial(_small, source.get, preview))


@torch.no_grad()
def _small(get: Callable[[], Inversion], preview: Generator) -> Inversion:
    face = get()
    code = face.w_plus[None].to(preview.w_avg.device)
    picture = synthesize(of_face(preview, face.residual), code).image[0].clamp(-1, 1).cpu()
    photo = None if face.photo is None else F.adaptive_avg_pool2d(face.photo, picture.shape[-1])
    return replace(face, reconstruction=picture, photo=photo)


def _flipped(editor: FaceEditor, path: Path, effort: str, out: Path) -> FaceToMeasure:
    digest = sha256_of(path)
    stored = out / "inversions" / f"{digest}_flipped_{effort}.safetensors"
    get = partial(_invert, editor, lambda: np.fliplr(load_photo(path)), effort, stored)
    return FaceToMeasure(f"{valid_text(path.stem)}_{digest[:8]}_flipped", FLIP, get, digest)


def _invert(editor: FaceEditor, load: Callable[[], np.ndarray], effort: str, stored: Path) -> Inversion:
    """The stored inversion of a photo, or a new one, which is stored."""
    aligned = editor.align(load())
    if (found := _read_inversion(editor, stored, aligned.image)) is not None:
        return found
    found = editor.invert(aligned, effort)
    stored.parent.mkdir(parents=True, exist_ok=True)
    tensors, about = {"w_plus": found.w_plus.contiguous()}, {"identity": str(found.identity)}
    if found.residual is not None:
        tensors["residual"], about["layer"] = found.residual.features.contiguous(), str(found.residual.layer)
    with written_whole(stored) as temporary:
        temporary.write_bytes(save(tensors, about))
    return found


def _read_inversion(editor: FaceEditor, path: Path, photo: Tensor) -> Inversion | None:
    """A stored inversion, its picture rendered again; None where the file is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about, code = file.metadata() or {}, file.get_tensor("w_plus")
            residual = Residual(int(about["layer"]), file.get_tensor("residual")) if "layer" in about else None
    except SafetensorError:
        log.warning("%s is damaged; the photo is inverted again", path)
        return None
    return editor.reconstruct(code, float(about["identity"]), residual, photo)


class Face:
    """One face with everything that its edits are compared with, each computed at most once.

    Args:
        source: where it comes from. Raises StudioError for a photo without a face.
        context: measures it.
        size: side of the edits, see `build_variants`.
    """

    def __init__(self, source: FaceToMeasure, context: EvaluationContext, size: int = FULL_SIZE):
        self.name, self.kind, self.photo = source.name, source.kind, source.photo
        self.inversion, self.context, self._size = source.get(), context, size

    @classmethod
    def of(cls, name: str, inversion: Inversion, context: EvaluationContext) -> Face:
        """A face that is there already."""
        return cls(FaceToMeasure(name, GENERATED if inversion.photo is None else PHOTO, lambda: inversion), context)

    @cached_property
    def _preview(self) -> tuple[Tensor, Tensor]:
        return see_face(self.context.networks.preview, self.context.parser, self.inversion)

    @property
    def picture(self) -> Tensor:
        """What is edited at the size of the edits, `[3, S, S]` in [-1, 1]; see `Inversion.original`."""
        if self._size == FULL_SIZE:
            return self.inversion.original
        photo = self.inversion.photo
        return self._preview[0] if photo is None else F.adaptive_avg_pool2d(photo, self._size)

    @property
    def parsed(self) -> Tensor:
        """Class probabilities `[1, 19, 256, 256]`."""
        return self._preview[1]

    @cached_property
    def small(self) -> Tensor:
        """The picture at 256 px, `[1, 3, 256, 256]`."""
        return F.adaptive_avg_pool2d(self.picture[None], PARSE_SIZE)

    @cached_property
    def measures(self) -> dict[str, float]:
        """What the attribute probe measures; empty where it finds no face."""
        return self.context.attribute_probe.measures(self.picture)

    @cached_property
    def embedding(self) -> Tensor:
        """CLIP embedding of its picture, `[D]`."""
        return self.context.image_embedding(self.picture)
