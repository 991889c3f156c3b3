"""Faces as a generator makes them: photos that are inverted, codes that are known, and random ones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mcaclip.errors import StudioError
from mcaclip.generators.base import Generator, broadcast_w, seeded_z, truncate
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion import quality
from mcaclip.inversion.optimise import EFFORTS, REFINE, Complete, InversionSettings, Start, invert
from mcaclip.inversion.prior import LatentPrior
from mcaclip.inversion.residual_fit import channel_spread
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.base import Identity
from mcaclip.types import AlignedFace, Inversion, ProgressCallback, Residual


@dataclass(frozen=True)
class Portraits:
    """Makes faces.

    Attributes:
        generator: at full size.
        preview: the same at 256 px.
        identity: judges likeness.
        start: where inversions begin.
        complete: gives them a first residual; without it they begin with none.
        knows_faces: whether the pictures are faces, of which likeness can be told.
    """

    generator: Generator
    preview: Generator
    identity: Identity
    start: Start
    complete: Complete | None = None
    knows_faces: bool = True

    def invert(
        self, aligned: AlignedFace, effort: str, callback: ProgressCallback | None = None, seed: int = 0
    ) -> Inversion:
        """The code of an aligned face; see `FaceEditor.invert`."""
        if effort not in EFFORTS:
            raise StudioError(f"inversion effort {effort!r} does not exist: choose {' or '.join(EFFORTS)}")
        torch.manual_seed(seed)
        return self._optimise(aligned, effort, EFFORTS[effort], callback, self.start, self.complete)

    def refine(self, aligned: AlignedFace, inversion: Inversion, callback: ProgressCallback | None) -> Inversion:
        """Goes on from an inversion of the same face; see `FaceEditor.refine`."""
        code = inversion.w_plus.to(self.generator.w_avg.device)
        return self._optimise(aligned, "best", REFINE, callback, lambda _: code, None, inversion.residual)

    @torch.no_grad()
    def sample(self, seed: int, truncation_psi: float) -> Inversion:
        """A generated face; the same seed gives the same face everywhere."""
        generator, started = self.generator, time.monotonic()
        w = generator.mapping(seeded_z(1, seed).to(generator.w_avg.device))
        code = broadcast_w(truncate(w, generator.w_avg, truncation_psi))
        image = synthesize(generator, code).image.clamp(-1, 1)
        return Inversion(code[0].cpu(), image[0].cpu(), None, time.monotonic() - started)

    @torch.no_grad()
    def reconstruct(
        self, w_plus: Tensor, identity: float | None, residual: Residual | None, photo: Tensor | None
    ) -> Inversion:
        """The generator's picture of a known code `[18, 512]`; see `FaceEditor.reconstruct`."""
        started = time.monotonic()
        generator = of_face(self.generator, residual)
        image = synthesize(generator, w_plus[None].to(generator.w_avg.device)).image.clamp(-1, 1)
        likeness = None
        if photo is not None and self.knows_faces:
            likeness = quality.likeness(quality.measure(self.identity, photo.to(image), image[0]).perceptual)
        return Inversion(
            w_plus.cpu(),
            image[0].cpu(),
            identity,
            time.monotonic() - started,
            likeness=likeness,
            residual=residual,
            photo=None if photo is None else self._own_size(photo),
        )

    def _optimise(
        self,
        aligned: AlignedFace,
        effort: str,
        settings: InversionSettings,
        callback: ProgressCallback | None,
        start: Start,
        complete: Complete | None,
        residual: Residual | None = None,
    ) -> Inversion:
        started = time.monotonic()
        prior = self._prior if settings.steps else None
        spread = self._spread if settings.residual.steps else None
        face = invert(
            self.preview, self.identity, start, aligned.image, settings, callback, prior, spread, residual, complete
        )
        # in half precision, as a session file keeps it: the same pictures before and after
        residual = face.residual and Residual(face.residual.layer, face.residual.features.half().cpu().contiguous())
        with torch.no_grad():
            own = of_face(self.generator, residual)
            reconstruction = synthesize(own, face.code[None]).image[0].clamp(-1, 1)
        found = quality.measure(self.identity, aligned.image.to(reconstruction), reconstruction)
        faces = self.knows_faces
        return Inversion(
            w_plus=face.code.cpu(),
            reconstruction=reconstruction.cpu(),
            identity=found.identity if faces else None,
            seconds=time.monotonic() - started,
            pixel=found.pixel,
            perceptual=found.perceptual if faces else None,
            notes=quality.warnings(aligned, found, effort) if faces else (),
            likeness=quality.likeness(found.perceptual) if faces else None,
            residual=residual,
            photo=self._own_size(aligned.image),
        )

    @cached_property
    def _prior(self) -> LatentPrior:
        return LatentPrior.of(self.preview)

    @cached_property
    def _spread(self) -> Tensor:
        return channel_spread(self.preview)

    def _own_size(self, photo: Tensor) -> Tensor:
        """An aligned photo `[3, S, S]` in the size of the generator's pictures."""
        return resize_mask(photo[None], self.generator.image_size)[0]
