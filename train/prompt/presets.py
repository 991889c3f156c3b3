"""The settings of the presets, and what each method of the family changes in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mcaclip.editing.network.coral import MaskConfig
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import COMPACT_CONFIG, PAPER_CONFIG, MCAConfig
from mcaclip.editing.network.no_text import StyleOnlyConfig
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig
from mcaclip.errors import TrainingError
from mcaclip.methods.losses import PAPER_LOSS_WEIGHTS, LossWeights
from train.common.faces import CodeSampler


@dataclass(frozen=True)
class AgreementSettings:
    """Settings of the stage that corrects the upper rows at full size, see `train.prompt.full_size_rows`.

    Attributes:
        window: side of the window in cells of the 128 px map.
        anchor: weight of the squared distance of the lower rows from where they were.
        colour: weight of the Lab distance of the masked part to the named colour, where the prompt names one.
        lattice: weight of the mesh that strong shifts of the upper rows leave on the part (see `lattice_energy`).
    """

    steps: int = 80
    window: int = 40
    lr: float = 5e-4
    anchor: float = 2.0
    colour: float = 0.004
    lightness: float = 0.4
    lattice: float = 1.0
    seed: int = 71


@dataclass(frozen=True)
class PromptSettings:
    """Settings of a fit.

    Attributes:
        network: the edit network's structure.
        weights: weights of the loss terms; extras at 0 are not computed.
        mask_normalisation: "sum" has the paper's sums over pixels in the area and TV terms; "mean" does not depend on
            the resolution.
        hard_negatives: whether CLIP-NCE has the directions of other part-colour captions as negatives.
        lightness: weight of the region's mean lightness in the colour term.
        views: augmented copies of each edit that CLIP sees (8 in CF-CLIP).
        batch: faces per step; prompts take turns.
        optimizer: "ranger" (paper) or "adam".
        lr: of layers that are not equalised: Feature Fusion and the mask nets.
        mapper_lr_factor: of the equalised layers, which scale their weights down by sqrt(512) at run time: mapper and
            text module learn with `mapper_lr_factor * lr / lr_mul`, which is the published 0.5 for an lr_mul of 0.01.
        upper_mask_faces: full-size faces from which the mask nets above the preview's layers learn; 0: they do not.
        agreement: the stage in which the rows above the preview are corrected at full size; 0 steps leave it out.
    """

    network: MCAConfig = COMPACT_CONFIG
    weights: LossWeights = field(
        default_factory=lambda: LossWeights(area=0.05, tv=0.5, region=0.5, colour=0.006, preserve=4.0, exemplar=4.0)
    )
    mask_normalisation: Literal["sum", "mean"] = "mean"
    hard_negatives: bool = True
    lightness: float = 0.3
    views: int = 2
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
    steps=50_000,
    ema=0.0,
    sampler=CodeSampler(psi=(1.0, 1.0), mix=0.0, jitter=0.0),
)
WORDS_PRESET = replace(
    COMPACT_PRESET, weights=LossWeights(area=0.05, tv=0.5), agreement=AgreementSettings(colour=0.0)
)
"""The compact structure with the paper's six losses alone, so with nothing from the parser and no named colours."""
PRESETS = {"compact": COMPACT_PRESET, "words": WORDS_PRESET, "paper": PAPER_PRESET}

Recipe = Callable[[PromptSettings], PromptSettings]
"""From MCA-CLIP's settings to those of a method, which changes the network and the losses."""


def _text_module(settings: PromptSettings) -> TextEmbeddingConfig:
    """CF-CLIP's text module, as deep as the preset's mapper."""
    return TextEmbeddingConfig(num_layers=settings.network.mapper_layers, lr_mul=settings.network.mapper_lr_mul)


def _without_ff(settings: PromptSettings) -> PromptSettings:
    """The ablation "w/o FF": CF-CLIP's text module in place of Feature Fusion."""
    return replace(settings, network=replace(settings.network, fusion=_text_module(settings)))


def _without_pre(settings: PromptSettings) -> PromptSettings:
    """The ablation "w/o PRE": G(w + delta_w) without masks and without the terms that only shape masks."""
    weights = replace(settings.weights, area=0.0, tv=0.0, region=0.0)
    return replace(settings, network=replace(settings.network, masks=None), weights=weights)


def _cf_clip(settings: PromptSettings) -> PromptSettings:
    """Text module, CLIP-NCE, no masks. Source: CF-CLIP (Yu et al. 2022), its lambdas."""
    network = replace(settings.network, fusion=_text_module(settings), masks=None)
    weights = LossWeights(id=0.2, l2=0.8, nce=0.3, area=0.0, tv=0.0, bg=0.0)
    return replace(settings, network=network, weights=weights, hard_negatives=False)


def _styleclip_mapper(settings: PromptSettings) -> PromptSettings:
    """The mapper on the code alone. Source: StyleCLIP (Patashnik et al. 2021) section 5, its lambdas."""
    network = replace(settings.network, fusion=StyleOnlyConfig(), masks=None)
    weights = LossWeights(id=0.1, l2=0.8, nce=0.0, area=0.0, tv=0.0, bg=0.0, clip=1.0)
    return replace(settings, network=network, weights=weights, hard_negatives=False)


def _coralstyleclip(settings: PromptSettings) -> PromptSettings:
    """StyleCLIP's mapper and loss with the preset's mask terms; its mask nets see neither words nor one another."""
    mapper = _styleclip_mapper(settings)
    network = replace(mapper.network, masks=MaskConfig(text_dim=0, cascade=False))
    weights = replace(mapper.weights, area=settings.weights.area, tv=settings.weights.tv)
    return replace(mapper, network=network, weights=weights)


RECIPES: Mapping[str, Recipe] = {
    "mca": lambda settings: settings,
    "mca-without-ff": _without_ff,
    "mca-without-pre": _without_pre,
    "cf-clip": _cf_clip,
    "styleclip-mapper": _styleclip_mapper,
    "coralstyleclip": _coralstyleclip,
}
"""The methods that `python -m train prompt --method` fits: they differ in network and losses alone."""


def settings_for(method: str, preset: str) -> PromptSettings:
    """The settings of a method.

    Raises:
        TrainingError: unknown method or preset.
    """
    for name, known in ((method, tuple(RECIPES)), (preset, tuple(PRESETS))):
        if name not in known:
            raise TrainingError(f"there is no {name}: choose {', '.join(known)}")
    return RECIPES[method](PRESETS[preset])


def shortened(settings: PromptSettings, steps: int) -> PromptSettings:
    """The settings with this number of steps, also as the most that the stages at full size take."""
    agreement = replace(settings.agreement, steps=min(settings.agreement.steps, steps))
    faces = min(settings.upper_mask_faces, steps)
    return replace(settings, steps=steps, agreement=agreement, upper_mask_faces=faces)


def with_fusion(settings: PromptSettings, variant: Literal["paper", "tokens"]) -> PromptSettings:
    """The settings with the other variant of Feature Fusion.

    Raises:
        TrainingError: the method has no Feature Fusion.
    """
    fusion = settings.network.fusion
    if not isinstance(fusion, FeatureFusionConfig):
        raise TrainingError("this method has no Feature Fusion: leave --fusion out")
    fusion = replace(fusion, variant=variant, layer_norm=variant == "tokens")
    return replace(settings, network=replace(settings.network, fusion=fusion))
