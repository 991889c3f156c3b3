"""The loss of a fit: the terms of the paper, those of the other methods, and our extras.

A term is computed when its weight is not 0: a method is a network (see `mcaclip.editing.network.mca`) and a set of
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.render import edit_batch
from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import Synthesis
from mcaclip.imaging.colour import lab_of
from mcaclip.language.colours import COLOURS
from mcaclip.language.grammar import PART_NOUNS, Meaning, understand
from mcaclip.methods import losses
from mcaclip.methods.losses import weigh
from mcaclip.perception.base import Identity, Parser
from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import dilate, region, sharpen
from mcaclip.types import TextCode
from train.common.augment import random_views
from train.common.precision import FLOAT32, Precision
from train.prompt.exemplar import paint_exemplar
from train.prompt.presets import PromptSettings

FINE_MASK = 64
"""Masks of this side and larger keep to the part itself, so that lipstick spares the teeth; others get a margin."""
BACKGROUND = CLASSES.index("background")


@dataclass(frozen=True)
class Target:
    """A prompt, encoded.

    Attributes:
        code: what the edit network is given.
        texts: the prompt in the space's templates, `[T, D]`.
        negatives: unit directions `[K, D]` of captions that the edit must not match, or None.
        meaning: its part and colour, where the vocabulary has them.
    """

    prompt: str
    code: TextCode
    texts: Tensor
    negatives: Tensor | None
    meaning: Meaning | None


def encode_target(space: ClipSpace, prompt: str, source_texts: Tensor, hard_negatives: bool) -> Target:
    """Encode a prompt and, where it names a part and a colour, its hard negatives."""
    meaning = understand(prompt)
    negatives = None
    if hard_negatives and meaning:
        others = [
            f"a face with {colour} {nouns[0]}"
            for part, nouns in PART_NOUNS.items()
            for colour in COLOURS
            if (part, colour) != (meaning.part, meaning.colour) and _clearly_other(meaning, part, colour)
        ]
        negatives = losses.text_directions(source_texts, space.encode_text(others))
    texts = space.encode_text(space.presentation.texts(prompt))
    return Target(prompt, space.text_code(prompt), texts, negatives, meaning)


def _clearly_other(meaning: Meaning, part: str, colour: str) -> bool:
    """Whether a caption is a fair negative; neighbouring shades of the same part are not."""
    return part != meaning.part or bool((lab_of(colour) - lab_of(meaning.colour)).norm() > 45)


@dataclass(frozen=True)
class Batch:
    """Some faces and their edits by a network.

    Attributes:
        codes: `[B, 18, 512]`.
        targets: one per face.
        source: pictures and features of the faces.
        edited: `[B, 3, S, S]`.
        delta_w: `[B, 18, 512]`.
        masks: one `[B, 1, s, s]` per layer and one for the picture; empty for a method without masks.
    """

    codes: Tensor
    targets: Sequence[Target]
    source: Synthesis
    edited: Tensor
    delta_w: Tensor
    masks: list[Tensor]


class PromptObjective:
    """The loss of a batch, with everything that stays frozen."""

    def __init__(
        self,
        generator: Generator,
        space: ClipSpace,
        identity: Identity,
        parser: Parser,
        prompts: Sequence[str],
        settings: PromptSettings,
        beard: Tensor | None = None,
        precision: Precision = FLOAT32,
    ):
        self.generator, self.space, self.identity, self.parser = generator, space, identity, parser
        self.beard, self.precision = beard, precision
        self.settings = settings
        with torch.no_grad():
            self.source_texts = space.encode_text(space.presentation.neutral)
            self.targets = [
                encode_target(space, prompt, self.source_texts, settings.hard_negatives) for prompt in prompts
            ]

    def edit(self, network: MCANetwork, codes: Tensor, targets: Sequence[Target]) -> Batch:
        """The edits of `codes [B, 18, 512]`, each by a target."""
        prompted = PromptedNetwork(network, TextCode.stack([target.code for target in targets]))
        with self.precision.autocast(codes.device):
            made = edit_batch(self.generator, prompted, codes)
        source = replace(made.source, image=made.source.image.float())  # losses are computed in float32
        masks = [mask.float() for mask in made.masks]
        return Batch(codes, targets, source, made.image.float(), made.shifts[0].delta_w, masks)

    def __call__(
        self, network: MCANetwork, codes: Tensor, targets: Sequence[Target], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Weighted terms and their sum under "loss"; terms of weight 0 are not computed. `rng` draws CLIP's views."""
        weights, batch = self.settings.weights, self.edit(network, codes, targets)
        parsed = cache(lambda: self._parse(batch.source))
        terms = {name: term() for name, term in self._terms(batch, parsed, rng).items() if getattr(weights, name)}
        if weights.uses_parser_losses:
            terms |= self._parser_losses(batch, parsed)
        weighted = weigh(terms, weights)
        return {**weighted, "loss": torch.stack(list(weighted.values())).sum()}

    def _terms(
        self, b: Batch, parsed: Callable[[], Tensor], rng: np.random.Generator
    ) -> dict[str, Callable[[], Tensor]]:
        """The terms of the paper and the methods, by their names in `LossWeights`; `parsed` gives the parts."""
        normalisation = self.settings.mask_normalisation
        return {
            "id": lambda: losses.identity_loss(self.identity.embed(b.source.image), self.identity.embed(b.edited)),
            "l2": lambda: losses.latent_l2(b.delta_w),
            "nce": lambda: self._nce(b, rng),
            "clip": lambda: self._clip(b),
            "area": lambda: losses.mask_area(b.masks, "1/side" if normalisation == "sum" else "mean"),
            "tv": lambda: losses.mask_tv(b.masks, normalisation),
            "bg": lambda: losses.background_loss(b.source.image, b.edited, self._background(b, parsed())),
        }

    def _background(self, batch: Batch, parsed: Tensor) -> Tensor:
        """The background of the source; with a parser of pictures, what is background in the edit as well."""
        background = parsed[:, BACKGROUND : BACKGROUND + 1]
        if not self.parser.layers:
            after = self._parse(Synthesis(batch.edited.detach(), {}))
            background = background * after[:, BACKGROUND : BACKGROUND + 1]
        return background

    def _parse(self, made: Synthesis) -> Tensor:
        """Class probabilities of generated faces at their own size."""
        with self.precision.autocast(made.image.device):
            return self.parser.parse(made, made.image.shape[-1]).float()

    def _nce(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        surroundings = self.space.presentation.surroundings
        views = random_views(batch.edited, self.settings.views, rng, surroundings)
        edited = self.space.encode_image(views).unflatten(0, (-1, self.settings.views))
        with torch.no_grad():
            source = self.space.encode_image(batch.source.image)
        values = [
            losses.clip_nce(edited[i], source[i : i + 1], self.source_texts, target.texts, target.negatives)
            for i, target in enumerate(batch.targets)
        ]
        return torch.stack(values).mean()

    def _clip(self, batch: Batch) -> Tensor:
        texts = torch.cat([target.code.embedding for target in batch.targets])
        return losses.clip_loss(self.space.encode_image(batch.edited), texts)

    def _parser_losses(self, batch: Batch, parsed: Callable[[], Tensor]) -> dict[str, Tensor]:
        """The extras, over the faces whose prompt names a known part and colour."""
        w, source, edited = self.settings.weights, batch.source.image, batch.edited
        meanings = {i: target.meaning for i, target in enumerate(batch.targets) if target.meaning}
        if not meanings:
            return {}
        known = list(meanings)
        part = sharpen(torch.cat([region(parsed()[i : i + 1], meaning.part) for i, meaning in meanings.items()]))
        wide, labs = dilate(part, 3), torch.stack([lab_of(meaning.colour) for meaning in meanings.values()])
        terms: dict[str, Callable[[], Tensor]] = {
            "region": lambda: self._region([mask[known] for mask in batch.masks], part, wide),
            "colour": lambda: losses.lab_colour_distance(
                edited[known], part, labs.to(source), self.settings.lightness
            ),
            "preserve": lambda: losses.preservation_loss(source[known], edited[known], wide),
            "exemplar": lambda: losses.exemplar_loss(edited[known], self._exemplars(batch, meanings, part), wide),
        }
        return {name: term() for name, term in terms.items() if getattr(w, name)}

    def _region(self, masks: Sequence[Tensor], part: Tensor, wide: Tensor) -> Tensor:
        coarse = [mask for mask in masks if mask.shape[-1] < FINE_MASK]
        fine = [mask for mask in masks if mask.shape[-1] >= FINE_MASK]
        return (losses.region_prior(coarse, wide) + losses.region_prior(fine, part)) / 2

    def _exemplars(self, batch: Batch, meanings: Mapping[int, Meaning], part: Tensor) -> Tensor:
        codes, source = batch.codes, batch.source.image
        painted = [
            paint_exemplar(self.generator, codes[i : i + 1], source[i : i + 1], part[n : n + 1], meaning, self.beard)
            for n, (i, meaning) in enumerate(meanings.items())
        ]
        return torch.cat(painted)
