"""The paper's stack from end to end, with small random networks in its slots: fit a prompt, find it, edit with it.

StyleGAN2 has 18 rows and 1024 px but 4 channels, ArcFace 4 units, and ParseNet looks at 32 px. All wiring is real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from mcaclip import loading as stacks
from mcaclip import weights
from mcaclip.__main__ import main
from mcaclip.cli import bench
from mcaclip.config import choose
from mcaclip.editing.network.mca import PAPER_CONFIG, MCANetwork
from mcaclip.editing.render import TWIN_EDIT
from mcaclip.editing.universal import UniversalEdit
from mcaclip.editor import FaceEditor, load_editor
from mcaclip.errors import PromptError, StudioError, WeightsError
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config, StyleGAN2Preview
from mcaclip.imaging import align
from mcaclip.inversion import optimise
from mcaclip.inversion.e4e import E4EEncoder
from mcaclip.inversion.residual_fit import ResidualSettings
from mcaclip.language.wishes import free_wish
from mcaclip.nn.ops import resize_mask
from mcaclip.perception import ir_se, parsenet
from mcaclip.perception.arcface import ArcFaceIdentity
from mcaclip.perception.parsenet import ParseNet
from mcaclip.types import EditSettings, to_uint8
from mcaclip.weights.table import TABLE
from tests.editing.network.test_mca import TINY
from tests.helpers.drawn_face import draw_face
from tests.helpers.fake_hub import FakeHub
from tests.helpers.toy_space import ToySpace
from train.common.network import default_start, shifted_rows
from train.common.precision import Precision
from train.prompt.bench import training_step
from train.prompt.objective import PromptObjective
from train.prompt.presets import PAPER_PRESET, PRESETS
from train.prompt.prompt import FitRun, fit_prompts

PROMPT = "green lipstick"
SIDES = [4, *(side for power in range(3, 11) for side in (1 << power, 1 << power)), 1024]
STACK = choose("paper", clip="FaceCLIP")
NETWORK = replace(TINY, last_row=17)
REAL_GET = weights.get
SETTINGS = replace(PAPER_PRESET, network=NETWORK, views=1, batch=2, steps=2, upper_mask_faces=1)


class TinyEncoder(nn.Module):
    """From a picture to a code near the mean one, with a row of its own for every row."""

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.mean, self.rows = mean, nn.Linear(48, 18 * 512)
        self.requires_grad_(False)

    def code(self, image: Tensor) -> Tensor:
        return self.mean + 0.3 * self.rows(F.adaptive_avg_pool2d(image, 4).flatten()).view(18, 512)


@pytest.fixture(scope="module")
def nets() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    generator = StyleGAN2(StyleGAN2Config(1024, 4, 4096))
    generator.w_avg = generator.mapping(torch.randn(64, 512)).mean(0).detach()
    nets = {"generator": generator, "encoder": TinyEncoder(generator.w_avg)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ir_se, "STAGES", ((64, 1), (128, 1), (256, 1), (512, 1)))
        nets |= {"identity": ArcFaceIdentity(), "parser": ParseNet()}
    return {name: net.requires_grad_(False).eval() for name, net in nets.items()}


@pytest.fixture(scope="module")
def asked(nets) -> Iterator[list[str]]:
    """Names of the weight files that were asked for; those of the hub become the small networks."""
    names: list[str] = []
    real = weights.get

    def get(name: str, *args) -> Path:
        names.append(name)
        return Path(name) if name in weights.STACKS["paper"] and name != "dlib_landmarks" else real(name, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "get", get)
        patch.setattr(weights, "hashes", lambda used: dict.fromkeys(used, "0" * 64))
        patch.setattr(parsenet, "INPUT_SIZE", 32)
        patch.setattr(ir_se, "STAGE_ENDS", (0, 1, 2, 3))
        patch.setitem(
            optimise.EFFORTS, "good", replace(optimise.EFFORTS["good"], steps=2, residual=ResidualSettings(steps=2))
        )
        for kind, slot in (
            (StyleGAN2, "generator"), (E4EEncoder, "encoder"), (ArcFaceIdentity, "identity"), (ParseNet, "parser")
        ):  # fmt: skip
            patch.setattr(kind, "load", classmethod(lambda cls, *_, slot=slot: nets[slot]))
        yield names


@pytest.fixture(scope="module")
def objective(asked, nets) -> PromptObjective:
    parts = (stacks.load_space(STACK, "cpu"), stacks.load_identity(STACK, "cpu"), stacks.load_parser(STACK, "cpu"))
    return PromptObjective(StyleGAN2Preview(nets["generator"]), *parts, [PROMPT], SETTINGS)


@pytest.fixture(scope="module")
def small_generator() -> StyleGAN2:
    torch.manual_seed(0)
    return StyleGAN2(StyleGAN2Config(64, 8, 512, checkpoint_from=32)).requires_grad_(False).eval()


@pytest.fixture(scope="module")
def fitted(objective, nets, tmp_path_factory) -> Path:
    """A prompt, fitted in two steps through the preview, in a file."""
    return fit_prompts(objective, nets["generator"], FitRun(tmp_path_factory.mktemp("run"), stack=STACK))


@pytest.fixture(scope="module")
def editor(asked, fitted) -> FaceEditor:
    return load_editor(STACK, "cpu", edits=[fitted])


def test_editing_asks_for_what_it_uses_and_for_no_parser_of_the_stack(asked, nets):
    asked.clear()
    loaded = load_editor("paper", "cpu", clip="FaceCLIP")
    bare = FaceEditor(replace(loaded.models, universal=UniversalEdit()), STACK, loaded.device)
    assert bare.stack == "paper with clip FaceCLIP"
    assert set(asked) == {
        "stylegan2", "e4e", "faceclip", "language_model", "wish_reader", "arcface_ir_se50", "dlib_landmarks",
        "face_parser", "edits", "hair", "mobilestylegan",
    }  # fmt: skip
    assert bare.prompts() == (), "the shipped edits are those of the compact stack"
    with pytest.raises(PromptError, match="no prompt is fitted for the paper") as caught:
        bare.read_prompt(PROMPT)
    for part in (f'python -m train prompt "{PROMPT}" --stack paper --clip FaceCLIP', "--edits FILE"):
        assert part in str(caught.value)


def test_a_photo_goes_all_the_way(editor, nets, tmp_path):
    Image.fromarray(draw_face(400, 400, ((200, 200, 160),))).save(tmp_path / "me.png")
    arguments = ["edit", str(tmp_path / "me.png"), "--prompt", PROMPT, "--out", str(tmp_path / "out")]
    seen = []

    def load(stack, edits) -> FaceEditor:
        seen.append(stack)
        return editor

    assert main([*arguments, "--stack", "paper", "--clip", "FaceCLIP", "--inversion", "instant"], load) == 0
    assert seen == [STACK]
    folder = tmp_path / "out" / "me"
    result = json.loads((folder / "result.json").read_text())
    assert (result["stack"], result["inversion"]) == ("paper with clip FaceCLIP", "instant")
    assert [mask["side"] for mask in result["masks"]] == SIDES
    assert len(list((folder / "masks").iterdir())) == 18
    assert any(name.endswith("edit.safetensors") for name in result["weights"]), "the fit is on record"


def test_instant_is_the_encoders_code_and_good_goes_on_from_it(editor, nets):
    aligned = align.already_aligned(to_uint8(editor.sample(1).reconstruction))
    code = nets["encoder"].code(aligned.image)
    instant, good = (editor.invert(aligned, effort) for effort in ("instant", "good"))
    assert torch.equal(instant.w_plus, code)
    assert not torch.equal(good.w_plus, code) and (good.w_plus - code).abs().max() < 0.5
    assert good.reconstruction.shape == (3, 1024, 1024) and -1 <= good.identity <= 1
    torch.testing.assert_close(good.w_plus[12:] - good.w_plus[-1], code[12:] - code[-1], atol=1e-5, rtol=0)
    with pytest.raises(StudioError, match="instant or good or best"):
        editor.invert(aligned, "fast")


def test_edit_and_preview_have_a_mask_a_layer(editor):
    face = editor.sample(2)
    result, small = (draw(face, EditSettings(PROMPT)) for draw in (editor.edit, editor.preview))
    assert [mask.shape[-1] for mask in result.masks] == SIDES
    assert result.image.shape == (3, 1024, 1024) and small.image.shape == (3, 256, 256)
    assert [mask.shape[-1] for mask in small.masks] == [*SIDES[:13], 256]
    assert all(torch.equal(one, other) for one, other in zip(small.masks[:13], result.masks, strict=False))
    assert not torch.equal(result.image, face.reconstruction)
    assert result.notes == ()


def test_strength_zero_is_the_reconstruction_bit_for_bit(editor):
    face = editor.sample(2)
    assert torch.equal(editor.edit(face, EditSettings(PROMPT, strength=0.0)).image, face.reconstruction)


def test_rows_that_the_preview_cannot_show_are_not_shifted(editor, nets):
    shift = editor.preview(editor.sample(2), EditSettings(PROMPT)).delta_w
    assert (shift.abs().amax(1) > 0).tolist() == [NETWORK.first_row <= row <= 13 for row in range(18)]
    full = nets["generator"]
    assert shifted_rows(PAPER_CONFIG, full, StyleGAN2Preview(full)) == replace(PAPER_CONFIG, last_row=13)
    assert shifted_rows(PAPER_CONFIG, full, full) == PAPER_CONFIG, "at full size all rows learn"


def test_an_edit_of_another_generator_comes_without_masks_and_says_so(editor):
    foreign = {prompt: replace(edit, own_masks=False) for prompt, edit in editor.models.library.items()}
    other = FaceEditor(replace(editor.models, library=foreign), STACK, editor.device)
    result = other.edit(editor.sample(2), EditSettings(PROMPT))
    assert all(bool((mask == 1).all()) for mask in result.masks) and len(result.masks) == 18
    assert "another generator" in result.notes[0]


def test_the_universal_network_drives_this_generator_inside_the_compact_ones_masks(asked, editor):
    """From the first minute: no prompt is fitted, and the words are read by FaceCLIP, whatever the stack has."""
    paper = replace(STACK, clip="ViT-B-32-quickgelu")
    asked.clear()
    found = stacks.universal_of(paper, editor.models.generator, editor.device)
    assert found.there and found.shipped and "parsing_head" not in asked
    assert set(found.brings) == {"mobilestylegan", "faceclip", "language_model", "wish_reader"}
    first = FaceEditor(
        replace(editor.models, library={}, universal=found, wish=free_wish, space=ToySpace()), paper, editor.device
    )
    compact = load_editor("compact", "cpu")
    known, settings = compact.sample(2), EditSettings("pink eyebrows", mode="universal")
    face = first.reconstruct(known.w_plus)
    result, small = first.edit(face, settings), first.preview(face, settings)
    assert result.modes == ("universal",) and result.notes == (TWIN_EDIT,)
    assert [mask.shape[-1] for mask in result.masks] == [*SIDES[:-1], 512]
    assert [mask.shape[-1] for mask in small.masks] == [*SIDES[:13], 256]
    assert not torch.equal(result.image, face.reconstruction)
    assert not result.delta_w[16:].any() and bool(result.delta_w[:16].abs().amax(1).all())
    own = compact.edit(known, settings)
    assert torch.equal(own.delta_w[:16], result.delta_w[:16])
    assert all(map(torch.equal, own.masks[:15], result.masks))
    whole = resize_mask(result.masks[-1][None], own.masks[-1].shape[-1])[0]
    assert bool((own.masks[-1] <= whole + 0.01).all()), "there the face's own parts limit the picture"
    assert torch.equal(first.edit(face, replace(settings, strength=0.0)).image, face.reconstruction)


def test_other_things_than_faces_and_missing_files_have_no_universal_network(asked, editor, monkeypatch):
    generator, device = editor.models.generator, editor.device
    assert not stacks.universal_of(replace(STACK, identity="none"), generator, device).there

    def missing(name: str, *_) -> Path:
        raise WeightsError(f"{name} is not here")

    monkeypatch.setattr(weights, "get", missing)
    found = stacks.universal_of(STACK, generator, device)
    assert not found.there and "mobilestylegan is not here" in found.problem


def test_a_fit_on_this_generator_does_not_start_from_a_network_of_another(editor):
    assert default_start(STACK, editor.models.generator, NETWORK) is None


@pytest.mark.parametrize("to", [None, torch.bfloat16])
def test_a_full_size_step_reaches_every_part_of_the_network(objective, small_generator, to):
    """Layers from 32 px on are computed twice (`checkpoint_from` of the generator)."""
    full = PromptObjective(
        small_generator, objective.space, objective.identity, objective.parser, [PROMPT], SETTINGS,
        precision=Precision(to),
    )  # fmt: skip
    torch.manual_seed(0)
    network = MCANetwork(small_generator.layers, NETWORK)
    codes = SETTINGS.sampler.draw(small_generator, 1, np.random.default_rng(0))
    terms = full(network, codes, full.targets, np.random.default_rng(0))
    assert set(terms) == {"id", "l2", "nce", "area", "tv", "bg", "loss"}
    assert all(value.dtype is torch.float32 and torch.isfinite(value) for value in terms.values())
    terms["loss"].backward()
    for part in (*network.coral.nets, network.coral.final, network.fusion, network.mapper):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


@pytest.mark.parametrize("name", ["id", "l2", "nce", "area", "tv"])
def test_a_short_step_lowers_a_term_as_far_as_its_gradient_says(objective, small_generator, name):
    """In a space that passes every gradient: FaceCLIP's image tower passes none through its masks."""
    small = PromptObjective(small_generator, ToySpace(), objective.identity, objective.parser, [PROMPT], SETTINGS)
    torch.manual_seed(0)
    network = MCANetwork(small_generator.layers, NETWORK)
    codes = SETTINGS.sampler.draw(small_generator, 1, np.random.default_rng(0))

    def term() -> torch.Tensor:
        return small(network, codes, small.targets, np.random.default_rng(0))[name]

    start = term()
    weights = list(network.parameters())
    slopes = torch.autograd.grad(start, weights, allow_unused=True, materialize_grads=True)
    hoped = 1e-3 * start.item()
    step = hoped / sum(float(slope.double().square().sum()) for slope in slopes)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight.sub_(step * slope)
        assert (start - term()).item() == pytest.approx(hoped, rel=0.2)


