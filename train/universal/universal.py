"""`python -m train universal`: one edit network for every prompt that FaceCLIP knows.

First the colour teacher learns, without words, which shift gives a part a colour (`colour_teacher`). Then the edit
network learns from captions of the whole grammar: the shift from the teacher and from measured directions, the
masks from the parser's regions. This needs no pass through the shifted generator, so a step holds dozens of prompts.
The mask nets above the preview learn last, as in a fit of one prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.editing.network.coral import CoralMasks, MaskConfig
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import MCAConfig, MCANetwork
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.perception.base import Parser
from mcaclip.types import TextCode
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.common.network import parameter_groups
from train.prompt.full_size_masks import learn_full_size_masks
from train.universal.face_windows import SeenFace, layer_masks, see
from train.universal.targets import EditTarget, EditTargets

UNIVERSAL_CONFIG = MCAConfig(
    fusion=FeatureFusionConfig("tokens", heads=4, attention_dim=128, feedforward_dim=256, layer_norm=True),
    masks=MaskConfig(hidden=48, text_dim=512, cascade=True, initial_logit=-1.0),
    mapper_layers=3,
    mapper_lr_mul=1.0,
    delta_scale=0.3,
)
"""Wider than a fit of one prompt, because it holds every part and colour."""
REHEARSED = 12
"""`UniversalSettings.unmasked` for a network that knows colours already."""
WITHOUT_FF = replace(UNIVERSAL_CONFIG, fusion=TextEmbeddingConfig(num_layers=3, lr_mul=1.0))
"""The ablation "w/o FF": CF-CLIP's text module in place of Feature Fusion."""


@dataclass(frozen=True)
class UniversalSettings:
    """Settings of the training.

    Attributes:
        network: the edit network's structure.
        faces: faces per step.
        masked: colour targets per face whose masks are learned as well.
        unmasked: further colour targets per face.
        attributes: attribute targets per face; the masks of `masked_attributes` of them are learned.
        masked_attributes: see there.
        eyeshadows: of eyeshadow per face; the mask of one of them is learned.
        attribute_weight: of their shifts' loss against that of the colours.
        mask_weight: of the masks' loss against the shift's.
        lr: of all parts; equalised layers have `mapper_lr_factor` times that.
        upper_faces: full-size faces that the mask nets above the preview learn from.
    """

    network: MCAConfig = UNIVERSAL_CONFIG
    faces: int = 2
    masked: int = 5
    unmasked: int = 40
    attributes: int = 16
    masked_attributes: int = 4
    eyeshadows: int = 3
    attribute_weight: float = 0.5
    mask_weight: float = 1.0
    steps: int = 20_000
    lr: float = 6e-4
    mapper_lr_factor: float = 5.0
    weight_decay: float = 1e-3
    ema: float = 0.995
    upper_faces: int = 20
    seed: int = 91
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.5, 1.0), mix=0.2, jitter=0.4, common=0.5))


