"""Every preset and method trains: 40 steps at the full rate explode neither the rows nor the loss."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mcaclip.config import STACKS
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import MCAConfig, MCANetwork
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig
from mcaclip.loading import GeneratorPair
from mcaclip.types import TextCode
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToyIdentity, ToyParser, ToySpace
from train.cli.prompt import Options
from train.methods.deltaedit import DeltaSettings, train_deltaedit
from train.prompt.objective import PromptObjective, Target
from train.prompt.presets import PRESETS, RECIPES, settings_for, with_fusion
from train.prompt.prompt import FitRun, fit_prompts
from train.universal.universal import UniversalSettings, shift_loss, train_universal

STEPS = 40
"""The warm-up takes 20 of them; the cosine, over all the preset's steps, has hardly begun at their end."""
CASES = [(preset, method, None) for preset in ("paper", "compact") for method in RECIPES]
CASES += [("words", "mca", None), ("compact", "mca", "paper"), ("paper", "mca", "tokens")]
"""Preset, method, `--fusion`. `words` has the weights of its losses to itself, so one method stands for all there."""
LARGEST_ROW = 100.0
"""Of t_w, as root mean square; it starts between 1 and 4."""


class EnoughError(Exception):
    """Ends a run."""


class Watch:
    """What a run shows at every step: the size of t_w, how undecided the masks are (0 to 0.25), and the loss."""

    def __init__(self) -> None:
        self.rows: list[float] = []
        self.masks: list[float] = []
        self.losses: list[float] = []

    def look_at(self, network: MCANetwork) -> None:
        if not self.losses:
            network.fusion.register_forward_hook(self._note_rows)
            network.coral.register_forward_hook(self._note_masks)

    def _note_rows(self, module: nn.Module, inputs: object, t_w: Tensor) -> None:
        self.rows.append(float(t_w.detach().square().mean().sqrt()))

    def _note_masks(self, module: nn.Module, inputs: object, masks: list[Tensor]) -> None:
        self.masks += [float((mask.detach() * (1 - mask.detach())).mean()) for mask in masks]

    def check(self) -> None:
        assert len(self.losses) == STEPS and all(math.isfinite(loss) for loss in self.losses)
        assert max(self.rows) < LARGEST_ROW
        assert np.mean(self.losses[-10:]) < max(self.losses)


class WatchedObjective(PromptObjective):
    """The objective of a toy world."""

    def __init__(self, preset: str, method: str, fusion: Literal["paper", "tokens"] | None) -> None:
        settings = settings_for(method, preset)
        if fusion:
            settings = with_fusion(settings, fusion)
        torch.manual_seed(0)
        judges = (ToyGenerator(), ToySpace(), ToyIdentity(), ToyParser())
        super().__init__(
            *judges, ["green lipstick"], replace(settings, network=slim(settings.network), views=1, batch=1)
        )
        self.watch = Watch()

    def __call__(
        self, network: MCANetwork, codes: Tensor, targets: Sequence[Target], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        self.watch.look_at(network)
        terms = super().__call__(network, codes, targets, rng)
        self.watch.losses.append(terms["loss"].item())
        return terms

    def stop(self, share: float) -> None:
        if round(share * self.settings.steps) >= STEPS:
            raise EnoughError


def slim(config: MCAConfig) -> MCAConfig:
    """The same structure with narrower or fewer layers, as fast as a test has to be."""
    fusion = config.fusion
    if isinstance(fusion, FeatureFusionConfig):
        fusion = replace(fusion, heads=2, attention_dim=32, feedforward_dim=32)
    elif isinstance(fusion, TextEmbeddingConfig):
        fusion = replace(fusion, num_layers=1)
    return replace(config, fusion=fusion, mapper_layers=2)


@pytest.mark.parametrize(("preset", "method", "fusion"), CASES)
def test_a_method_of_a_preset_trains(preset, method, fusion, tmp_path, monkeypatch):
    monkeypatch.setattr("train.prompt.objective.FINE_MASK", ToyGenerator.image_size)
    objective = WatchedObjective(preset, method, fusion)
    with pytest.raises(EnoughError):
        fit_prompts(objective, objective.generator, FitRun(tmp_path, method=method, progress=objective.stop))
    objective.watch.check()
    if preset == "paper":  # elsewhere the larger weight of the area may close masks by itself
        assert min(objective.watch.masks, default=1) > 0.01, "a mask that is 0 or 1 everywhere learns no more"


def test_every_preset_is_tried():
    assert {preset for preset, *_ in CASES} == set(PRESETS)


def test_words_alone_know_neither_parts_nor_colours():
    settings = settings_for("mca", "words")
    assert not settings.weights.uses_parser_losses and not settings.agreement.colour


def test_a_fit_may_have_another_seed():
    one, other = (Options(prompts=("green lipstick",), seed=seed).settings(STACKS["compact"]) for seed in (None, 3))
    assert other == replace(one, seed=3) != one


class ToyTargets:
    """The universal network's loss on shifts that are drawn."""

    def __init__(self) -> None:
        settings = UniversalSettings()
        self.settings, self.watch = replace(settings, network=slim(settings.network)), Watch()

    def loss(self, network: MCANetwork, rng: np.random.Generator) -> dict[str, Tensor]:
        if len(self.watch.losses) == STEPS:
            raise EnoughError
        self.watch.look_at(network)
        codes, wanted = (torch.from_numpy(rng.standard_normal((4, 18, 512))).float() for _ in range(2))
        loss = shift_loss(network(codes, TextCode.stack([ToySpace().text_code("green hair")] * 4))[1], wanted)
        self.watch.losses.append(loss.item())
        return {"loss": loss}


def test_the_universal_network_trains(tmp_path):
    targets = ToyTargets()
    with pytest.raises(EnoughError):
        train_universal(targets, ToyGenerator(), tmp_path, 1e9)
    targets.watch.check()


def test_deltaedit_trains(tmp_path):
    torch.manual_seed(0)
    pair = GeneratorPair(ToyGenerator(), ToyGenerator())
    train_deltaedit(pair, ToySpace(16), DeltaSettings(faces=40, steps=STEPS, layers=2), tmp_path)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert all(math.isfinite(loss) for loss in losses) and losses[-1] < losses[0]
