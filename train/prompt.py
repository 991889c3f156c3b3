"""`python -m train prompt "green lipstick"`: fit the MCA-CLIP edit network to one or several prompts.

Each step draws faces, edits them through the 256 px preview and lowers the weighted sum of the paper's six losses.
Extras beside them (a second witness that knows places and colours, hard negatives) are switches of the preset:
`--preset paper` has none of them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mcaclip import losses
from mcaclip.colour import COLOURS
from mcaclip.config import DEFAULT_STACK, STACKS, Stack
from mcaclip.editing.mca import (
    COMPACT_CONFIG,
    PAPER_CONFIG,
    MCAConfig,
    MCANetwork,
    TextCode,
    save_network,
)
from mcaclip.generators.base import Generator
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.synthesis import Synthesis, masked_synthesize, synthesize
from mcaclip.losses import PAPER_LOSS_WEIGHTS, LossWeights, weigh
from mcaclip.perception.base import Identity, Parser
from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import dilate, region, sharpen
from mcaclip.text.clip_space import ClipSpace
from mcaclip.text.colours import lab_of
from mcaclip.text.grammar import NEUTRAL_TEXTS, PART_NOUNS, TEMPLATES, Meaning, understand
from mcaclip.text.knowledge import knowledge_of
from mcaclip.validate import clean_prompt
from train.augment import random_views
from train.backoff import MicroBatches
from train.exemplar import paint_exemplar
from train.faces import CodeSampler
from train.loop import LoopSettings, TrainingLoop
from train.network import new_network, shifted_rows
from train.precision import Precision
from train.ranger import Ranger
from train.sheets import save_edit_sheet
from train.upper_masks import fit_upper_masks
from train.upper_rows import AgreementSettings, fit_upper_rows

log = logging.getLogger(__name__)
FINE_MASK = 64
"""From this side on masks keep to the part itself: lipstick spares the teeth. Coarser cells get a margin."""
BACKGROUND = CLASSES.index("background")
FLOAT32 = Precision()


@dataclass(frozen=True)
class PromptSettings:
    """Settings of a fit.

    Attributes:
        network: the edit network's structure.
        weights: weights of the loss terms; extras at 0 are not computed.
        mask_normalisation: "sum" has the paper's sums over pixels in the area and TV terms (FACTS 1.4); "mean" is
            free of the resolution.
        hard_negatives: put the directions of other part-colour captions into CLIP-NCE.
        lightness: weight of the region's mean lightness in the colour term.
        views: augmented copies of each edit that CLIP sees (8 in CF-CLIP).
        batch: faces a step; prompts take turns.
        optimizer: "ranger" (paper) or "adam".
        mapper_lr_factor: the mapper's equalised layers scale their weights down by sqrt(512) at run time and need
            a larger rate; the paper's lr_mul of 0.01 with lr 0.5 comes to the same.
        upper_mask_faces: full-size faces from which the mask nets above the preview's layers learn.
        agreement: the stage in which the rows above the preview are corrected at full size.
    """

    network: MCAConfig = COMPACT_CONFIG
    weights: LossWeights = field(
        default_factory=lambda: LossWeights(area=0.05, tv=0.5, region=0.5, colour=0.006, preserve=4.0, exemplar=4.0)
    )
    mask_normalisation: Literal["sum", "mean"] = "mean"
    hard_negatives: bool = True
    lightness: float = 0.3
    views: int = 3
    batch: int = 3
    optimizer: str = "adam"
    lr: float = 1e-3
    mapper_lr_factor: float = 5.0
    steps: int = 1200
    ema: float = 0.99
    seed: int = 41
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.5, 1.0), mix=0.2, jitter=0.4, common=0.5))
    upper_mask_faces: int = 24
    agreement: AgreementSettings = field(default_factory=AgreementSettings)


COMPACT_PRESET = PromptSettings()
PAPER_PRESET = PromptSettings(
    network=PAPER_CONFIG,
    weights=PAPER_LOSS_WEIGHTS,
    mask_normalisation="sum",
    hard_negatives=False,
    views=8,
    batch=2,
    optimizer="ranger",
    lr=0.5,
    mapper_lr_factor=1.0,
    steps=50_000,
    ema=0.0,
    sampler=CodeSampler(psi=(1.0, 1.0), mix=0.0, jitter=0.0),
)
PRESETS = {"compact": COMPACT_PRESET, "paper": PAPER_PRESET}


@dataclass(frozen=True)
class Target:
    """A prompt, encoded.

    Attributes:
        code: what the edit network is given.
        texts: the prompt in the templates, `[T, D]`.
        negatives: unit directions `[K, D]` of captions that it must not become, or None.
        meaning: its part and colour, where the vocabulary knows them: the second witness.
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
    texts = space.encode_text([template.format(prompt) for template in TEMPLATES])
    return Target(prompt, space.text_code(prompt), texts, negatives, meaning)


