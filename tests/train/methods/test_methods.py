"""One trainer for all methods: each has the losses and the parts that its source names, and is fitted to a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mcaclip.editing.network.coral import CoralMasks
from mcaclip.editing.network.feature_fusion import FeatureFusion
from mcaclip.editing.network.mca import MCANetwork, load_network, read_header
from mcaclip.editing.network.no_text import NoMasks, StyleOnly
from mcaclip.editing.network.text_embedding import TextEmbeddingModule
from mcaclip.errors import TrainingError
from mcaclip.methods.base import METHODS
from mcaclip.methods.losses import clip_loss
from mcaclip.nn.equal_linear import EqualLinear
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToyIdentity, ToyParser, ToySpace
from train.__main__ import read
from train.common.faces import RealCodes
from train.common.network import parameter_groups
from train.prompt.objective import PromptObjective
from train.prompt.presets import COMPACT_PRESET, PAPER_PRESET, RECIPES, settings_for, shortened, with_fusion
from train.prompt.prompt import FitRun, check_words_are_seen, fit_prompts

PROMPT = "green lipstick"
SMALL = replace(PAPER_PRESET, network=replace(TINY, first_row=0, last_row=17), views=1, batch=2, steps=2)
PARTS = {
    "mca": (FeatureFusion, CoralMasks, {"id", "l2", "nce", "area", "tv", "bg"}),
    "mca-without-ff": (TextEmbeddingModule, CoralMasks, {"id", "l2", "nce", "area", "tv", "bg"}),
    "mca-without-pre": (FeatureFusion, NoMasks, {"id", "l2", "nce", "bg"}),
    "cf-clip": (TextEmbeddingModule, NoMasks, {"id", "l2", "nce"}),
    "styleclip-mapper": (StyleOnly, NoMasks, {"id", "l2", "clip"}),
    "coralstyleclip": (StyleOnly, CoralMasks, {"id", "l2", "clip", "area", "tv"}),
}


def objective_for(method: str) -> PromptObjective:
    torch.manual_seed(0)
    settings = RECIPES[method](SMALL)
    return PromptObjective(ToyGenerator(), ToySpace(), ToyIdentity(), ToyParser(), [PROMPT], settings)


@pytest.mark.parametrize("method", PARTS)
def test_each_method_has_the_parts_and_the_losses_of_its_source(method):
    objective = objective_for(method)
    settings, (fusion, masks, terms) = objective.settings, PARTS[method]
    network = MCANetwork(objective.generator.layers, settings.network)
    assert type(network.fusion) is fusion and type(network.coral) is masks
    rng = np.random.default_rng(0)
    codes = settings.sampler.draw(objective.generator, 2, rng)
    found = objective(network, codes, objective.targets * 2, rng)
    assert set(found) == terms | {"loss"}
    torch.testing.assert_close(found["loss"], sum(found[name] for name in terms))
    found["loss"].backward()
    for part in (network.fusion, network.mapper, network.coral):
        weights = list(part.parameters())
        assert not weights or any(w.grad is not None and w.grad.abs().sum() > 0 for w in weights)


@pytest.mark.parametrize("method", ["cf-clip", "coralstyleclip"])
def test_a_fit_ends_in_a_file_of_its_method(method, tmp_path):
    objective, shares = objective_for(method), []
    run = FitRun(tmp_path, sheet_every=0, method=method, progress=shares.append)
    path = fit_prompts(objective, objective.generator, run)
    assert read_header(path).method == method and shares == [0.0, 0.5]
    network, prompts, _ = load_network(path)
    assert list(prompts) == [PROMPT] and network.config == objective.settings.network


def test_a_fit_on_real_codes_sees_them_alone_and_goes_on_with_the_same_file_only(tmp_path):
    objective, seen = objective_for("cf-clip"), []
    real = RealCodes(torch.randn(1, 18, 512), "a" * 64)
    edit = objective.edit
    objective.edit = lambda network, codes, targets: seen.append(codes) or edit(network, codes, targets)
    run = FitRun(tmp_path, sheet_every=0, method="cf-clip", real=real)
    fit_prompts(objective, objective.generator, run)
    assert seen and all(torch.equal(codes, real.codes.expand_as(codes)) for codes in seen)
    with pytest.raises(TrainingError, match="other settings"):
        fit_prompts(objective, objective.generator, replace(run, real=replace(real, sha256="b" * 64)))


def test_published_weights_of_the_losses():
    weights = {name: settings_for(name, "paper").weights for name in RECIPES}
    assert (weights["styleclip-mapper"].clip, weights["styleclip-mapper"].id, weights["styleclip-mapper"].l2) == (
        1.0, 0.1, 0.8
    )  # fmt: skip
    assert (weights["cf-clip"].nce, weights["cf-clip"].id, weights["cf-clip"].l2) == (0.3, 0.2, 0.8)
    assert weights["mca"] == PAPER_PRESET.weights
    assert (weights["coralstyleclip"].area, weights["coralstyleclip"].tv) == (2e-5, 3e-5)


def test_only_mca_and_its_ablations_keep_the_extras_of_the_compact_preset():
    for name in RECIPES:
        settings = settings_for(name, "compact")
        extras = settings.weights.colour > 0 and settings.weights.preserve > 0 and settings.hard_negatives
        assert extras == name.startswith("mca")
        assert (settings.steps, settings.batch, settings.sampler) == (
            COMPACT_PRESET.steps, COMPACT_PRESET.batch, COMPACT_PRESET.sampler
        )  # fmt: skip
        assert not settings_for(name, "words").weights.uses_parser_losses
    assert settings_for("mca-without-pre", "compact").weights.region == 0, "there is no mask to shape"


def test_the_text_module_learns_with_the_mappers_rate():
    settings = RECIPES["cf-clip"](SMALL)
    network = MCANetwork(ToyGenerator.layers, settings.network)
    others, equalised = parameter_groups(network, settings.lr, settings.mapper_lr_factor)
    assert not others["params"] and equalised["lr"] == pytest.approx(0.5), "the published rate"
    assert len(equalised["params"]) == len(list(network.parameters()))


def test_only_equalised_layers_learn_at_the_published_rate():
    network = MCANetwork(ToyGenerator.layers, SMALL.network)
    plain, equalised = parameter_groups(network, PAPER_PRESET.lr, PAPER_PRESET.mapper_lr_factor)
    assert (plain["lr"], equalised["lr"]) == (1e-3, pytest.approx(0.5))
    assert set(equalised["params"]) == set(network.mapper.parameters())
    assert {*network.fusion.parameters(), *network.coral.parameters()} == set(plain["params"])


def test_an_equalised_layers_rate_follows_its_multiplier():
    """A step of Adam's sign moves what two layers compute by the same, whatever they store."""
    moved = []
    for lr_mul in (1.0, 0.01):
        torch.manual_seed(0)
        layer = EqualLinear(8, 4, lr_mul=lr_mul)
        x = torch.randn(16, 8)
        before = layer(x)
        optimizer = torch.optim.Adam(parameter_groups(layer, 1e-3, 5.0), eps=0.0)
        layer(x).sum().backward()
        optimizer.step()
        moved.append(layer(x) - before)
    torch.testing.assert_close(moved[0], moved[1], atol=1e-5, rtol=1e-3)


