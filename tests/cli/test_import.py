"""`python -m mcaclip import`: a published mapper becomes an edit, a card of the page and a row of the comparison."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.__main__ import main
from mcaclip.config import STACKS
from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import blend
from mcaclip.editing.library import FittedEdit, collect, edit_files
from mcaclip.editing.prompts import load_prompts
from mcaclip.editing.reader import PromptReader
from mcaclip.editing.render import prepare
from mcaclip.editing.request import resolve
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editor import FaceEditor
from mcaclip.language.wishes import free_wish
from mcaclip.types import EditSettings
from mcaclip.ui.display.prompt_gallery import cards
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.lab.compare import CompareHandlers, _wordings, row_html
from mcaclip.ui.lab.method_set import EditorMethods
from mcaclip.ui.state.loading import EditorSource
from tests.helpers.faces import face_of
from tests.helpers.readings import modes
from tests.helpers.toy_editor import ToyEditor, fitted_edit
from tests.helpers.toy_space import ToyParser

ROWS = {"course_mapping": slice(0, 4), "medium_mapping": slice(4, 8), "fine_mapping": slice(8, 18)}
NAME = "purple hair (StyleCLIP)"


def layers(prefix: str, seed: int, inputs: int = 512, count: int = 4) -> dict[str, Tensor]:
    """The equalised layers of one published mapping network."""
    draw = torch.Generator().manual_seed(seed)
    names = [prefix] if count == 1 else [f"{prefix}.mapping.{number}" for number in range(1, count + 1)]
    shapes = {"weight": (512, inputs), "bias": (512,)}
    return {
        f"{name}.{part}": (100 if part == "weight" else 10) * torch.randn(shape, generator=draw)
        for name in names
        for part, shape in shapes.items()
    }


def layer(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """EqualLinear with lr_mul 0.01 and a fused leaky ReLU, as StyleGAN2 has it."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return math.sqrt(2) * F.leaky_relu(x @ (weight * 0.01 / math.sqrt(weight.shape[1])).T + 0.01 * bias, 0.2)


def mapped(state: dict[str, Tensor], prefix: str, x: Tensor) -> Tensor:
    """A published `Mapper`: PixelNorm over dimension 1, then four layers."""
    x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()
    for number in range(1, 5):
        x = layer(state, f"{prefix}.mapping.{number}", x)
    return x