def _clearly_other(meaning: Meaning, part: str, colour: str) -> bool:
    """Neighbouring shades of the same part ("lime lips" for "green lips") are no fair negatives."""
    return part != meaning.part or bool((lab_of(colour) - lab_of(meaning.colour)).norm() > 45)


class PromptObjective:
    """The loss of one batch, with everything that stays frozen."""

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
            self.source_texts = space.encode_text(NEUTRAL_TEXTS)
            self.targets = [
                encode_target(space, prompt, self.source_texts, settings.hard_negatives) for prompt in prompts
            ]

    def edit(
        self, network: MCANetwork, codes: Tensor, targets: Sequence[Target]
    ) -> tuple[Synthesis, Tensor, Tensor, list[Tensor]]:
        """Source, edited picture, delta_w and masks of `codes [B, 18, 512]`, a target for each."""
        t_w, delta_w = network(codes, TextCode.stack([target.code for target in targets]))
        with self.precision.autocast(codes.device):
            with torch.no_grad():
                source = synthesize(self.generator, codes, keep=range(len(self.generator.layers)))
            masks = network.masks(source.features, t_w)
            edited = masked_synthesize(self.generator, codes, delta_w, masks, source.image)
        # what is compared is compared in float32
        source = replace(source, image=source.image.float())
        return source, edited.float(), delta_w, [mask.float() for mask in masks]

    def __call__(
        self, network: MCANetwork, codes: Tensor, targets: Sequence[Target], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Weighted terms and their sum under "loss"."""
        s = self.settings
        source, edited, delta_w, masks = self.edit(network, codes, targets)
        parsed = self._parse(source)
        background = parsed[:, BACKGROUND : BACKGROUND + 1]
        if not self.parser.layers:
            # a parser of pictures sees where the edit has its background, too
            background = background * self._parse(Synthesis(edited.detach(), {}))[:, BACKGROUND : BACKGROUND + 1]
        terms = {
            "id": losses.identity_loss(self.identity.embed(source.image), self.identity.embed(edited)),
            "l2": losses.latent_l2(delta_w),
            "nce": self._nce(source.image, edited, targets, rng),
            "area": losses.mask_area(masks, "1/side" if s.mask_normalisation == "sum" else "mean"),
            "tv": losses.mask_tv(masks, s.mask_normalisation),
            "bg": losses.background_loss(source.image, edited, background),
        }
        terms |= self._witness(codes, source.image, edited, masks, parsed, targets)
        weighted = weigh(terms, s.weights)
        return {**weighted, "loss": torch.stack(list(weighted.values())).sum()}

    def _parse(self, made: Synthesis) -> Tensor:
        """Class probabilities of generated faces at their own size."""
        with self.precision.autocast(made.image.device):
            return self.parser.parse(made, made.image.shape[-1]).float()

    def _nce(self, source: Tensor, edited: Tensor, targets: Sequence[Target], rng: np.random.Generator) -> Tensor:
        views = random_views(edited, self.settings.views, rng)
        with torch.no_grad():
            source_features = self.space.encode_image(source)
        edited_features = self.space.encode_image(views).unflatten(0, (len(edited), self.settings.views))
        values = [
            losses.clip_nce(
                edited_features[i],
                source_features[i : i + 1],
                self.source_texts,
                target.texts,
                target.negatives,
            )
            for i, target in enumerate(targets)
        ]
        return torch.stack(values).mean()

    def _witness(
        self,
        codes: Tensor,
        source: Tensor,
        edited: Tensor,
        masks: list[Tensor],
        parsed: Tensor,
        targets: Sequence[Target],
    ) -> dict[str, Tensor]:
        """The extras, over the samples whose prompt names a known part and colour."""
        w = self.settings.weights
        meanings = {i: target.meaning for i, target in enumerate(targets) if target.meaning}
        if not meanings or not (w.region or w.colour or w.preserve or w.exemplar):
            return {}
        known = list(meanings)
        part = sharpen(torch.cat([region(parsed[i : i + 1], meaning.part) for i, meaning in meanings.items()]))
        wide = dilate(part, 3)
        labs = torch.stack([lab_of(meaning.colour) for meaning in meanings.values()]).to(source)
        coarse = [mask[known] for mask in masks if mask.shape[-1] < FINE_MASK]
        fine = [mask[known] for mask in masks if mask.shape[-1] >= FINE_MASK]
        exemplars = [
            paint_exemplar(self.generator, codes[i : i + 1], source[i : i + 1], part[n : n + 1], meaning, self.beard)
            for n, (i, meaning) in enumerate(meanings.items())
        ]
        return {
            "region": (losses.region_prior(coarse, wide) + losses.region_prior(fine, part)) / 2,
            "colour": losses.lab_colour_distance(edited[known], part, labs, self.settings.lightness),
            "preserve": losses.preservation_loss(source[known], edited[known], wide),
            "exemplar": losses.exemplar_loss(edited[known], torch.cat(exemplars), wide),
        }


def check_prompts(prompts: Sequence[str]) -> list[str]:
    """Prompts as `mcaclip.validate.clean_prompt` leaves them.

    Raises:
        PromptError: none, or one that cannot be used.
    """
    return [clean_prompt(prompt) for prompt in prompts or [""]]


def warn_of_strange_words(space: ClipSpace, prompts: Sequence[str]) -> None:
    """Log a warning for every prompt that the space hardly knows. Raises WeightsError."""
    knowledge = knowledge_of(space.name)
    for prompt in dict.fromkeys(prompts):
        verdict = knowledge.judge(space, prompt)
        if verdict.doubtful:
            log.warning('expect little of "%s": %s', prompt, verdict.warning)


def _optimizer(network: MCANetwork, settings: PromptSettings) -> torch.optim.Optimizer:
    mapper = list(network.mapper.parameters())
    others = [*network.fusion.parameters(), *network.coral.parameters()]
    mapper_lr = settings.lr * settings.mapper_lr_factor
    groups: list[dict[str, Any]] = [{"params": others}, {"params": mapper, "lr": mapper_lr}]
    make = Ranger if settings.optimizer == "ranger" else torch.optim.Adam
    return make(groups, lr=settings.lr)


def fit_prompts(
    objective: PromptObjective,
    full_generator: Generator,
    out: Path,
    max_minutes: float = 1e9,
    sheet_every: int = 100,
    start_from: Path | None = None,
    stack: Stack = STACKS["compact"],
) -> Path:
    """Fit one edit network to the objective's prompts and write `edit.safetensors` into `out`.

    The prompts take turns; one that is named twice takes twice as many.

    `objective.generator` is what is trained through: the preview, or the full generator itself. Behind a
    preview two short stages follow for what only `full_generator` has: the upper rows learn to do at full size what
    the preview showed, and the upper mask nets learn from the finished masks below them.

    Args:
        start_from: an edit network to go on from instead of random weights.
        stack: goes into the file, which says what the network was fitted on.
    """
    settings = objective.settings
    distinct = list({target.prompt: target for target in objective.targets}.values())
    prompts = [target.prompt for target in distinct]
    torch.manual_seed(settings.seed)
    config = shifted_rows(settings.network, full_generator, objective.generator)
    network = new_network(full_generator, config, start_from)
    loop_settings = LoopSettings(
        settings.steps,
        max_minutes,
        settings.seed,
        settings.ema,
        log_every=5,
        sheet_every=sheet_every,
        warmup=20,
    )
    fingerprint = {"prompts": prompts, **asdict(settings)}
    if stack.label != DEFAULT_STACK:
        fingerprint["stack"] = stack.label
    optimizer, scaled = _optimizer(network, settings), objective.precision.scaled
    loop = TrainingLoop(network, optimizer, loop_settings, out, fingerprint, scaled)
    batches = MicroBatches(loop.backward, optimizer.zero_grad)
    shown = settings.sampler.draw(full_generator, 4, np.random.default_rng(settings.seed + 1))

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        codes = settings.sampler.draw(full_generator, settings.batch, rng)
        first = number * settings.batch
        turns = objective.targets
        targets = [turns[(first + i) % len(turns)] for i in range(settings.batch)]
        return batches.run(len(codes), lambda part: objective(network, codes[part], targets[part], rng), rng)

    def sheet(number: int) -> None:
        for target in distinct:
            name = f"{target.prompt.replace(' ', '_')}_{number:05d}.png"
            save_edit_sheet(out / "sheets" / name, *_edits(objective, network, shown, target))

    loop.run(step, sheet)
    network.load_state_dict(loop.averaged_state())
    sheet(loop.step)
    if isinstance(objective.generator, PreviewGenerator):
        assert isinstance(full_generator, MobileStyleGAN)
        stage = (settings.sampler, out / "upper_rows", settings.agreement)
        fit_upper_rows(network, full_generator, objective.generator, distinct, *stage)
    top = len(objective.generator.layers) - 1
    if top + 1 < len(full_generator.layers):
        faces, seed = settings.upper_mask_faces, settings.seed
        fit_upper_masks(network, full_generator, distinct, settings.sampler, faces, seed, top)
    path = out / "edit.safetensors"
    records = {prompt: {"steps": loop.step} for prompt in prompts}
    codes = {target.prompt: target.code for target in distinct}
    save_network(network, path, records, codes, stack.generator, stack.clip)
    (out / "settings.json").write_text(json.dumps(asdict(settings), indent=1))
    log.info("%s: %d steps, written to %s", ", ".join(prompts), loop.step, path)
    return path


@torch.no_grad()
def _edits(
    objective: PromptObjective, network: MCANetwork, codes: Tensor, target: Target
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Sources, edits and masks of some faces, made one by one: at full size several would take much memory."""
    made = [objective.edit(network, code[None], [target]) for code in codes]
    sources = torch.cat([source.image for source, _, _, _ in made])
    edits = torch.cat([edited for _, edited, _, _ in made])
    return sources, edits, [torch.cat(layer) for layer in zip(*(masks for _, _, _, masks in made), strict=True)]
