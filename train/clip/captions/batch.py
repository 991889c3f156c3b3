"""The captions of a batch of pictures, their twins, and which caption is true of which picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.clip.captions.write import caption_and_twin
from train.clip.scenes.types import PARTS, STATES, Caption, PartColour, Scene, agreement, target_lab


@dataclass(frozen=True)
class Facts:
    """What pictures show, or captions say, for the probes.

    Attributes:
        painted: `[B, parts]`: 1 where a part is painted, or where the caption says so.
        lab: `[B, parts, 3]`, its colour in Lab / 50.
        states: `[B, states]`, 1, -1, or 0 for unknown or not mentioned.
    """

    painted: Tensor
    lab: Tensor
    states: Tensor


@dataclass(frozen=True)
class CaptionBatch:
    """Captions of pictures.

    Attributes:
        captions: `C` of them.
        fits: `[B, C]`, 1 true, -1 false, 0 not known.
        scene_facts: of the drawn scenes; too little is known of the other pictures.
        caption_facts: of all captions.
        pairs: `[P, 3]`: a picture, a caption that is true of it, and one that differs in one claim and is false.
    """

    captions: list[str]
    fits: Tensor
    scene_facts: Facts
    caption_facts: Facts
    pairs: Tensor


def write_captions(
    drawn: Sequence[Scene], count: int, rng: np.random.Generator, others: Sequence[tuple[Scene, Caption]] = ()
) -> CaptionBatch:
    """`count` captions per scene, the first with a twin.

    Args:
        others: further pictures, each with a caption that it is to be compared with.
    """
    captions: list[Caption] = []
    twins: list[tuple[int, int, Caption]] = []
    for row, scene in enumerate(drawn):
        for number in range(count):
            caption, twin = caption_and_twin(scene, rng, twin=number == 0)
            if twin is not None:
                twins.append((row, len(captions), twin))
            captions.append(caption)
    pairs = torch.tensor([(row, column, len(captions) + k) for k, (row, column, _) in enumerate(twins)])
    captions += [*(twin for _, _, twin in twins), *(caption for _, caption in others)]
    pictured = [*drawn, *(scene for scene, _ in others)]
    fits = torch.tensor([[agreement(caption, scene) for caption in captions] for scene in pictured])
    texts = [caption.text for caption in captions]
    return CaptionBatch(texts, fits, scene_facts(drawn), caption_facts(captions), pairs.long().view(-1, 3))


def scene_facts(scenes: Sequence[Scene]) -> Facts:
    """What the scenes show."""
    states = torch.tensor([scene.states for scene in scenes]).float().view(-1, len(STATES))
    return _facts([scene.paints for scene in scenes], states)


def caption_facts(captions: Sequence[Caption]) -> Facts:
    """What the captions say."""
    states = torch.zeros(len(captions), len(STATES))
    for row, caption in enumerate(captions):
        for claim in caption.claims:
            if claim.state:
                states[row, STATES.index(claim.state)] = claim.sign
    return _facts([[claim.paint for claim in caption.claims if claim.paint] for caption in captions], states)


def _facts(paints: Sequence[Sequence[PartColour]], states: Tensor) -> Facts:
    painted, lab = torch.zeros(len(paints), len(PARTS)), torch.zeros(len(paints), len(PARTS), 3)
    for row, parts in enumerate(paints):
        for paint in parts:
            target = None if paint.pattern else target_lab(paint)
            if target is not None:
                painted[row, PARTS.index(paint.part)] = 1
                lab[row, PARTS.index(paint.part)] = torch.tensor(target) / 50
    return Facts(painted, lab, states)