def levels(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """A published `LevelsMapper` behind its `fc`; the rows of groups that are not there stay zero."""
    out = torch.zeros_like(x)
    for name, rows in ROWS.items():
        if f"mapper.{name}.mapping.1.weight" in state:
            out[:, rows] = mapped(state, f"mapper.{name}", x[:, rows])
    return out


def styleclip(path: Path, description: str = "purple hair") -> dict[str, Tensor]:
    """Writes a StyleCLIP coach's file without its fine mapper; its state dict."""
    state = layers("mapper.course_mapping", 1) | layers("mapper.medium_mapping", 2)
    decoder = {"decoder.input.input": torch.zeros(1)}
    torch.save({"state_dict": state | decoder, "opts": {"description": description, "lr": 0.5}}, path)
    return state


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MCACLIP_EDITS", raising=False)
    monkeypatch.delenv("MCACLIP_WEIGHTS", raising=False)
    return tmp_path / "cache" / "edits"


def library(folder: Path, editor: ToyEditor) -> dict[str, FittedEdit]:
    fit = StackFit.of(editor.slots, editor.models.generator.layers)
    return collect(edit_files(folder), [], fit, "cpu")


def reader(found: dict[str, FittedEdit]) -> PromptReader:
    return PromptReader(found, load_prompts(), "", free_wish, STACKS["compact"], Path("own"))


def test_an_imported_mapper_gives_the_original_shift_without_masks(cache, tmp_path, capsys):
    state, file = styleclip(tmp_path / "purple_hair.pt"), tmp_path / "purple_hair.pt"
    before = file.read_bytes()
    assert main(["import", str(file)]) == 0 and NAME in capsys.readouterr().out
    assert file.read_bytes() == before, "the user's own file is only read"
    editor = ToyEditor()
    edit = library(cache, editor)[NAME]
    w_plus = torch.randn(2, 18, 512)
    prompted = edit.prompted(NAME)
    delta = prompted.network(w_plus, prompted.text)[1]
    torch.testing.assert_close(delta, 0.1 * levels(state, w_plus), atol=1e-3, rtol=0)
    assert torch.count_nonzero(delta[:, 8:]) == 0
    # through the one way to make an edit, on the toy generator as the compact generator does it
    generator, one = editor.models.generator, w_plus[0]
    request = resolve(EditSettings(NAME), reader({NAME: edit}), lambda part: edit.prompted(part.words))
    made = blend(prepare(source_of(generator, face_of(generator, one)), request))
    torch.testing.assert_close(made.delta_w, delta[0], atol=1e-5, rtol=0)
    assert all(bool((mask == 1).all()) for mask in made.masks) and "imported from purple_hair.pt" in made.notes[0]


def test_a_cf_clip_mapper_is_given_its_raw_text_feature(cache, tmp_path, capsys):
    state = layers("mapper.fc", 3, 1024, 1) | layers("mapper.fine_mapping", 4)
    for row in range(18):
        state |= layers(f"text_mapper.mapper_{row}", 10 + row)
    file, feature = tmp_path / "cf.pt", 0.4 * torch.randn(512)
    torch.save({"state_dict": state, "opts": {"description": "green lipstick"}}, file)
    assert main(["import", str(file)]) == 2
    said = capsys.readouterr().err
    assert "raw feature" in said and "--text-feature" in said and "fetch" in said
    np.save(tmp_path / "unit.npy", F.normalize(feature, dim=0).numpy())
    assert main(["import", str(file), "--text-feature", str(tmp_path / "unit.npy")]) == 2
    assert "normalised" in capsys.readouterr().err
    np.save(tmp_path / "raw.npy", feature[None].numpy())
    assert main(["import", str(file), "--text-feature", str(tmp_path / "raw.npy")]) == 0
    prompted = library(cache, ToyEditor())["green lipstick (CF-CLIP)"].prompted("green lipstick (CF-CLIP)")
    w_plus, text = torch.randn(1, 18, 512), feature[None, None]
    t_w = torch.cat([mapped(state, f"text_mapper.mapper_{row}", text) for row in range(18)], 1)
    expected = 0.1 * levels(state, layer(state, "mapper.fc", torch.cat([w_plus, t_w], -1)))
    torch.testing.assert_close(prompted.network(w_plus, prompted.text)[1], expected, atol=1e-3, rtol=0)


def test_it_is_a_card_marked_as_imported_and_stands_beside_the_librarys_own_prompt(cache, tmp_path):
    styleclip(tmp_path / "purple_hair.pt")
    main(["import", str(tmp_path / "purple_hair.pt")])
    editor = ToyEditor()
    words = reader(library(cache, editor) | editor.library)
    (card,) = [one for one in cards(words.offered()) if one["category"] == "Imported"]
    assert card["prompt"] == NAME
    chosen = words.read(card["prompt"], "universal")
    assert [(part.words, part.mode) for part in chosen.ingredients] == [(NAME, "fitted")]
    assert modes(words.read("purple hair")) == {"universal"}, "a wording of its prompt does not mean it"
    (entry,) = [one for one in words.offered() if one.prompt == NAME]
    assert words.modes(entry) == ("fitted",)


def test_compare_has_it_under_its_prompt_and_its_name(cache, tmp_path, monkeypatch):
    monkeypatch.setattr("mcaclip.ui.lab.method_set.load_parser", lambda slots, device: ToyParser())
    styleclip(tmp_path / "a.pt", "mohawk")
    main(["import", str(tmp_path / "a.pt")])
    toy = ToyEditor()
    toy.library |= library(cache, toy)
    methods = EditorMethods(toy)
    for words in ("mohawk", "mohawk (StyleCLIP)"):
        assert methods.ready(words) == ("styleclip-optimisation", "styleclip-mapper")
    assert "mohawk (StyleCLIP)" not in methods.tools.libraries["mca"], "it is no network of MCA-CLIP"
    row = methods.row("styleclip-mapper", toy.sample(0), "mohawk (StyleCLIP)", lambda step: None)
    assert "Imported from a.pt" in row_html(row) and not row.edit.masks
    page = HandlerBase(EditorSource(lambda report: toy), tmp_path)
    page.source.wait(10)
    offered = CompareHandlers(page).offered("mohawk", [])["methods_chosen"]["choices"]
    assert ("StyleCLIP mapper", "styleclip-mapper") in offered


def test_what_cannot_be_imported_is_said(cache, tmp_path, capsys):
    file = tmp_path / "a.pt"
    styleclip(file, "")

    def refused(*more: str) -> str:
        assert main(["import", str(file), *more]) == 2
        return capsys.readouterr().err

    assert "add --prompt" in refused()
    assert "another --name" in refused("--prompt", "purple hair", "--name", "Purple Hair")
    assert "leave --text-feature out" in refused("--prompt", "afro", "--text-feature", str(file))
    assert main(["import", str(file), "--prompt", "afro"]) == 0
    assert "--overwrite" in refused("--prompt", "afro")
    assert main(["import", str(file), "--prompt", "afro", "--overwrite"]) == 0
    file.write_bytes(b"PK nothing")
    damaged = refused("--prompt", "afro")
    assert "stays as it is" in damaged and "elete" not in damaged and file.read_bytes() == b"PK nothing"
    assert [path.name for path in cache.iterdir()] == ["imported_afro_styleclip.safetensors"]


def test_a_fitted_prompt_of_ones_own_is_no_imported_one():
    toy = ToyEditor()
    words = reader({"pink eyebrows": fitted_edit(None, "pink eyebrows")} | toy.library)
    assert "Imported" not in {entry.category for entry in words.offered()}


def test_an_editor_takes_its_name_for_what_it_was_trained_for(cache, tmp_path, editor):
    for prompt in ("purple hair", "quiff of 1959"):
        styleclip(tmp_path / "a.pt", prompt)
        main(["import", str(tmp_path / "a.pt")])
    own = FaceEditor(editor.models, editor.slots, editor.device)
    for path in edit_files(cache):
        own.add_edits(path)
    assert own.wish(NAME).words == "purple hair" and own.wish("quiff of 1959 (StyleCLIP)").outside
    assert [modes(reading) for reading in own.read_prompt("quiff of 1959 (StyleCLIP)").readings] == [{"fitted"}]
    methods = EditorMethods(own)
    wordings = _wordings(own, methods, NAME)
    assert wordings["styleclip-mapper"] == wordings["mca"] == "purple hair"
    assert _wordings(own, methods, "quiff of 1959 (StyleCLIP)")["styleclip-mapper"] == "quiff of 1959 (StyleCLIP)"
