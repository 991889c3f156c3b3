"""Every method of the family on a toy generator: what it needs, what it returns, its message when it is not ready."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
import torch
import torch.nn.functional as F

from mcaclip.config import STACKS
from mcaclip.editing.library import collect
from mcaclip.editing.network.coral import CoralMasks, MaskConfig
from mcaclip.editing.network.mca import MCAConfig, MCANetwork, read_header, save_network
from mcaclip.editing.network.no_text import StyleOnlyConfig
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import MISSING, UniversalEdit
from mcaclip.errors import PromptError, StudioError, WeightsError
from mcaclip.generators.style_space import convolution_channels, style_size
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.base import METHODS, MethodContext, fit_command
from mcaclip.methods.delta_mapper import DeltaMapper, delta_config, load_delta, save_delta
from mcaclip.methods.global_direction import ALPHA, style_direction, text_change
from mcaclip.methods.optimisation import highest_rate, pace
from mcaclip.methods.registry import build_methods, check_names, file_kind, method_context
from mcaclip.methods.style_table import StyleTable, load_table, save_table
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.faces import face_of
from tests.helpers.toy_editor import ToyEditor, fitted_edit
from tests.helpers.toy_space import ToyIdentity, ToySpace

PROMPT = "green lipstick"
SMALL_TEXT = TextEmbeddingConfig(num_layers=1, lr_mul=1.0)
NETWORKS: dict[str, MCAConfig] = {
    "mca": TINY,
    "mca-without-ff": replace(TINY, fusion=SMALL_TEXT),
    "mca-without-pre": replace(TINY, masks=None),
    "cf-clip": replace(TINY, fusion=SMALL_TEXT, masks=None),
    "styleclip-mapper": replace(TINY, fusion=StyleOnlyConfig(), masks=None),
    "coralstyleclip": replace(TINY, fusion=StyleOnlyConfig(), masks=MaskConfig()),
}
UNIVERSAL_CONFIG = replace(TINY, first_row=0, masks=replace(TINY.masks, text_dim=512))
DIRECTION = F.normalize(text_change(ToySpace(), PROMPT), dim=0)
MASKED = {"mca", "mca-without-ff", "coralstyleclip"}


@pytest.fixture(scope="module")
def tools(tmp_path_factory) -> MethodContext:
    """A toy stack with weights for every method."""
    torch.manual_seed(0)
    folder, generator = tmp_path_factory.mktemp("weights"), ToyGenerator()
    networks = {name: MCANetwork(generator.layers, config).requires_grad_(False) for name, config in NETWORKS.items()}
    universal = MCANetwork(generator.layers, UNIVERSAL_CONFIG).requires_grad_(False)
    size = style_size(generator)
    relevance = F.normalize(torch.randn(size, 512), dim=1)
    relevance = torch.cat([DIRECTION[None], relevance[1:]])
    table = StyleTable(relevance, torch.ones(size), "toy", "toy", 2)
    save_table(table, folder / "table.safetensors")
    model = DeltaMapper(delta_config(generator, 512, layers=2))
    save_delta(model, folder / "delta.safetensors", "toy", "toy", {})
    return MethodContext(
        generator, generator, ToySpace(), ToyIdentity(), STACKS["compact"], torch.device("cpu"),
        {name: {PROMPT: fitted_edit(network, PROMPT)} for name, network in networks.items()},
        {"styleclip-global": folder / "table.safetensors", "deltaedit": folder / "delta.safetensors"},
        optimisation_steps=4, universal=UniversalEdit(lambda: universal),
    )  # fmt: skip


def save_fitted(
    path: Path, network: MCANetwork, method: str, prompt: str = PROMPT, generator="mobilestylegan"
) -> Path:
    """Saves a network that is fitted to one prompt for a method."""
    save_network(network, path, {prompt: {}}, {prompt: ToySpace().text_code(prompt)}, generator, "FaceCLIP", method)
    return path


@pytest.fixture
def code() -> torch.Tensor:
    return torch.randn(18, 512)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_edits_and_reports(tools, code, name):
    (method,) = build_methods(tools, [name])
    assert method.name == name and method.ready(PROMPT)
    steps = []
    made = method.edit(face_of(tools.generator, code), PROMPT, callback=lambda step: steps.append(step.fraction))
    source = synthesize(tools.generator, code[None]).image[0].clamp(-1, 1)
    assert torch.equal(made.source, source)
    assert made.image.shape == source.shape and not torch.allclose(made.image, source)
    assert len(made.masks) == (5 if name in {*MASKED, "mca-universal"} else 0)
    assert (made.delta_w is None) == (name in ("styleclip-global", "deltaedit"))
    assert (made.delta_s is None) != (made.delta_w is None)
    assert made.seconds > 0 and steps == sorted(steps) and steps


@pytest.mark.parametrize("name", METHODS)
def test_strength_0_gives_the_source(tools, code, name):
    (method,) = build_methods(tools, [name])
    made = method.edit(face_of(tools.generator, code), PROMPT, strength=0.0)
    assert torch.equal(made.image, made.source)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_without_weights_names_the_command_that_makes_them(tools, code, name):
    (method,) = build_methods(replace(tools, libraries={}, files={}, universal=UniversalEdit()), [name])
    command = method.how_to_fit(PROMPT)
    assert (METHODS[name].needs == "nothing") == (not command)
    if not command:
        assert method.ready(PROMPT)
        return
    assert not method.ready(PROMPT)
    for attempt in (partial(method.edit, face_of(tools.generator, code)), method.fit):
        with pytest.raises(PromptError) as caught:
            attempt(PROMPT)
        assert command in str(caught.value)


def test_commands_carry_the_prompt_the_method_and_the_stack():
    assert fit_command("cf-clip", PROMPT, STACKS["paper"]) == (
        'python -m train prompt "green lipstick" --method cf-clip --stack paper'
    )
    assert fit_command("deltaedit", PROMPT, STACKS["compact"]) == "python -m train deltaedit"
    assert fit_command("styleclip-optimisation", PROMPT, STACKS["compact"]) == ""


def test_commands_are_understood_by_the_training_package():
    from train.__main__ import read
    from train.cli.prompt import Method
    from train.prompt.presets import RECIPES

    assert set(get_args(Method)) == set(RECIPES) == {n for n, info in METHODS.items() if info.needs == "prompt"}
    for name, info in METHODS.items():
        if info.needs == "nothing":
            continue
        words = fit_command(name, "hat", STACKS["paper"]).replace('"', "").split()[3:]
        _, options = read(words)
        assert getattr(options, "stack", "") == ("paper" if info.any_stack else "")
        if info.needs == "prompt":
            assert (options.prompts, options.chosen_method) == (("hat",), name)


def test_another_wording_of_the_same_change_is_found(tools, code):
    (method,) = build_methods(tools, ["cf-clip"])
    assert method.ready("Green  Lips") and not method.ready("blue hair")


def test_the_universal_method_takes_any_words_inside_its_masks(tools, code):
    (method,) = build_methods(tools, ["mca-universal"])
    hair, eyes = (method.edit(face_of(tools.generator, code), words) for words in ("purple hair", "a zombie"))
    assert not torch.equal(hair.delta_w, eyes.delta_w) and not torch.equal(hair.masks[0], eyes.masks[0])
    half = method.edit(face_of(tools.generator, code), "purple hair", 0.5)
    torch.testing.assert_close(2 * half.delta_w, hair.delta_w)
    assert all(torch.equal(a, b) for a, b in zip(half.masks, hair.masks, strict=True)), "strength moves no mask"


@pytest.mark.parametrize("problem", [MISSING, "the file was trained with other words"])
def test_a_missing_universal_network_is_explained(tools, code, problem):
    lacking = replace(tools, universal=UniversalEdit(problem=problem))
    (method,) = build_methods(lacking, ["mca-universal"])
    with pytest.raises(PromptError) as caught:
        method.edit(face_of(tools.generator, code), PROMPT)
    assert problem in str(caught.value) and str(caught.value).count("python -m train universal") == 1
    (elsewhere,) = build_methods(replace(lacking, slots=STACKS["paper"]), ["mca-universal"])
    assert elsewhere.how_to_fit(PROMPT) == ""


def test_methods_without_masks_are_plainly_the_shifted_code(tools, code):
    (method,) = build_methods(tools, ["styleclip-mapper"])
    made = method.edit(face_of(tools.generator, code), PROMPT, 0.5)
    plain = synthesize(tools.generator, (code + made.delta_w)[None]).image[0].clamp(-1, 1)
    assert torch.equal(made.image, plain)


def test_fitting_on_the_fly_makes_a_method_ready(tools, code, tmp_path):
    network = MCANetwork(tools.generator.layers, NETWORKS["cf-clip"])

    def fitter(method: str, prompt: str, callback: object):
        return save_fitted(tmp_path / "edit.safetensors", network, method, prompt)

    (method,) = build_methods(replace(tools, libraries={}, fitter=fitter), ["cf-clip"])
    assert not method.ready("a zombie")
    assert method.fit("a zombie").ready("a zombie")


@pytest.mark.parametrize("name", NETWORKS)
def test_files_keep_the_shape_and_the_method(tools, tmp_path, name):
    network = MCANetwork(tools.generator.layers, NETWORKS[name]).half().float()
    path = save_fitted(tmp_path / "edit.safetensors", network, name)
    header = read_header(path)
    assert (header.method, header.config) == (name, NETWORKS[name])
    assert isinstance(network.coral, CoralMasks) == (name in MASKED)
    assert file_kind(path) == "network"
    place = (StackFit("mobilestylegan", tools.generator.layers, "FaceCLIP"), "cpu")
    assert set(collect([path], [], *place, name)) == {PROMPT}
    other = "mca" if name != "mca" else "cf-clip"
    assert collect([path], [], *place, other) == {}
    with pytest.raises(WeightsError, match=f"the method {name}, not {other}"):
        collect([], [path], *place, other)


def test_a_style_direction_moves_the_relevant_channels_by_their_deviation():
    relevance = torch.tensor([[0.6, 0.8], [-0.3, 0.1], [0.05, 1.0]])
    table = StyleTable(relevance, torch.tensor([2.0, 4.0, 8.0]), "g", "c", 1)
    shift = style_direction(table, torch.tensor([1.0, 0.0]), beta=0.1)
    torch.testing.assert_close(shift, torch.tensor([2.0, -2.0, 0.0]))
    with pytest.raises(PromptError, match=r"the largest is 0\.600"):
        style_direction(table, torch.tensor([1.0, 0.0]), beta=0.7)


def test_global_direction_adds_alpha_times_its_shift(tools, code):
    (method,) = build_methods(tools, ["styleclip-global"])
    half, whole = (method.edit(face_of(tools.generator, code), PROMPT, strength).delta_s for strength in (0.5, 1.0))
    torch.testing.assert_close(2 * half, whole)
    assert float(whole.abs().max()) == pytest.approx(ALPHA)


def test_irrelevant_channels_stay_and_unknown_ones_may_move(tools, tmp_path):
    change, size = text_change(ToySpace(), PROMPT), style_size(tools.generator)
    relevance = torch.zeros(size, 512)
    along = change / change.square().sum()  # a row of it has a relevance of 1
    relevance[0], relevance[1], relevance[2] = along, 0.02 * along, -0.04 * along
    save_table(StyleTable(relevance, torch.ones(size), "toy", "toy", 1), tmp_path / "table.safetensors")
    face = face_of(tools.generator, torch.randn(18, 512))
    free, bound = (
        build_methods(replace(tools, files=files), ["deltaedit"])[0].edit(face, PROMPT)
        for files in (
            {"deltaedit": tools.files["deltaedit"]},
            {**tools.files, "styleclip-global": tmp_path / "table.safetensors"},
        )
    )
    moving = convolution_channels(tools.generator)
    assert bool(free.delta_s[moving].all()) and not free.delta_s.index_fill(0, moving, 0).any()
    assert bound.delta_s[1] == 0
    assert torch.equal(
        bound.delta_s.index_fill(0, torch.tensor([1]), 0), free.delta_s.index_fill(0, torch.tensor([1]), 0)
    )
    assert "3 of 24 channels is known; 23 may move" in bound.notes[0]


def test_a_model_with_its_own_relevance_needs_no_table(tools, tmp_path):
    config = replace(delta_config(tools.generator, 512, 2), relevant=24)
    model = DeltaMapper(config)
    model.relevance[3] = 1e-5
    save_delta(model, tmp_path / "delta.safetensors", "toy", "toy", {})
    assert load_delta(tmp_path / "delta.safetensors").relevance.shape == (24, 512)
    (method,) = build_methods(replace(tools, files={"deltaedit": tmp_path / "delta.safetensors"}), ["deltaedit"])
    made = method.edit(face_of(tools.generator, torch.randn(18, 512)), PROMPT)
    assert int((made.delta_s == 0).sum()) == 1 + style_size(tools.generator) - 24


def test_the_table_survives_its_file(tmp_path):
    relevance = torch.randn(3, 4).half().float() * torch.tensor([[1], [0], [1]])
    table = StyleTable(relevance, torch.rand(3), "stylegan2", "FaceCLIP", 7)
    save_table(table, tmp_path / "t.safetensors")
    loaded = load_table(tmp_path / "t.safetensors")
    assert torch.equal(loaded.relevance, relevance) and loaded.measured == 2
    assert (loaded.generator, loaded.clip, loaded.images) == ("stylegan2", "FaceCLIP", 7)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="global-directions"):
        load_table(tmp_path / "bad.safetensors")


def test_a_named_table_may_know_the_first_channels_alone_as_a_previews_does(tmp_path):
    editor, path = ToyEditor(), tmp_path / "table.safetensors"
    size = style_size(editor.models.generator)
    for known in (size - 6, size, size + 6):
        table = StyleTable(torch.ones(known, 512), torch.ones(known), "mobilestylegan", "FaceCLIP", 1)
        save_table(table, path)
        if known <= size:
            assert method_context(editor, [path]).files["styleclip-global"] == path
    with pytest.raises(WeightsError, match="another generator"):
        method_context(editor, [path])


def test_the_optimisations_rate_rises_and_falls_and_is_the_published_one_for_a_published_clip():
    assert pace(0) == 0
    assert pace(0.05) == pace(0.5) == pace(0.74) == 1 > pace(0.9) > 0.01 > pace(0.999)
    assert highest_rate("ViT-B-32-quickgelu") == 0.1 > highest_rate("FaceCLIP")


def test_optimisation_comes_nearer_to_the_words(tools, code):
    (method,) = build_methods(replace(tools, optimisation_steps=30), ["styleclip-optimisation"])
    made, text = method.edit(face_of(tools.generator, code), PROMPT), tools.space.encode_text([PROMPT])
    before, after = ((tools.space.encode_image(p[None]) @ text.T).item() for p in (made.source, made.image))
    assert after > before


def test_unknown_repeated_and_no_methods_are_refused():
    for names, words in ((["magic"], "no method 'magic'"), (["mca", "mca"], "named twice"), ([], "at least one")):
        with pytest.raises(StudioError, match=words):
            check_names(names)