def test_unknown_methods_presets_and_fusions_are_refused():
    for words in (("magic", "paper"), ("mca", "huge")):
        with pytest.raises(TrainingError, match="choose"):
            settings_for(*words)
    with pytest.raises(TrainingError, match="no Feature Fusion"):
        with_fusion(settings_for("cf-clip", "paper"), "tokens")
    assert with_fusion(settings_for("mca", "paper"), "tokens").network.fusion.layer_norm


@pytest.mark.parametrize("method", ["styleclip-mapper", "coralstyleclip"])
def test_a_network_that_does_not_see_the_words_learns_one_prompt_a_run(method):
    settings = settings_for(method, "compact")
    check_words_are_seen(settings, ["green hair", "green hair"], method)
    check_words_are_seen(settings_for("cf-clip", "compact"), ["green hair", "red hair"], "cf-clip")
    with pytest.raises(TrainingError, match="does not see the words"):
        check_words_are_seen(settings, ["green hair", "red hair"], method)


def test_a_short_fit_cuts_its_late_stages_too():
    settings = shortened(settings_for("mca", "compact"), 5)
    assert (settings.steps, settings.agreement.steps, settings.upper_mask_faces) == (5, 5, 5)
    assert shortened(settings_for("mca", "compact"), 10**6).agreement == COMPACT_PRESET.agreement


def test_clip_loss_is_nothing_only_in_the_words_direction():
    text = torch.randn(3, 8)
    assert clip_loss(2 * text, text) == pytest.approx(0, abs=1e-6)
    assert clip_loss(-text, text) == pytest.approx(2)


def test_the_recipes_are_the_methods_that_need_a_network_a_prompt():
    assert set(RECIPES) == {name for name, info in METHODS.items() if info.needs == "prompt"}


@pytest.mark.parametrize(
    ("words", "method"),
    [(["--without-ff"], "mca-without-ff"), (["--without-pre"], "mca-without-pre"), ([], "mca")],
)
def test_the_papers_ablations_are_switches(words, method):
    _, options = read(["prompt", "green lipstick", *words])
    assert options.chosen_method == method