def shift_loss(delta: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of shifts `[B, 18, 512]`, relative to the size of each wanted shift, mean over the batch."""
    size = wanted.square().sum((1, 2))
    error = (delta - wanted).square().sum((1, 2))
    return (error / (size + 0.2 * size.mean())).mean()


def mask_loss(logits: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Cross entropy and Dice of masks to regions, mean over layers; one `[B, 1, s, s]` per layer each.

    Cross entropy alone hardly sees lips among 16 384 cells, and a balanced one opens cells beside them.
    """
    terms = []
    for given, target in zip(logits, wanted, strict=True):
        opened = torch.sigmoid(given)
        common = (opened * target).sum((1, 2, 3))
        dice = 1 - (2 * common + 1) / (opened.sum((1, 2, 3)) + target.sum((1, 2, 3)) + 1)
        terms.append(F.binary_cross_entropy_with_logits(given, target) + 0.5 * dice.mean())
    return torch.stack(terms).mean()


class UniversalTraining:
    """The loss of a step: faces, targets, shifts and masks."""

    def __init__(
        self,
        preview: PreviewGenerator,
        parser: Parser,
        space: ClipSpace,
        targets: EditTargets,
        settings: UniversalSettings,
    ):
        self.preview, self.parser, self.space = preview, parser, space
        self.targets, self.settings = targets, settings

    def loss(self, network: MCANetwork, rng: np.random.Generator) -> dict[str, Tensor]:
        """Terms and their sum, mean over the faces of a step."""
        codes = self.settings.sampler.draw(self.preview, self.settings.faces, rng)
        terms = [self._face(network, code[None], rng) for code in codes]
        return {name: torch.stack([term[name] for term in terms]).mean() for name in terms[0]}

    def _face(self, network: MCANetwork, code: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        s, face = self.settings, see(self.preview, self.parser, code)
        targets = [
            *self.targets.attributes(face, s.attributes, s.masked_attributes, rng),
            *self.targets.eyeshadows(face, s.eyeshadows, 1, rng),
            *self.targets.colours(face, s.masked, s.unmasked, rng),
        ]
        text = self.space.text_codes([target.text for target in targets])
        t_w, delta = network(code.expand(len(targets), -1, -1), text)
        terms = {
            "attributes": s.attribute_weight * self._shift(delta, targets, colours=False),
            "colours": self._shift(delta, targets, colours=True),
        }
        if isinstance(network.coral, CoralMasks):
            terms["masks"] = s.mask_weight * self._masks(network.coral, face, t_w, targets)
        return {**terms, "loss": torch.stack(list(terms.values())).sum()}

    @staticmethod
    def _shift(delta: Tensor, targets: Sequence[EditTarget], colours: bool) -> Tensor:
        chosen = {
            n: target.delta
            for n, target in enumerate(targets)
            if bool(target.part) == colours and target.delta is not None
        }
        return shift_loss(delta[list(chosen)], torch.stack(list(chosen.values())))

    def _masks(self, coral: CoralMasks, face: SeenFace, t_w: Tensor, targets: Sequence[EditTarget]) -> Tensor:
        chosen = [n for n, target in enumerate(targets) if target.mask is not None]
        logits = coral.logits(face.made.features, t_w[chosen])
        region = torch.cat([target.mask for target in targets if target.mask is not None])
        return mask_loss(logits[:-1], layer_masks(self.preview, region)[:-1])


def train_universal(
    training: UniversalTraining, full: MobileStyleGAN, out: Path, minutes: float, before: MCANetwork | None = None
) -> tuple[MCANetwork, int]:
    """Train the network, or continue in the run folder `out`; returns it with averaged weights, and the steps.

    Args:
        before: a network of the same structure to begin as.
    """
    settings = training.settings
    torch.manual_seed(settings.seed)
    network = MCANetwork(full.layers, settings.network)
    if before is not None:
        network.load_state_dict(before.state_dict())
    loop_settings = LoopSettings(settings.steps, minutes, settings.seed, ema=settings.ema, warmup=50)
    loop = TrainingLoop(network, _optimizer(network, settings), loop_settings, out, asdict(settings))
    loop.run(lambda _, rng: training.loss(network, rng))
    network.load_state_dict(loop.averaged_state())
    if isinstance(network.coral, CoralMasks):
        fit_upper(training, network, full)
    return network.requires_grad_(False).eval(), loop.step


def _optimizer(network: MCANetwork, settings: UniversalSettings) -> torch.optim.Optimizer:
    groups = parameter_groups(network, settings.lr, settings.mapper_lr_factor)
    return torch.optim.AdamW(groups, settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay)


def fit_upper(training: UniversalTraining, network: MCANetwork, full: MobileStyleGAN) -> None:
    """Train the mask nets above the preview on the masks below them, on full-size faces and drawn targets."""
    settings, rng = training.settings, np.random.default_rng(training.settings.seed)
    top = len(training.preview.layers) - 1

    def texts(code: Tensor) -> TextCode:
        face = see(training.preview, training.parser, code)
        masked = settings.masked_attributes
        targets = [
            *training.targets.colours(face, settings.masked, 0, rng),
            *training.targets.attributes(face, masked, masked, rng),
            *training.targets.eyeshadows(face, 1, 1, rng),
        ]
        return training.space.text_codes([target.text for target in targets])

    codes = settings.sampler.draw(full, settings.upper_faces, rng)
    learn_full_size_masks(network, full, codes, texts, top)
