"""What is said of pictures: captions, their twins, and how far each fits each picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.clip.captions.write import caption_and_twin
from train.clip.scenes.types import PARTS, STATES, Caption, Scene, agreement, target_lab


@dataclass(frozen=True)
class Facts:
    """What pictures show, or captions say, for the probes.

    Attributes:
        painted: `[B, parts]`: 1 where a part is painted or said to be.
        lab: `[B, parts, 3]`, its colour in Lab / 50.
        states: `[B, states]`, 1, -1, or 0 for not known or not said.
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
        shown: facts of the first pictures; of the others too little is known.
        said: facts of all captions.
        pairs: `[P, 3]`: a picture, a caption that is true of it, and one that differs in one claim and is false.
    """

    captions: list[str]
    fits: Tensor
    shown: Facts
    said: Facts
    pairs: Tensor


def tell(
    drawn: Sequence[Scene], count: int, rng: np.random.Generator, others: Sequence[tuple[Scene, Caption]] = ()
) -> CaptionBatch:
    """`count` captions a scene, the first with a twin.

    Args:
        others: further pictures, each with a caption that it is to be compared with.
    """
    texts, pairs = _captions_with_twins(drawn, count, rng)
    texts += [text for _, text in others]
    pictured = [*drawn, *(scene for scene, _ in others)]
    fits = torch.tensor([[agreement(text, scene) for text in texts] for scene in pictured])
    return CaptionBatch([t.text for t in texts], fits, scene_facts(drawn), caption_facts(texts), pairs)


def _captions_with_twins(
    drawn: Sequence[Scene], count: int, rng: np.random.Generator
) -> tuple[list[Caption], Tensor]:
    """`count` captions a scene, then twins of the first ones; and `pairs` as in `CaptionBatch`."""
    texts: list[Caption] = []
    twins: list[tuple[int, int, Caption]] = []
    for row, scene in enumerate(drawn):
        for number in range(count):
            said, other = caption_and_twin(scene, rng, twin=number == 0)
            if other is not None:
                twins.append((row, len(texts), other))
            texts.append(said)
    pairs = [(row, column, len(texts) + k) for k, (row, column, _) in enumerate(twins)]
    return [*texts, *(other for _, _, other in twins)], torch.tensor(pairs, dtype=torch.long).view(-1, 3)


def scene_facts(scenes: Sequence[Scene]) -> Facts:
    """What the scenes show."""
    facts = _empty_facts(len(scenes))
    for row, scene in enumerate(scenes):
        facts.states[row] = torch.tensor(scene.states).float()
        for paint in scene.paints:
            lab = None if paint.pattern else target_lab(paint)
            if lab is not None:
                facts.painted[row, PARTS.index(paint.part)] = 1
                facts.lab[row, PARTS.index(paint.part)] = torch.tensor(lab) / 50
    return facts


def caption_facts(captions: Sequence[Caption]) -> Facts:
    """What the captions say."""
    facts = _empty_facts(len(captions))
    for row, text in enumerate(captions):
        for claim in text.claims:
            if claim.state:
                facts.states[row, STATES.index(claim.state)] = claim.sign
            lab = target_lab(claim.paint) if claim.paint and not claim.paint.pattern else None
            if claim.paint and lab is not None:
                facts.painted[row, PARTS.index(claim.paint.part)] = 1
                facts.lab[row, PARTS.index(claim.paint.part)] = torch.tensor(lab) / 50
    return facts


def _empty_facts(rows: int) -> Facts:
    return Facts(torch.zeros(rows, len(PARTS)), torch.zeros(rows, len(PARTS), 3), torch.zeros(rows, len(STATES)))
