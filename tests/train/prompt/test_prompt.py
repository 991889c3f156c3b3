"""The objective of `train prompt` on a toy world: every term is there, extras are switches, steps lower the loss."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mcaclip.config import STACKS
from mcaclip.editing.network.coral import MaskConfig
from mcaclip.editing.network.mca import MCANetwork, read_header, save_network
from mcaclip.editing.universal import UniversalEdit
from mcaclip.errors import PromptError, StudioError, TrainingError
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.colour import lab_of, srgb_to_lab
from mcaclip.language.grammar import Meaning
from mcaclip.methods.losses import PAPER_LOSS_WEIGHTS
from mcaclip.perception.parsing_head import PARSED_LAYERS
from mcaclip.perception.regions import region
from tests.editing.network.test_mca import TINY
from train.cli.prompt import Options
from train.common.augment import random_views
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.common.network import default_start, new_network
from train.prompt.exemplar import paint_exemplar
from train.prompt.objective import PromptObjective
from train.prompt.presets import COMPACT_PRESET, PAPER_PRESET, PromptSettings
from train.prompt.prompt import FitRun, check_prompts, fit_prompts

PAPER_TERMS = {"id", "l2", "nce", "area", "tv", "bg"}


@pytest.fixture(scope="module")
def objective(request):
    preview, parser, space = (request.getfixturevalue(name) for name in ("preview", "parser", "space"))
    from train.common.setup import load_identity

    settings = replace(COMPACT_PRESET, views=1, batch=1)
    return PromptObjective(preview, space, load_identity(), parser, ["green lipstick"], settings)


def codes(objective: PromptObjective, seed: int = 0) -> torch.Tensor:
    return CodeSampler(psi=(0.7, 0.7), mix=0, jitter=0).draw(objective.generator, 1, np.random.default_rng(seed))


def terms_of(objective: PromptObjective) -> dict[str, torch.Tensor]:
    network = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    return objective(network, codes(objective), objective.targets, np.random.default_rng(0))


def other(objective: PromptObjective, prompt: str, settings: PromptSettings) -> PromptObjective:
    return PromptObjective(
        objective.generator, objective.space, objective.identity, objective.parser, [prompt], settings
    )


def test_compact_preset_has_the_papers_terms_and_the_extras(objective):
    terms = terms_of(objective)
    assert set(terms) == PAPER_TERMS | {"region", "colour", "preserve", "exemplar", "loss"}
    torch.testing.assert_close(terms["loss"], sum(value for name, value in terms.items() if name != "loss"))


def test_paper_weights_leave_the_papers_six_terms_alone(objective):
    settings = replace(PAPER_PRESET, views=1, batch=1, network=COMPACT_PRESET.network)
    paper = other(objective, "green lipstick", settings)
    assert paper.targets[0].negatives is None
    assert set(terms_of(paper)) == PAPER_TERMS | {"loss"}
    assert PAPER_PRESET.weights == PAPER_LOSS_WEIGHTS
    assert PAPER_PRESET.network.masks == MaskConfig(text_dim=0, cascade=False)


def test_prompts_outside_the_vocabulary_have_no_extras(objective):
    assert set(terms_of(other(objective, "a zombie", objective.settings))) == PAPER_TERMS | {"loss"}


def test_training_steps_lower_the_loss(objective, tmp_path):
    torch.manual_seed(0)
    network = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    loop = TrainingLoop(network, optimizer, LoopSettings(3, log_every=1), tmp_path, {})
    face = codes(objective)
    loop.run(lambda *_: objective(network, face, objective.targets, np.random.default_rng(0)))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]


def test_exemplar_is_the_same_face_with_the_part_painted(objective, parser):
    code = codes(objective)
    made = synthesize(objective.generator, code, keep=PARSED_LAYERS)
    part = region(parser.probabilities(made.features), "hair")
    painted = paint_exemplar(objective.generator, code, made.image, part, Meaning("hair", "purple"), None)
    lab = srgb_to_lab(painted)[0][:, part[0, 0] > 0.9]
    before = srgb_to_lab(made.image)[0][:, part[0, 0] > 0.9]
    target = lab_of("purple")
    assert (lab.mean(1) - target).norm() < 0.5 * (before.mean(1) - target).norm()
    assert torch.corrcoef(torch.stack([lab[0], before[0]]))[0, 1] > 0.9, "strands stay strands"
    outside = (part < 1e-3).expand_as(painted)
    torch.testing.assert_close(painted[outside], made.image.clamp(-1, 1)[outside], atol=1e-3, rtol=0)


def test_a_goatee_is_grown_where_a_direction_is_given(objective, parser):
    code = codes(objective)
    made = synthesize(objective.generator, code, keep=PARSED_LAYERS)
    part = region(parser.probabilities(made.features), "goatee")
    meaning, direction = Meaning("goatee", "blue"), torch.randn(18, 512) * 0.05
    painted, grown = (
        paint_exemplar(objective.generator, code, made.image, part, meaning, beard) for beard in (None, direction)
    )
    assert not torch.allclose(painted, grown, atol=1e-2)


def test_a_network_of_another_structure_is_no_start(objective, tmp_path):
    layers = objective.generator.full.layers
    save_network(MCANetwork(layers, replace(TINY, masks=None)), tmp_path / "edit.safetensors", {}, {})
    with pytest.raises(TrainingError, match="another structure"):
        run = FitRun(tmp_path / "run", start_from=tmp_path / "edit.safetensors")
        fit_prompts(objective, objective.generator.full, run)


def test_a_fit_through_the_preview_alone_has_no_stage_at_full_size(objective, tmp_path, monkeypatch):
    for stage in ("fit_full_size_rows", "learn_full_size_masks"):
        monkeypatch.setattr(f"train.prompt.prompt.{stage}", None)
    settings = Options(prompts=("green lipstick",), preview_only=True, steps=1, batch=1).settings(STACKS["compact"])
    short = other(objective, "green lipstick", replace(settings, views=1))
    path = fit_prompts(short, objective.generator.full, FitRun(tmp_path, sheet_every=0))
    assert list(read_header(path).prompts) == ["green lipstick"]


def test_views_are_differentiable_and_differ():
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    views = random_views(images, 3, np.random.default_rng(0))
    assert views.shape == (6, 3, 32, 32)
    assert not torch.allclose(views[0], views[1])
    views[:3].sum().backward()
    assert images.grad[0].abs().sum() > 0 and images.grad[1].abs().sum() == 0


def test_a_view_is_surrounded_as_its_space_wants_it():
    white = torch.ones(1, 1, 64, 64)
    grey, mirrored = (random_views(white, 400, np.random.default_rng(0), kind) for kind in ("zeros", "reflection"))
    assert set(grey.round().unique().tolist()) == {0.0, 1.0} and mirrored.min() > 0.999
    assert (grey < 0.5).float().mean() == pytest.approx(0.45, abs=0.02), "as with torchvision's"


@pytest.mark.parametrize("prompts", [[], [""], ["   "], ["x" * 201], ["green lipstick", "зелёная помада"], ["😀"]])
def test_bad_prompts_are_refused(prompts):
    with pytest.raises(PromptError, match='for instance "green lipstick"'):
        check_prompts(prompts)


def test_a_fit_takes_the_sizes_of_the_network_it_starts_from(objective, tmp_path):
    layers = objective.generator.full.layers
    wide = replace(COMPACT_PRESET.network, masks=MaskConfig(hidden=5, text_dim=512, cascade=True), mapper_layers=1)
    start = MCANetwork(layers, wide)
    save_network(start, tmp_path / "wide.safetensors", {}, {})
    network = new_network(objective.generator.full, COMPACT_PRESET.network, tmp_path / "wide.safetensors")
    assert network.config == wide
    torch.testing.assert_close(network.coral.final.reduce.weight, start.coral.final.reduce.weight, atol=1e-3, rtol=0)


def test_start_with_weights_that_are_no_numbers_is_named(objective, tmp_path):
    start = MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network)
    next(start.parameters()).data.fill_(float("nan"))
    save_network(start, tmp_path / "nan.safetensors", {}, {})
    with pytest.raises(StudioError, match=r"nan.safetensors holds values that are no numbers"):
        new_network(objective.generator.full, COMPACT_PRESET.network, tmp_path / "nan.safetensors")


def test_only_a_network_of_the_same_kind_is_a_default_start(objective, tmp_path, monkeypatch):
    path = tmp_path / "universal.safetensors"
    save_network(MCANetwork(objective.generator.full.layers, COMPACT_PRESET.network), path, {}, {})
    monkeypatch.setattr("train.common.network.universal_of", lambda *_: UniversalEdit(path=path))
    generator, stack = objective.generator.full, STACKS["compact"]
    assert default_start(stack, generator, COMPACT_PRESET.network) == path
    assert default_start(stack, generator, replace(COMPACT_PRESET.network, masks=None)) is None
    assert default_start(stack, generator, PAPER_PRESET.network) is None
