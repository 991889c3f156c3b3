"""Images and texts in one space: our FaceCLIP, or a published CLIP by open_clip in the same slot."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mcaclip.clip.face_clip import FaceClip, face_tokenizer
from mcaclip.clip.presentation import FACE_PRESENTATION, Presentation, published_presentation
from mcaclip.errors import WeightsError
from mcaclip.imaging.colour import to_gamut
from mcaclip.nn.published import quoted
from mcaclip.nn.safetensors_io import load_strictly
from mcaclip.platform.torchvision_guard import ensure_torchvision
from mcaclip.types import TextCode

if TYPE_CHECKING:
    from open_clip import CLIP

FACECLIP = "FaceCLIP"
# OpenAI's own archives store these numbers among the weights; the model has them in its configuration.
_ARCHITECTURE_NUMBERS = ("input_resolution", "context_length", "vocab_size")
OPENAI_FILE = "ViT-B-32.pt"
VIT_B_32 = "ViT-B-32-quickgelu"
"""open_clip's name of OpenAI's ViT-B/32, whose weights need QuickGELU."""
_REMEDIES = {
    FACECLIP: "train it again: `python -m train faceclip`",
    VIT_B_32: "use another copy of it: `python -m mcaclip doctor --stack paper` names its source",
}
FACECLIP_MEAN, FACECLIP_STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def _is_welcome(record: logging.LogRecord) -> bool:
    # open_clip warns of random weights, which the caller replaces or wants
    return "No pretrained weights loaded" not in record.getMessage()


def read_clip(path: Path) -> dict[str, Tensor]:
    """The tensors of an open_clip checkpoint of ViT-B/32: safetensors, or a state dict written by torch.

    OpenAI's own file is a program (TorchScript) that holds the same tensors in half precision. A program is loaded
    under its name only: the table of weights knows the digest of this file, and nothing else comes under that name.

    Raises:
        WeightsError: the file holds anything but the weights of this model.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        elif path.name == OPENAI_FILE:
            state = torch.jit.load(path, map_location="cpu").state_dict()
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
        state = {name: value for name, value in state.items() if name not in _ARCHITECTURE_NUMBERS}
        expected = {name: value.shape for name, value in create_model(VIT_B_32).state_dict().items()}
        fits = {name: value.shape for name, value in state.items()} == expected
    except (RuntimeError, SafetensorError, UnpicklingError, AttributeError) as error:
        raise WeightsError(
            f"{path} is no checkpoint of {VIT_B_32} ({quoted(error)}); {_REMEDIES[VIT_B_32]}"
        ) from error
    if not fits:
        raise WeightsError(f"{path} has not the tensors of {VIT_B_32}; {_REMEDIES[VIT_B_32]}")
    return {name: value.float() for name, value in state.items()}


def create_model(name: str = FACECLIP, pretrained: Path | None = None) -> FaceClip | CLIP:
    """FaceCLIP or an open_clip model in float32; random weights where `pretrained` is None.

    Raises:
        WeightsError: the file does not fit the model.
    """
    model = FaceClip() if name == FACECLIP else _published_model(name)
    if pretrained is not None:
        load_strictly(model, pretrained, f"does not fit {name}", _REMEDIES.get(name, "choose the file of that model"))
    return model


def _published_model(name: str) -> CLIP:
    ensure_torchvision()
    import open_clip

    root = logging.getLogger()
    root.addFilter(_is_welcome)
    try:
        return open_clip.create_model(name, precision="fp32")
    finally:
        root.removeFilter(_is_welcome)


