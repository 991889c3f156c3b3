"""FaceEditor: prepare a photo once, then edit it many times. The only place that composes all models."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mcaclip import align, weights
from mcaclip.editing.coral import threshold_masks
from mcaclip.editing.mca import MCANetwork, TextCode, load_network
from mcaclip.errors import PromptError, StudioError
from mcaclip.generators.base import Generator, broadcast_w, seeded_z, truncate
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.ops import resize_mask
from mcaclip.generators.preview import PreviewGenerator, PreviewHead
from mcaclip.generators.synthesis import masked_synthesize, synthesize
from mcaclip.inversion import quality
from mcaclip.inversion.encoder import FaceEncoder
from mcaclip.inversion.optimise import EFFORTS, invert
from mcaclip.perception.identity import FaceIdentity
from mcaclip.text.clip_space import ClipSpace
from mcaclip.text.grammar import understand
from mcaclip.types import (
    AlignedFace,
    DetectedFace,
    EditResult,
    EditSettings,
    Inversion,
    Progress,
    ProgressCallback,
)

INVERSION_EFFORTS = tuple(EFFORTS)
STACKS = ("compact",)
COMPACT_WEIGHTS = (
    "mobilestylegan", "preview_head", "encoder", "faceclip", "edits", "dlib_identity", "identity_mean",
    "dlib_landmarks",
)  # fmt: skip
MAX_PROMPT = 200


@dataclass(frozen=True)
class Models:
    """Everything a `FaceEditor` works with; frozen and shared by all users.

    Attributes:
        generator: the full-size generator.
        preview: its 256 px stand-in.
        encoder: where inversions begin.
        network: the fitted edit network.
        fitted: the prompts it was fitted to, with their records.
    """

    generator: MobileStyleGAN
    preview: PreviewGenerator
    encoder: FaceEncoder
    identity: FaceIdentity
    aligner: align.FaceAligner
    space: ClipSpace
    network: MCANetwork
    fitted: dict[str, dict]


class FaceEditor:
    """Aligns, inverts and edits faces. Holds models only: everything about a photo is in the records it returns."""

    def __init__(self, models: Models, stack: str, device: torch.device):
        self.models = models
        self.stack = stack
        self.device = device
        self._text_code = lru_cache(maxsize=64)(models.space.text_code)

    def find_faces(self, photo: np.ndarray) -> list[DetectedFace]:
        """All faces of a photo `uint8 [H, W, 3]`, the largest first."""
        return self.models.aligner.detect(photo)

    def align(self, photo: np.ndarray, face: int = 0) -> AlignedFace:
        """Crop face number `face` (0 is the largest) as FFHQ does.

        Raises:
            NoFaceError: no face, or fewer than `face + 1`.
        """
        return align.align_face(photo, self.models.aligner, face)

    def invert(
        self,
        aligned: AlignedFace,
        effort: str = "good",
        callback: ProgressCallback | None = None,
        seed: int = 0,
    ) -> Inversion:
        """Find the generator's code of an aligned face.

        Args:
            effort: one of `INVERSION_EFFORTS`.
            callback: gets live frames; may raise `StopEarly` to end with the best so far, or anything else to cancel.
            seed: kept for methods that draw random numbers; this one does not.

        Raises:
            StudioError: unknown effort.
        """
        if effort not in EFFORTS:
            known = " or ".join(EFFORTS)
            raise StudioError(f"inversion effort {effort!r} is not available on this stack: choose {known}")
        torch.manual_seed(seed)
        m, started = self.models, time.monotonic()
        code = invert(m.preview, m.identity, m.encoder, aligned.image, EFFORTS[effort], callback)
        with torch.no_grad():
            reconstruction = synthesize(m.generator, code[None]).image[0].clamp(-1, 1)
        found = quality.measure(m.identity, aligned.image.to(self.device), reconstruction)
        return Inversion(
            w_plus=code.cpu(),
            reconstruction=reconstruction.cpu(),
            identity=found.identity,
            seconds=time.monotonic() - started,
            pixel=found.pixel,
            perceptual=found.perceptual,
            notes=quality.warnings(aligned, found, effort),
        )

    @torch.no_grad()
    def sample(self, seed: int, truncation_psi: float = 0.7) -> Inversion:
        """A generated face; the same seed gives the same face everywhere."""
        generator, started = self.models.generator, time.monotonic()
        w = generator.mapping(seeded_z(1, seed).to(self.device))
        code = broadcast_w(truncate(w, generator.w_avg, truncation_psi))
        image = synthesize(generator, code).image.clamp(-1, 1)
        return Inversion(code[0].cpu(), image[0].cpu(), None, time.monotonic() - started)

    def prompts(self) -> tuple[str, ...]:
        """The prompts that have a fitted edit."""
        return tuple(self.models.fitted)

    def check_prompt(self, text: str) -> str:
        """The fitted prompt that `text` means.

        Another wording of the same part and colour ("green lips" for "green lipstick") counts.

        Raises:
            PromptError: empty, too long, or nothing fitted means that.
        """
        words = " ".join(text.split())
        if not words:
            raise PromptError('the prompt is empty: type what to change, for instance "green lipstick"')
        if len(words) > MAX_PROMPT:
            raise PromptError(f"the prompt has {len(words)} characters: shorten it to {MAX_PROMPT}")
        for prompt in self.models.fitted:
            if prompt.lower() == words.lower():
                return prompt
        meaning = understand(words)
        for prompt in self.models.fitted:
            if meaning and understand(prompt) == meaning:
                return prompt
        known = ", ".join(self.models.fitted)
        raise PromptError(
            f'no edit is fitted for "{words}". Fitted here: {known}. '
            f'Fit it yourself with: python -m train prompt "{words}"'
        )

    def edit(
        self, inversion: Inversion, settings: EditSettings, callback: ProgressCallback | None = None
    ) -> EditResult:
        """Edit at full size.

        Raises:
            PromptError: see `check_prompt`.
        """
        result = self._render(self.models.generator, inversion, settings, callback)
        started = time.monotonic()
        with torch.no_grad():
            likeness = self.models.identity.similarity(
                result.image[None].to(self.device), inversion.reconstruction[None].to(self.device)
            )
        seconds = result.seconds + time.monotonic() - started
        return replace(result, identity=float(likeness), seconds=seconds)

    def preview(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        """The same edit at 256 px, in a fraction of the time; raises as `edit` does."""
        return self._render(self.models.preview, inversion, settings, None)

    def weight_hashes(self) -> dict[str, str]:
        """sha256 of every weight file in use."""
        return weights.hashes(COMPACT_WEIGHTS)

    @torch.no_grad()
    def _render(
        self,
        generator: Generator,
        inversion: Inversion,
        settings: EditSettings,
        callback: ProgressCallback | None,
    ) -> EditResult:
        started = time.monotonic()
        text: TextCode = self._text_code(self.check_prompt(settings.prompt))
        count = len(generator.layers)

        def report(offset: float) -> Callable[[int], None]:
            def hook(layer: int) -> None:
                if callback:
                    callback(Progress("editing", offset + 0.5 * layer / count))

            return hook

        code = inversion.w_plus[None].to(self.device)
        network = self.models.network
        source = synthesize(generator, code, keep=range(count), hook=report(0.0))
        t_w, delta_w = network(code, text)
        masks = threshold_masks(network.masks(source.features, t_w), settings.mask_threshold)
        shift = settings.strength * delta_w
        image = masked_synthesize(generator, code, shift, masks, source.image, report(0.5))
        return EditResult(
            image=image[0].clamp(-1, 1).cpu(),
            masks=tuple(mask[0].cpu() for mask in masks),
            mask_names=_mask_names(generator, masks),
            combined_mask=resize_mask(masks[-1], generator.image_size)[0].cpu(),
            delta_w=delta_w[0].cpu(),
            settings=settings,
            identity=None,
            seconds=time.monotonic() - started,
        )


def _mask_names(generator: Generator, masks: list[Tensor]) -> tuple[str, ...]:
    layers = [f"layer {index} ({mask.shape[-1]} px)" for index, mask in enumerate(masks[:-1])]
    return (*layers, f"final picture ({generator.image_size} px)")


def choose_device(name: str = "auto") -> torch.device:
    """CUDA, then Apple's MPS, then the CPU for "auto"; otherwise the one named."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def load_editor(
    stack: str = "compact", device: str = "auto", progress: Callable[[str, float], None] | None = None
) -> FaceEditor:
    """Load (at first: fetch and convert) all weights of a stack.

    Args:
        stack: one of `STACKS`.
        device: "auto", "cpu", "cuda", "mps".
        progress: gets words and a fraction 0..1.

    Raises:
        StudioError: unknown stack.
        WeightsError: a file is missing or damaged.
    """
    if stack not in STACKS:
        raise StudioError(f"stack {stack!r} is not available: choose {' or '.join(STACKS)}")
    chosen = choose_device(device)
    paths = {}
    for index, name in enumerate(COMPACT_WEIGHTS):
        paths[name] = weights.get(name, progress)
        if progress:
            progress(f"loading {name}", (index + 1) / len(COMPACT_WEIGHTS))
    generator = MobileStyleGAN.load(paths["mobilestylegan"], chosen)
    network, fitted = load_network(paths["edits"], chosen)
    models = Models(
        generator=generator,
        preview=PreviewGenerator(generator, PreviewHead.load(paths["preview_head"], chosen)),
        encoder=FaceEncoder.load(paths["encoder"], chosen),
        identity=FaceIdentity.load(chosen),
        aligner=align.FaceAligner(paths["dlib_landmarks"]),
        space=ClipSpace.load(paths["faceclip"], device=chosen),
        network=network,
        fitted=fitted,
    )
    return FaceEditor(models, stack, chosen)
