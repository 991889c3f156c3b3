"""Every command of `python -m train` is called on small settings, through its first two steps.

What a command hands to the functions behind it is the seam that no test of those functions sees.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
import torch
from safetensors.torch import save_file

from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.editing.network.direction_edit import load_directions
from mcaclip.language.concepts import concepts
from mcaclip.perception.face_parser import FaceParser
from mcaclip.reading.wish_network import WishNetwork
from tests.editing.network.test_mca import TINY
from tests.fakes import ENTRIES, FakeEditor
from tests.generators.toy import ToyGenerator
from tests.helpers.drawn_faces import drawn_faces
from tests.helpers.toy_space import ToyIdentity, ToyParser, ToySpace
from tests.train.made_up_directions import write_directions, write_measured
from train.__main__ import COMMANDS, main
from train.clip import card, feature_cache
from train.clip.train import FaceCLIPSettings
from train.common import setup
from train.directions import pool
from train.directions.fit import load_regression
from train.parser.teacher import TeacherUNet


@pytest.fixture
def small(monkeypatch):
    """Gives a dataclass of settings, where a command reads it, other defaults."""

    def change(place: str, name: str, **values: object) -> None:
        module = importlib.import_module(place)
        settings = getattr(module, name)
        kinds = {field.name: field.type for field in dataclasses.fields(settings)}
        body = {"__annotations__": {key: kinds[key] for key in values}, "__module__": settings.__module__}
        defaults = {
            key: dataclasses.field(default_factory=lambda v=value: v) if dataclasses.is_dataclass(value) else value
            for key, value in values.items()
        }
        smaller = dataclasses.dataclass(frozen=True)(type(name, (settings,), {**body, **defaults}))
        monkeypatch.setattr(module, name, smaller)

    return change


@pytest.fixture(autouse=True)
def _loaded_once(generator, preview, monkeypatch):
    """The generator of the test session, where a command would load its own."""
    for module in (setup, pool):
        for name, network in (("load_generator", generator), ("load_preview", preview)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, create_autospec(getattr(module, name), return_value=network))


@pytest.fixture
def run(tmp_path, capsys):
    """Calls a command with a run folder; gives the folder."""

    def call(name: str, *words: str) -> Path:
        out = tmp_path / "run" / name
        status = main([name, "--out", str(out), *words])
        assert status == 0, capsys.readouterr().err
        return out

    return call


def steps(folder: Path) -> int:
    return torch.load(folder / "checkpoint.pt", weights_only=True)["step"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_file(TeacherUNet().state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def directions(tmp_path_factory) -> str:
    return str(write_directions(tmp_path_factory.mktemp("directions")))


@pytest.fixture
def toy_stack(monkeypatch):
    """A toy generator, space and nets in place of a stack's."""
    torch.manual_seed(0)
    generator = ToyGenerator()
    pair = SimpleNamespace(full=generator, preview=generator)
    monkeypatch.setattr("mcaclip.loading.load_generator", lambda *_: pair)
    monkeypatch.setattr("mcaclip.loading.load_space", lambda *_: ToySpace())
    monkeypatch.setattr("mcaclip.loading.load_identity", lambda *_: ToyIdentity())
    monkeypatch.setattr("mcaclip.loading.load_parser", lambda *_: ToyParser())
    return generator


def test_preview_head(run, small):
    small("train.heads.preview_head", "PreviewHeadSettings", faces=1, test_faces=1, steps=2, batch=1)
    out = run("preview-head")
    assert steps(out) == 2 and (out / "preview_head.safetensors").exists()


def test_parsing_head(run, small, teacher):
    small("train.heads.parsing_head", "ParsingHeadSettings", pool=2, test_faces=1, steps=2, batch=1)
    out = run("parsing-head", "--teacher", teacher)
    assert steps(out) == 2 and (out / "parsing_head.safetensors").exists()


def test_parser(run, small, teacher, directions, tmp_path):
    small("train.parser.train", "ParserSettings", held_out=1, steps=2, batch=1, sides=(64,))
    pool = ["--faces", "2", "--pool", str(tmp_path / "pool"), "--teacher", teacher, "--directions", directions]
    out = run("parser", *pool)
    made = out / "face_parser.safetensors"
    assert steps(out) == 2 and made.exists()
    again = tmp_path / "again"
    run("parser", *pool, "--as-is", "--start-from", str(made), "--out", str(again))
    assert (again / "face_parser.safetensors").exists()