class ClipSpace(nn.Module):
    """A model of images and texts with this package's formats of both."""

    model: Any
    """`FaceClip`, or open_clip's `CLIP`, whose package has no types."""
    tokenizer: Any
    image_size: int
    mean: Tensor
    std: Tensor
    presentation: Presentation
    """The sentences that prompts come in, and the surroundings of views."""

    def __init__(self, model: FaceClip | CLIP, name: str = FACECLIP):
        super().__init__()
        self.model = model
        self.name = name
        mean, std = FACECLIP_MEAN, FACECLIP_STD
        if name == FACECLIP:
            self.tokenizer, self.presentation = face_tokenizer(), FACE_PRESENTATION
        else:
            ensure_torchvision()
            import open_clip

            self.tokenizer, self.presentation = open_clip.get_tokenizer(name), published_presentation()
            mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
        size = model.visual.image_size
        self.image_size = size[0] if isinstance(size, (tuple, list)) else size
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def load(cls, path: Path, name: str = FACECLIP, device: str | torch.device = "cpu") -> ClipSpace:
        """The frozen space of a file of weights. Raises WeightsError."""
        space = cls(create_model(name, path), name)
        return space.requires_grad_(False).eval().to(device)

    def encode_image(self, images: Tensor) -> Tensor:
        """L2-normalised embeddings `[B, D]` of `images [B, 3, S, S]` in [-1, 1], differentiable."""
        return F.normalize(self.image_features(images), dim=-1)

    def image_features(self, images: Tensor) -> Tensor:
        """The result of `encode_image` before the L2 normalisation."""
        return self.model.encode_image(self.normalised(images))

    def normalised(self, images: Tensor) -> Tensor:
        """The image tower's input for `images [B, 3, S, S]` in [-1, 1]: resized and normalised."""
        size = (self.image_size, self.image_size)
        if images.shape[-2:] != size:
            images = F.interpolate(images, size=size, mode="bicubic", antialias=True)
        pixels = (to_gamut(images) + 1) / 2
        return (pixels - self.mean) / self.std

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """L2-normalised embeddings `[T, D]` of texts."""
        return F.normalize(self.text_features(texts), dim=-1)

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """The result of `encode_text` before the L2 normalisation."""
        return self.model.encode_text(self.token_ids(texts).to(self.mean.device))

    def token_ids(self, texts: Sequence[str]) -> Tensor:
        """Token numbers `int [T, L]` of texts."""
        return self.tokenizer(list(texts))

    @torch.no_grad()
    def text_code(self, prompt: str) -> TextCode:
        """Embedding and projected token states of one prompt (end-of-text included, padding masked)."""
        return self._codes(self.token_ids([prompt]))

    @torch.no_grad()
    def text_codes(self, prompts: Sequence[str]) -> TextCode:
        """Codes of several prompts, padded to the longest of them: `[B, D]`, `[B, L, D]` and `bool [B, L]`."""
        return self._codes(_without_padding(self.token_ids(prompts)))

    def token_features(self, ids: Tensor) -> Tensor:
        """The text features `[T, D]` of token numbers `int [T, L]`."""
        return self._states(_without_padding(ids).to(self.mean.device))[1]

    def _codes(self, ids: Tensor) -> TextCode:
        ids = ids.to(self.mean.device)
        states, last = self._states(ids)
        mask = torch.arange(ids.shape[1], device=ids.device)[None] <= ids.argmax(1)[:, None]
        return TextCode(F.normalize(last, dim=-1), states, mask)

    def _states(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Projected states of all tokens, `[T, L, D]`, and of the end-of-text tokens, `[T, D]`."""
        model, length = self.model, ids.shape[1]
        x = model.token_embedding(ids) + model.positional_embedding[:length]
        causal = None if model.attn_mask is None else model.attn_mask[:length, :length]
        states = model.ln_final(model.transformer(x, attn_mask=causal)) @ model.text_projection
        return states, states[torch.arange(len(ids), device=ids.device), ids.argmax(1)]


def _without_padding(ids: Tensor) -> Tensor:
    """Token numbers `[T, L]` up to the longest text: attention is causal, so padding changes nothing."""
    return ids[:, : int(ids.argmax(1).max()) + 1]


@torch.no_grad()
def prompt_direction(space: ClipSpace, prompt: str) -> Tensor:
    """The unit direction `[D]` of a prompt: its mean over all templates of the space."""
    return F.normalize(space.encode_text(space.presentation.texts(prompt)).mean(0), dim=0)