def test_bench_measures_a_stack_without_a_fitted_prompt(editor, monkeypatch):
    bare = FaceEditor(replace(editor.models, library={}, universal=UniversalEdit()), STACK, editor.device)
    stages = bench.stages(bare, repeats=1)
    assert [stage.name for stage in stages] == [
        "pass of the generator", "random face, 1024 px", "not fitted, new face", "not fitted, other strength",
        "not fitted, slider to screen", "not fitted, new face, 256 px", "encoding for the screen, 1024 px",
        "inversion, instant", "inversion, good",
    ]  # fmt: skip
    monkeypatch.setitem(PRESETS, "paper", replace(SETTINGS, batch=1))
    step = training_step(bare)
    assert step.name == "training step, 256 px, batch 1"
    for stage in (stages[5], step):
        measured = bench.measure(stage, bare.device)
        assert measured.seconds > 0 and measured.memory > 1e8


def test_bench_writes_json(editor, monkeypatch, capsys):
    monkeypatch.setattr(bench, "stages", lambda *_: [bench.BenchStage(bench.PLAIN_PASS, lambda: None)])
    assert bench.run(bench.Options(json=True), lambda *_: editor) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["stage"] == bench.PLAIN_PASS and found["passes"] == 1 and found["seconds"] >= 0


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An empty folder `MCACLIP_WEIGHTS`, an empty cache, and a hub that cannot be reached."""
    FakeHub(tmp_path / "hub", monkeypatch)
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.mark.parametrize("state", ["missing", "corrupt"])
def test_a_file_that_cannot_be_used_names_itself_its_source_and_its_fix(elsewhere, monkeypatch, state):
    source = TABLE["stylegan2"].source
    if state == "corrupt":
        (elsewhere / source.name).write_bytes(b"no weights")
    monkeypatch.setattr(weights, "get", REAL_GET)
    with pytest.raises(WeightsError) as caught:
        load_editor("paper", "cpu")
    for part in (source.name, source.files[0].repo, "python -m mcaclip fetch --stack paper", "MCACLIP_WEIGHTS"):
        assert part in str(caught.value)