def test_identity_mean(run, monkeypatch):
    from train.heads import identity_mean

    real = identity_mean.fit_identity_mean
    monkeypatch.setattr(identity_mean, "fit_identity_mean", lambda *parts: real(*parts, faces=2))
    assert (run("identity-mean") / "identity_mean.safetensors").exists()


def test_encoder(run, small):
    names = {"faces": 10, "held_out": 2, "steps": 2, "batch": 4, "picture_steps": 2, "picture_batch": 1}
    small("train.encoder.train", "EncoderSettings", **names)
    out = run("encoder", "--device", "cpu")
    assert steps(out / "pictures") == 2 and (out / "encoder.safetensors").exists()


def test_residual_encoder(run, small):
    small("train.encoder.residual", "ResidualEncoderSettings", steps=2, batch=1, held_out=1)
    out = run("residual-encoder", "--device", "cpu")
    assert steps(out) == 2 and (out / "residual_encoder.safetensors").exists()


def test_inversion_figures(run, monkeypatch):
    from train.encoder import figures

    monkeypatch.setattr(
        "mcaclip.perception.independent_identity.IndependentIdentity", SimpleNamespace(load=lambda folder: "a judge")
    )
    monkeypatch.setattr("mcaclip.editor.load_editor", lambda device: FakeEditor())
    measure = create_autospec(figures.run)
    monkeypatch.setattr(figures, "run", measure)
    out = run("inversion-figures", "--judge", "J", "--faces", "2", "--efforts", "instant", "good")
    _, judge, settings, folder = measure.call_args.args
    assert (judge, settings.faces, settings.efforts, folder) == ("a judge", 2, ("instant", "good"), out)


@pytest.fixture
def faceclip(monkeypatch):
    """FaceCLIP's commands on four drawn faces, without what is measured behind the training."""
    monkeypatch.setattr("train.clip.card.labelled_faces", lambda *_: drawn_faces(4))
    monkeypatch.setattr("train.clip.word_vectors.read_vectors", lambda *_: {})
    monkeypatch.setattr("train.clip.word_vectors.known_tokens", lambda *_: torch.arange(49408) < 40000)
    done = {}
    for module, name in ((card, "report"), (card, "measure_ascent"), (feature_cache, "make_attacked")):
        done[name] = create_autospec(getattr(module, name), return_value={})
        monkeypatch.setattr(module, name, done[name])
    done["make_attacked"].return_value = []
    return done


FACES = ("--faces", "4", "--pool", "P")


def test_faceclip(run, faceclip, small, monkeypatch):
    settings = {"groups": 1, "captions": 1, "steps": 2, "test_faces": 2, "broken": 1}
    small("train.clip.train", "FaceCLIPSettings", **settings)
    monkeypatch.setattr(
        "train.clip.train.new_space", lambda *_: (ClipSpace(create_model()), torch.ones(49408, dtype=torch.bool))
    )
    out = run("faceclip", *FACES, "--words", "W")
    assert steps(out) == 2 and (out / "model.safetensors").exists()
    assert faceclip["report"].called


def test_faceclip_pooled(run, faceclip, small):
    block = FaceCLIPSettings(groups=1, broken=1, test_faces=2)
    small("train.clip.train_cached", "PooledSettings", blocks=2, unseen=1, steps=2, block=block)
    out = run("faceclip-pooled", *FACES, "--words", "W", "--learns", "image")
    assert steps(out) == 2 and (out / "model.safetensors").exists()
    assert faceclip["report"].called


def test_faceclip_report(run, faceclip, small):
    small("train.clip.train", "FaceCLIPSettings", test_faces=2)
    out = run("faceclip-report", *FACES)
    assert (out / "report.json").read_text() == "{}" and faceclip["report"].called
    run("faceclip-report", "--ascents-only", "--ascents", "1", "--seed", "5")
    settings = faceclip["measure_ascent"].call_args.args[3]
    assert (settings.cases, settings.seed) == (1, 5)


def test_reader(run, small, monkeypatch):
    from train.reading import train

    monkeypatch.setattr(train, "outside_words", lambda *_: ["violin", "engine"])
    small("train.reading.train", "ReaderSettings", lessons=40, batch=8, steps=2)
    out = run("reader")
    read = WishNetwork.load(out / "reader.safetensors")
    assert steps(out) == 2 and read.names == tuple(concepts())
    assert set(json.loads((out / "report.json").read_text())) >= {"part and colour", "state"}


