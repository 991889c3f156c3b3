"""FaceEditor: prepare a photo once, then edit it many times. The only place that composes all models."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip import align, stacks, weights
from mcaclip.config import DEFAULT_STACK, STACKS, Stack, choose
from mcaclip.editing.coral import threshold_masks
from mcaclip.editing.library import Library, collect, edit_files
from mcaclip.editing.mca import TextCode
from mcaclip.errors import PromptError, StudioError
from mcaclip.generators.base import Generator, broadcast_w, seeded_z, truncate
from mcaclip.generators.ops import resize_mask
from mcaclip.generators.synthesis import masked_synthesize, synthesize
from mcaclip.inversion.optimise import EFFORTS, Start, invert
from mcaclip.perception.base import Identity
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
from mcaclip.weights_files import sha256_of

__all__ = ["STACKS", "FaceEditor", "Models", "choose_device", "load_editor"]

LANDMARKS, SHIPPED_EDITS = "dlib_landmarks", "edits"
MAX_PROMPT = 200
FOREIGN_EDIT = "This edit was fitted on another generator: only its shift is used, without masks, so more may change."


@dataclass(frozen=True)
class Models:
    """Everything a `FaceEditor` works with; frozen and shared by all users.

    Attributes:
        generator: the full-size generator.
        preview: its 256 px stand-in.
        start: where inversions begin.
        library: the prompts that have a fitted edit network.
    """

    generator: Generator
    preview: Generator
    start: Start
    identity: Identity
    aligner: align.FaceAligner
    space: ClipSpace
    library: Library


class FaceEditor:
    """Aligns, inverts and edits faces. Holds models only: everything about a photo is in the records it returns."""

    def __init__(self, models: Models, slots: Stack, device: torch.device):
        self.models = models
        self.slots = slots
        self.stack = slots.label
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

    @property
    def efforts(self) -> tuple[str, ...]:
        """The inversion efforts of this stack."""
        return tuple(effort for effort in EFFORTS if effort != "instant" or self.slots.instant)

    def invert(
        self,
        aligned: AlignedFace,
        effort: str = "good",
        callback: ProgressCallback | None = None,
        seed: int = 0,
    ) -> Inversion:
        """Find the generator's code of an aligned face.

        Args:
            effort: one of `efforts`.
            callback: gets live frames; may raise to cancel.
            seed: kept for methods that draw random numbers; this one does not.

        Raises:
            StudioError: unknown effort.
        """
        if effort not in self.efforts:
            known = " or ".join(self.efforts)
            raise StudioError(f"inversion effort {effort!r} is not available on this stack: choose {known}")
        torch.manual_seed(seed)
        m, started = self.models, time.monotonic()
        code = invert(m.preview, m.identity, m.start, aligned.image, EFFORTS[effort], callback)
        with torch.no_grad():
            reconstruction = synthesize(m.generator, code[None]).image.clamp(-1, 1)
            likeness = m.identity.similarity(reconstruction, aligned.image[None].to(self.device))
        seconds = time.monotonic() - started
        return Inversion(code.cpu(), reconstruction[0].cpu(), float(likeness), seconds)

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
        return tuple(self.models.library)

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
        for prompt in self.models.library:
            if prompt.lower() == words.lower():
                return prompt
        meaning = understand(words)
        for prompt in self.models.library:
            if meaning and understand(prompt) == meaning:
                return prompt
        command = f'python -m train prompt "{words}"{self.slots.options}'
        if not self.models.library:
            raise PromptError(
                f"no prompt is fitted for the {self.stack} stack yet. Fit one with: {command}; then name the file it "
                f"writes with --edits FILE, or put it into {weights.Places.from_environment().edits}"
            )
        known = ", ".join(self.models.library)
        raise PromptError(f'no edit is fitted for "{words}". Fitted here: {known}. Fit it yourself with: {command}')

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
        files = {edit.path for edit in self.models.library.values() if edit.path is not None}
        shipped = weights.get(SHIPPED_EDITS)
        names = (*self.slots.weights(), LANDMARKS, *((SHIPPED_EDITS,) if shipped in files else ()))
        own = {f"{path.parent.name}/{path.name}": sha256_of(path) for path in sorted(files - {shipped})}
        return weights.hashes(names) | own

    @torch.no_grad()
    def _render(
        self,
        generator: Generator,
        inversion: Inversion,
        settings: EditSettings,
        callback: ProgressCallback | None,
    ) -> EditResult:
        started = time.monotonic()
        prompt = self.check_prompt(settings.prompt)
        text: TextCode = self._text_code(prompt)
        count = len(generator.layers)

        def report(offset: float) -> Callable[[int], None]:
            def hook(layer: int) -> None:
                if callback:
                    callback(Progress("editing", offset + 0.5 * layer / count))

            return hook

        code = inversion.w_plus[None].to(self.device)
        fitted = self.models.library[prompt]
        network = fitted.network()
        source = synthesize(generator, code, keep=range(count), hook=report(0.0))
        t_w, delta_w = network(code, text)
        masks = network.masks(source.features, t_w) if fitted.own_masks else _open_masks(generator, code)
        masks = threshold_masks(masks, settings.mask_threshold)
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
            notes=() if fitted.own_masks else (FOREIGN_EDIT,),
        )


def _open_masks(generator: Generator, code: Tensor) -> list[Tensor]:
    """Masks that let everything through, one `[1, 1, s, s]` a layer and one for the picture."""
    sides = [*(spec.size for spec in generator.layers), generator.image_size]
    return [code.new_ones(1, 1, side, side) for side in sides]


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
    stack: str | Stack = DEFAULT_STACK,
    device: str = "auto",
    progress: Callable[[str, float], None] | None = None,
    edits: Sequence[Path] = (),
    **slots: str | None,
) -> FaceEditor:
    """Load (at first: fetch and convert) the weights that editing with a stack needs.

    Args:
        stack: a name, one of `STACKS`, or a stack made by `mcaclip.config.choose`.
        device: "auto", "cpu", "cuda", "mps".
        progress: gets words and a fraction 0..1.
        edits: files of fitted edits to use beside those that are found (see `library_of`).
        slots: with a name, other choices for some slots: `clip="ViT-B-32-quickgelu"` (see `mcaclip.config.SLOTS`).

    Raises:
        StudioError: unknown stack, slot or choice.
        WeightsError: a file is missing or damaged.
    """
    chosen = choose(stack, **slots) if isinstance(stack, str) else stack
    on = choose_device(device)
    names = (*chosen.weights(), LANDMARKS)
    for index, name in enumerate(names):
        weights.get(name, progress)
        if progress:
            progress(f"loading {name}", (index + 1) / len(names))
    pair = stacks.load_generator(chosen, on)
    models = Models(
        generator=pair.full,
        preview=pair.preview,
        start=stacks.load_start(chosen, on),
        identity=stacks.load_identity(chosen, on),
        aligner=align.FaceAligner(weights.get(LANDMARKS)),
        space=stacks.load_space(chosen, on),
        library=library_of(chosen, pair.full, on, edits),
    )
    return FaceEditor(models, chosen, on)


def library_of(stack: Stack, generator: Generator, device: torch.device, edits: Sequence[Path] = ()) -> Library:
    """The edits that were fitted for a stack's generator and space of words.

    They are the shipped ones, the user's own (the file or folder `MCACLIP_EDITS`, else the folder `edits` of the
    cache), and the named files. Of several for one prompt the last one counts.

    Raises:
        WeightsError: the shipped file is damaged, or a named one cannot be used.
    """
    files = [weights.get(SHIPPED_EDITS), *edit_files(weights.Places.from_environment().edits)]
    return collect(files, edits, stack.generator, generator.layers, stack.clip, device)
