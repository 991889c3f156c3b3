"""The objective of `train prompt` on a toy world: every term is there, extras are switches, steps lower the loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mcaclip.editing.coral import MaskConfig
from mcaclip.editing.mca import MCANetwork
from mcaclip.errors import PromptError
from mcaclip.losses import PAPER_LOSS_WEIGHTS
from train.augment import random_views
from train.faces import CodeSampler
from train.loop import LoopSettings, TrainingLoop
from train.prompt import COMPACT_PRESET, PAPER_PRESET, PromptObjective, check_prompts

PAPER_TERMS = {"id", "l2", "nce", "area", "tv", "bg"}


@pytest.fixture(scope="module")
def objective(request):
    preview, parser, space = (request.getfixturevalue(name) for name in ("preview", "parser", "space"))
    from train.setup import load_identity

    settings = replace(COMPACT_PRESET, views=1, batch=1)
    return PromptObjective(preview, space, load_identity(), parser, ["green lipstick"], settings)


def codes(objective: PromptObjective, seed: int = 0) -> torch.Tensor:
    return CodeSampler(psi=(0.7, 0.7), mix=0, jitter=0).draw(objective.generator, 1, np.random.default_rng(seed))


def test_compact_preset_has_the_papers_terms_and_the_extras(objective):
    network = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    terms = objective(network, codes(objective), objective.targets, np.random.default_rng(0))
    assert set(terms) == PAPER_TERMS | {"region", "colour", "preserve", "loss"}
    total = sum(value for name, value in terms.items() if name != "loss")
    torch.testing.assert_close(terms["loss"], total)


def test_paper_weights_leave_the_papers_six_terms_alone(objective):
    paper = PromptObjective(
        objective.generator, objective.space, objective.identity, objective.parser, ["green lipstick"],
        replace(PAPER_PRESET, views=1, batch=1, network=COMPACT_PRESET.network),
    )  # fmt: skip
    assert paper.targets[0].negatives is None
    network = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    assert set(paper(network, codes(paper), paper.targets, np.random.default_rng(0))) == PAPER_TERMS | {"loss"}
    assert PAPER_PRESET.weights == PAPER_LOSS_WEIGHTS
    assert PAPER_PRESET.network.masks == MaskConfig(text_dim=0, cascade=False)


def test_prompts_outside_the_vocabulary_have_no_second_witness(objective):
    free = PromptObjective(
        objective.generator,
        objective.space,
        objective.identity,
        objective.parser,
        ["a zombie"],
        objective.settings,
    )
    network = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    assert set(free(network, codes(free), free.targets, np.random.default_rng(0))) == PAPER_TERMS | {"loss"}


def test_training_steps_lower_the_loss(objective, tmp_path):
    torch.manual_seed(0)
    network = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    loop = TrainingLoop(network, optimizer, LoopSettings(12, log_every=1), tmp_path, {})
    face, seen = codes(objective), []

    def step(_: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        terms = objective(network, face, objective.targets, np.random.default_rng(0))
        seen.append(float(terms["loss"].detach()))
        return terms

    loop.run(step)
    assert seen[-1] < seen[0]


def test_views_are_differentiable_and_differ():
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    views = random_views(images, 3, np.random.default_rng(0))
    assert views.shape == (6, 3, 32, 32)
    assert not torch.allclose(views[0], views[1])
    views[:3].sum().backward()
    assert images.grad[0].abs().sum() > 0 and images.grad[1].abs().sum() == 0


@pytest.mark.parametrize("prompts", [[], [""], ["   "], ["x" * 201]])
def test_bad_prompts_are_refused(prompts):
    with pytest.raises(PromptError, match="1 to 200 characters"):
        check_prompts(prompts)