def test_prompt(run, small, toy_stack, monkeypatch):
    presets = importlib.import_module("train.prompt.presets")
    tiny = dataclasses.replace(
        presets.PAPER_PRESET, network=dataclasses.replace(TINY, first_row=0, last_row=17), views=1, batch=2
    )
    monkeypatch.setitem(presets.PRESETS, "words", tiny)
    monkeypatch.setattr("train.prompt.prompt.warn_of_strange_words", lambda *_: None)
    words = ("green lipstick", "--preset", "words", "--steps", "2", "--sheet-every", "0", "--device", "cpu")
    out = run("prompt", *words, "--from-scratch")
    assert steps(out) == 2 and (out / "edit.safetensors").exists()


def test_directions(run, small, monkeypatch, tmp_path):
    monkeypatch.setattr(pool, "FaceNetworks", lambda _: SimpleNamespace(measures=_brightness))
    monkeypatch.setattr(pool, "FEWEST", 10)
    small("train.directions.pool", "PoolSettings", faces=16)
    out = run("directions", "--models", str(tmp_path))
    assert load_regression(out / "directions.safetensors").names[:2] == ["light", "red"]
    assert "short hair" in load_directions(out / "hair.safetensors", FaceParser(), "cpu")
    assert json.loads((out / "report.json").read_text())["faces"] == 16


def _brightness(pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    light, red = pictures.mean((1, 2, 3)), pictures[:, 0].mean((1, 2))
    return {"light": light, "red": red, "hair_area": light - red, "hair_low": light + red, "fringe": light.square()}


def test_universal(run, small, directions, tmp_path):
    small("train.universal.colour_teacher", "TeacherSettings", prompts=1, steps=2)
    small("train.universal.universal", "UniversalSettings", steps=2, faces=1, masked=1, unmasked=1, attributes=2,
          upper_faces=1, masked_attributes=1, eyeshadows=1)  # fmt: skip
    measured = str(write_measured(tmp_path))
    out = run("universal", "--directions", directions, "--measured", measured)
    assert steps(out / "universal") == 2 and steps(out / "teacher") == 2 and (out / "universal.safetensors").exists()
    further = tmp_path / "further"
    run(
        "universal", "--start-from", str(out / "universal.safetensors"), "--measured", measured, "--out", str(further)
    )
    assert steps(further / "universal") == 2 and not (further / "teacher").exists()


def test_colours(run):
    pytest.importorskip("matplotlib")
    out = run("colours")
    assert len(json.loads((out / "colours.json").read_text())) > 900


def test_global_directions(run, small, toy_stack):
    small("train.methods.global_directions", "TableSettings", samples=20)
    words = ("--images", "2", "--every", "400", "--batch", "2", "--device", "cpu")
    assert list(run("global-directions", *words).glob("*.safetensors"))


def test_deltaedit(run, toy_stack):
    out = run("deltaedit", "--faces", "4", "--steps", "2", "--device", "cpu")
    assert steps(out) == 2 and list(out.glob("*.safetensors"))


def test_thumbnails(run, monkeypatch):
    monkeypatch.setattr("mcaclip.editor.load_editor", lambda *_: FakeEditor(universal=True, entries=ENTRIES))
    out = run("thumbnails", "--prompt", "green lipstick")
    assert [path.name for path in out.iterdir()] == ["green_lipstick.jpg"]


def test_hard_faces(run, monkeypatch):
    monkeypatch.setattr("train.extras.hard_faces.SEEDS", (1, 2))
    monkeypatch.setattr("train.extras.hard_faces.PROMPTS", ("green lipstick",))
    monkeypatch.setattr("mcaclip.editor.load_editor", lambda *_: FakeEditor(universal=True, entries=ENTRIES))
    assert (run("hard-faces") / "hard_faces.jpg").exists()


def test_stand_in(run):
    assert (run("stand-in", "--only", "arcface_ir_se50") / "README.txt").exists()


def test_bench(small, monkeypatch, capsys):
    step = create_autospec(importlib.import_module("train.prompt.bench").training_step)
    step.return_value = SimpleNamespace(name="training step", call=lambda: None, repeats=1)
    monkeypatch.setattr("train.prompt.bench.training_step", step)
    editor = SimpleNamespace(device=torch.device("cpu"))
    monkeypatch.setattr("mcaclip.editor.load_editor", lambda *_, **__: editor)
    assert main(["bench", "--full-size", "--device", "cpu", "--encoder", "e4e"]) == 0
    step.assert_called_once_with(editor, True)
    assert capsys.readouterr().out.startswith("training step ")


def test_no_command_is_left_out():
    """Each test is named for its command, and `run` checks that it ended well."""
    assert all(f"test_{name.replace('-', '_')}" in globals() for name in COMMANDS)
