"""`python -m train faceclip-words`: FaceCLIP's text tower learns synonyms, and keeps what it says of words it knows.

A caption in the words of `train.wording` is given the code that the tower gave it before, and the same claims in the
wider words of `train.wording_more` the mean code of three such captions. No picture is needed, so that thousands of
captions a minute are read; and since known words keep their codes, so do the networks that were taught them.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.text.clip_space import ClipSpace
from mcaclip.text.colours import says_unseen
from train.captions import choose_claims, say
from train.faceclip import adamw, blurred, save_space
from train.loop import LoopSettings, TrainingLoop
from train.scene_types import Claim
from train.scenes import SceneSet

log = logging.getLogger(__name__)
TRIES = 8


@dataclass(frozen=True)
class WordsSettings:
    """Settings of the training.

    Attributes:
        faces: a step; each stands for four scenes, whose true claims are said.
        tellings: captions in known words whose mean code a caption in wider words is to have.
        keep: weight of what known captions say, whole and word by word.
        word_noise: deviation of the noise on token embeddings, in their own.
    """

    faces: int = 16
    tellings: int = 3
    keep: float = 1.0
    word_noise: float = 0.25
    steps: int = 6000
    lr: float = 5e-4
    weight_decay: float = 0.02
    seed: int = 97


class Reader(nn.Module):
    """The text tower in training; its word embeddings stay as they are."""

    def __init__(self, space: ClipSpace, noise: float):
        super().__init__()
        self.space, self.noise = space, noise
        space.model.token_embedding.register_forward_hook(self._blur)

    def _blur(self, _: nn.Module, __: object, embedded: Tensor) -> Tensor:
        return blurred(embedded, self.noise) if self.training else embedded

    def learned(self) -> list[nn.Parameter]:
        """Everything that turns embedded words into a code."""
        model = self.space.model
        return [model.positional_embedding, model.text_projection, *model.transformer.parameters(),
                *model.ln_final.parameters()]  # fmt: skip


def train_words(
    space: ClipSpace, scenes: SceneSet, faces: int, settings: WordsSettings, out: Path, max_minutes: float = 1e9
) -> None:
    """Train the text tower in place, and write all of FaceCLIP to `model.safetensors` (float16) in `out`.

    Args:
        faces: the first so many of the scenes' faces are talked of.
    """
    teacher = copy.deepcopy(space).requires_grad_(False).eval()
    reader = Reader(space, settings.word_noise).train()
    space.requires_grad_(False)
    for weight in reader.learned():
        weight.requires_grad_(True)
    optimizer = adamw(space, reader.learned(), settings.lr, settings.weight_decay)
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.998, warmup=100)
    loop = TrainingLoop(reader, optimizer, loop_settings, out, asdict(settings))

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        claims = _drawn_claims(scenes, rng.choice(faces, settings.faces, replace=False), rng)
        return _terms(space, teacher, claims, settings, rng)

    loop.run(step)
    reader.load_state_dict(loop.averaged_state())
    reader.requires_grad_(False).eval()
    save_space(space, out)


def _drawn_claims(scenes: SceneSet, faces: np.ndarray, rng: np.random.Generator) -> list[tuple[Claim, ...]]:
    """What may be said of drawn scenes, one telling a scene."""
    drawn = [scene for face in faces for scene in scenes.draw(int(face), rng)]
    return [choose_claims(scene, rng, bool(rng.random() < 0.5)) for scene in drawn]


def _said(claims: Sequence[Claim], rng: np.random.Generator, wider: bool) -> str:
    """The claims in words, none of which is a colour that is held out."""
    for _ in range(TRIES):
        text = say(claims, rng, wider=wider)
        if not says_unseen(text):
            break
    return text


def _terms(
    space: ClipSpace,
    teacher: ClipSpace,
    claims: Sequence[tuple[Claim, ...]],
    settings: WordsSettings,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """The loss: "new" for wider words, "whole" and "word" for what known captions keep."""
    known = [[_said(c, rng, wider=False) for _ in range(settings.tellings)] for c in claims]
    wider = [_said(c, rng, wider=True) for c in claims]
    first = [texts[0] for texts in known]
    with torch.no_grad():
        codes = teacher.encode_text([text for texts in known for text in texts])
        meant = F.normalize(codes.view(len(claims), settings.tellings, -1).mean(1), dim=-1)
        kept = teacher.text_codes(first)
    now = space.learned_codes(first)
    new = (1 - (space.encode_text(wider) * meant).sum(1)).mean()
    whole = (1 - (now.embedding * kept.embedding).sum(1)).mean()
    there = kept.token_mask[..., None].float()
    scale = (kept.tokens.square() * there).sum() / there.sum()
    word = ((now.tokens - kept.tokens).square() * there).sum() / there.sum() / scale
    return {"loss": new + settings.keep * (whole + word), "new": new, "whole": whole, "word": word}
