"""Frozen records that travel between the stages of an edit.

Images in records are `float32 [3, H, W]` in [-1, 1], RGB, on the CPU, unless a field says otherwise.
Points are `(x, y)` in pixels with the origin at the top left corner of the top left pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from mcaclip import validate


@dataclass(frozen=True)
class DetectedFace:
    """One face in a photo.

    Attributes:
        box: `(left, top, right, bottom)` in photo pixels.
        landmarks: `float64 [68, 2]`, dlib's 68 points in photo pixels; where a face lies in the photo, they lie.
    """

    box: tuple[int, int, int, int]
    landmarks: np.ndarray


@dataclass(frozen=True)
class AlignedFace:
    """A photo's face, cropped as FFHQ crops it.

    Attributes:
        image: `float32 [3, 1024, 1024]` in [-1, 1].
        quad: `float64 [4, 2]` corners in photo pixels: the crop's top left, bottom left, bottom right, top
            right, in which the face is upright whichever way it lies in the photo; None when the input was an
            aligned image already.
        valid: `bool [1024, 1024]`; False where a pixel came from padding and not from the photo.
        landmarks: `float64 [68, 2]` in photo pixels, or None.
        photo: `uint8 [H, W, 3]`, the photo itself (needed to paste back).
    """

    image: Tensor
    quad: np.ndarray | None
    valid: np.ndarray
    landmarks: np.ndarray | None
    photo: np.ndarray


@dataclass(frozen=True)
class Progress:
    """One step of a long computation.

    Attributes:
        stage: what is being done, in words for the user ("reconstructing").
        fraction: 0..1.
        image: a live frame `float32 [3, h, w]` in [-1, 1], or None.
    """

    stage: str
    fraction: float
    image: Tensor | None = None


ProgressCallback = Callable[[Progress], None]
"""Called between steps; it may raise `StopEarly` to keep the best so far, or anything else to cancel."""


@dataclass(frozen=True, eq=False)
class Residual:
    """What a face has that no code says; see `mcaclip.generators.residual`.

    Attributes:
        layer: number of the generator's layer that it is added behind.
        features: `float16 [1, C, s, s]`, what is added to the layer's features.
    """

    layer: int
    features: Tensor


@dataclass(frozen=True)
class Inversion:
    """A face as the generator knows it.

    Attributes:
        w_plus: `float32 [18, 512]`.
        reconstruction: `float32 [3, S, S]` in [-1, 1], the generator's image of `w_plus` and `residual`; S is 1024
            for all but generators of one's own.
        identity: cosine of the reconstruction's identity to the aligned photo's, -1..1
            (None for a generated face, which is its own photo).
        seconds: wall time of the inversion.
        pixel: mean absolute difference from the photo at 256 px, 0..1, or None.
        perceptual: relative squared difference of feature maps from the photo's, or None.
        notes: warnings in plain words, for instance that the likeness is poor and why.
        likeness: what an independent face network is likely to say of the reconstruction, a cosine; None for a
            generated face. See `mcaclip.inversion.quality.likeness`.
        residual: what the code cannot say of the face, or None.
        photo: `float32 [3, S, S]` in [-1, 1], the aligned photo; None for a generated face.
    """

    w_plus: Tensor
    reconstruction: Tensor
    identity: float | None
    seconds: float
    pixel: float | None = None
    perceptual: float | None = None
    notes: tuple[str, ...] = field(default=())
    likeness: float | None = None
    residual: Residual | None = None
    photo: Tensor | None = None

    @property
    def original(self) -> Tensor:
        """What an edit starts from: the aligned photo, or the generated face."""
        return self.reconstruction if self.photo is None else self.photo


class StopEarly(Exception):  # noqa: N818 - a request, not an error
    """Raised by a progress callback: end now and keep the best result so far."""


@dataclass(frozen=True, eq=False)
class Paint:
    """What was painted by hand over the learned masks; two records are equal only when they are the same one.

    Attributes:
        allow: `float32 [1, S, S]` in [0, 1], S any size; where it is 0 nothing changes. None: everywhere.
        include: `float32 [1, S, S]` in [0, 1]; where it is 1 the edit acts even if the learned mask is closed.
            None: nowhere. `allow` always wins over it.
    """

    allow: Tensor | None = None
    include: Tensor | None = None


@dataclass(frozen=True)
class TextCode:
    """A prompt as the text encoder sees it.

    Attributes:
        embedding: L2-normalised text embedding, `[1, 512]`.
        tokens: states of the prompt's tokens, projected into the same space, `[1, L, 512]`.
        token_mask: `bool [1, L]`, False for padding.
    """

    embedding: Tensor
    tokens: Tensor
    token_mask: Tensor

    def to(self, device: str | torch.device) -> TextCode:
        """The same on a device."""
        return TextCode(*(t.to(device) for t in (self.embedding, self.tokens, self.token_mask)))

    def expand(self, batch: int) -> TextCode:
        """The same prompt for `batch` faces."""
        return TextCode(*(t.expand(batch, *t.shape[1:]) for t in (self.embedding, self.tokens, self.token_mask)))

    @staticmethod
    def stack(codes: Sequence[TextCode]) -> TextCode:
        """A different prompt for each face."""
        return TextCode(
            torch.cat([c.embedding for c in codes]),
            torch.cat([c.tokens for c in codes]),
            torch.cat([c.token_mask for c in codes]),
        )


@dataclass(frozen=True)
class PromptStrength:
    """One of several prompts of an edit.

    Attributes:
        prompt: the words, for instance "green lipstick".
        strength: factor on its delta_w, 0..2.
    """

    prompt: str
    strength: float = 1.0


@dataclass(frozen=True)
class EditSettings:
    """What the user can set for one edit.

    Attributes:
        prompt: the words, for instance "green lipstick".
        strength: factor on delta_w, 0..2.
        mask_threshold: 0 keeps the soft masks; t in (0, 1) makes them hard at t.
        more: further prompts with their own strengths; the order of all prompts does not matter.
        mask_invert: edit where the masks are closed, and leave alone where they are open.
        mask_feather: softens the masks' edges; standard deviation in pixels of a 256 px picture, 0..16.
        paint: what was painted by hand, or None.
        variation: 0 is the edit as learned; 1..999 are the same edit in other shades.
        mode: one of `mcaclip.validate.MODES`, or None for what is best for each prompt.
        without_masks: let everything through (the paper's ablation "w/o PRE"); only paint counts then.
        likeness: how much of a photo's own shapes an edit of shapes keeps, 0 (free) to 1 (all); colours keep all.
        left_out: what else was asked for and cannot be made, in plain words.
    """

    prompt: str
    strength: float = 1.0
    mask_threshold: float = 0.0
    more: tuple[PromptStrength, ...] = ()
    mask_invert: bool = False
    mask_feather: float = 0.0
    paint: Paint | None = None
    variation: int = 0
    mode: str | None = None
    without_masks: bool = False
    likeness: float = validate.DEFAULT_LIKENESS
    left_out: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[PromptStrength, ...]:
        """All prompts with their strengths, as they were given."""
        return (PromptStrength(self.prompt, self.strength), *self.more)

    def with_parts(self, parts: Sequence[PromptStrength]) -> EditSettings:
        """The same masks for other prompts; at least one."""
        first, *more = parts
        return replace(self, prompt=first.prompt, strength=first.strength, more=tuple(more))

    def check_numbers(self) -> None:
        """Raises StudioError where a number is outside its range."""
        for part in self.parts:
            validate.check_strength(part.strength)
        validate.check_threshold(self.mask_threshold)
        validate.check_likeness(self.likeness)
        validate.check_feather(self.mask_feather)
        validate.check_number(self.variation, "variation", 0, validate.MAX_VARIATION)

    @property
    def title(self) -> str:
        """All prompts in one line: "green lipstick + purple hair"."""
        return " + ".join(part.prompt for part in self.parts)


@dataclass(frozen=True)
class EditResult:
    """One edit with everything needed to understand it.

    Attributes:
        image: the edit, `float32 [3, S, S]` in [-1, 1]; S is 1024, or 256 for a preview. Of a photo it is the aligned
            photo with the edit in it: where `combined_mask` is 0, the photo's own pixels.
        masks: one `float32 [1, s, s]` in [0, 1] a generator layer, after all mask tools; 1 is edited. With several
            prompts their sum, at most 1.
        mask_names: a label for each mask, for instance "layer 3 (16 px)".
        combined_mask: `float32 [1, S, S]` in [0, 1], where the picture was allowed to change.
        delta_w: `float32 [18, 512]`, the shift before the strength is applied; with several prompts their sum.
        settings: what was asked for.
        identity: cosine of the edit's identity to that of `Inversion.original` (None for a preview).
        seconds: wall time.
        shifts: `float32 [18, 512]` per prompt, in the order of `settings.parts`, before the strengths.
        modes: how each prompt was made, in the same order: "universal", "fitted", or both for one made of several.
        feature_change: one number per layer: norm of the change of its features over their norm in the source, in the
            parts of the layer that the picture needs.
        generated: the generator's own picture of the edit, like `image`; None where `image` is that picture.
    """

    image: Tensor
    masks: tuple[Tensor, ...]
    mask_names: tuple[str, ...]
    combined_mask: Tensor
    delta_w: Tensor
    settings: EditSettings
    identity: float | None
    seconds: float
    notes: tuple[str, ...] = field(default=())
    shifts: tuple[Tensor, ...] = field(default=())
    modes: tuple[str, ...] = field(default=())
    feature_change: tuple[float, ...] = field(default=())
    generated: Tensor | None = None


@dataclass(frozen=True)
class MovingEdit:
    """An edit while a control moves: `EditResult.image` and `EditResult.combined_mask`, and nothing else."""

    image: Tensor
    combined_mask: Tensor


def to_uint8(image: Tensor) -> np.ndarray:
    """`[3, H, W]` in [-1, 1] to `uint8 [H, W, 3]`, rounded to nearest."""
    scaled = (image.detach().float().clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def from_uint8(image: np.ndarray) -> Tensor:
    """`uint8 [H, W, 3]` to `float32 [3, H, W]` in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 127.5 - 1
