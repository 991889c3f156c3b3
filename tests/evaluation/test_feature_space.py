"""Places and changes in a space of pictures and words: the cosines, the picture, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.cli.feature_space import spaces
from mcaclip.config import STACKS
from mcaclip.errors import StudioError
from mcaclip.evaluation import feature_space
from mcaclip.evaluation.feature_space import Embeddings, by_prompt, cosines, draw, embed, spread
from tests.fakes import FakeEditor
from tests.helpers.toy_space import ToySpace

PROMPTS = ["green lipstick", "purple hair"]
NEAREST = "share of edits whose nearest text direction is their own"


def along_axes() -> Embeddings:
    """Three faces and two texts far from each other, which both prompts move along an axis of their own."""
    sources, neutral = torch.eye(8)[:3] * 9, torch.eye(8)[3:5] * 9
    moves = torch.eye(8)[5:7][:, None]
    return Embeddings(sources, sources + moves, neutral, neutral + 2 * moves)


def test_changes_of_one_kind_agree_wherever_they_start():
    made = cosines(along_axes())
    for kinds in ("picture to picture", "text to text", "picture to text"):
        assert made[f"changes: {kinds}, the same change"] == pytest.approx(1)
        assert made[f"changes: {kinds}, another change"] == pytest.approx(0)
    assert made[NEAREST] == 1
    swapped = replace(along_axes(), texts=along_axes().texts.flip(0))
    assert cosines(swapped)[NEAREST] == 0 and by_prompt(swapped)[0] == pytest.approx((1, 1, 0))


def test_means_are_those_of_all_pairs_without_the_vectors_themselves():
    g = torch.Generator().manual_seed(0)
    vectors = [F.normalize(torch.randn(*shape, 16, generator=g), dim=-1) for shape in ((4,), (3, 4), (5,), (3, 5))]
    made = Embeddings(*vectors)
    found, changes = cosines(made), made.picture_changes
    pairs = [
        float(changes[p, a] @ changes[q, b])
        for p in range(3) for q in range(3) for a in range(4) for b in range(4) if p == q and a != b
    ]  # fmt: skip
    assert found["changes: picture to picture, the same change"] == pytest.approx(np.mean(pairs), abs=1e-5)
    assert np.mean([row[0] for row in by_prompt(made)]) == pytest.approx(np.mean(pairs), abs=1e-5)
    places = torch.cat([made.sources[None], made.edits]).flatten(0, 1)
    table = (places @ places.T)[~torch.eye(len(places), dtype=torch.bool)]
    assert found["places: picture to picture"] == pytest.approx(float(table.mean()), abs=1e-5)


def test_embeddings_are_those_of_the_space():
    space, pictures = ToySpace(16), torch.rand(3, 2, 3, 16, 16)
    made = embed(space, pictures[0], pictures[1:], PROMPTS)
    assert made.edits.shape == (2, 2, 16) and made.texts.shape == (2, 8, 16)
    torch.testing.assert_close(made.edits[1], space.encode_image(pictures[2]))
    torch.testing.assert_close(made.texts[1, 4], space.encode_text(["a face with purple hair"])[0])


def test_what_is_not_installed_is_named_with_the_remedy(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(feature_space.importlib.util, "find_spec", lambda name: None if name == "sklearn" else name)
    assert main(["feature-space", "--out", str(tmp_path)], lambda *_: pytest.fail("nothing is loaded")) == 2
    message = 'feature-space needs scikit-learn: pip install "mcaclip-studio[feature-space]".'
    assert message in capsys.readouterr().err


def test_the_picture_is_drawn_and_the_same_again(tmp_path):
    pytest.importorskip("sklearn")
    torch.manual_seed(0)
    made = along_axes()
    draw(made, PROMPTS, "Toy", tmp_path / "toy.png")
    assert Image.open(tmp_path / "toy.png").size == (1430, 682)
    vectors = F.normalize(torch.randn(12, 8), dim=1)
    places = spread(vectors, 3)
    assert places.shape == (12, 2) and np.isfinite(places).all()
    np.testing.assert_array_equal(places, spread(vectors, 3))


@pytest.fixture
def editor(monkeypatch) -> FakeEditor:
    """Without t-SNE; its pictures are drawn, its space is a toy."""
    monkeypatch.setattr(feature_space, "check_packages", lambda: None)
    monkeypatch.setattr(feature_space, "draw", lambda made, prompts, title, path: path.write_text(title))
    monkeypatch.setattr("mcaclip.weights.local", lambda name: None)
    editor = FakeEditor()
    space = ToySpace(16)
    space.name = "Toy"
    editor.models, editor.slots, editor.device = SimpleNamespace(space=space), STACKS["compact"], "cpu"
    return editor


def test_the_command_writes_a_picture_a_table_and_the_figures(editor, tmp_path, capsys):
    words = ["feature-space", "--seeds", "3", "--prompt", PROMPTS[0], "--prompt", PROMPTS[1], "--out", str(tmp_path)]
    assert main(words, lambda *_: editor) == 0
    found = json.loads((tmp_path / "feature_space.json").read_text())
    assert found["faces"] == 3 and found["prompts"] == PROMPTS and list(found["cosines"]) == ["Toy"]
    assert len(found["by_prompt"]["Toy"]) == 2 and (tmp_path / "Toy.png").read_text() == "Toy, 3 faces"
    out = capsys.readouterr().out
    assert out == (tmp_path / "feature_space.md").read_text() and "| purple hair |" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "1"], "2 or more"),
        (["--prompt", "green lipstick"], "twice or more"),
        (["--photos", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_compared_is_refused(words, message, tmp_path, capsys):
    assert main(["feature-space", *words, "--out", str(tmp_path)], lambda *_: pytest.fail("nothing is loaded")) == 2
    assert message in capsys.readouterr().err


def test_too_few_faces_are_no_comparison(editor, tmp_path, capsys, monkeypatch):
    def fails(*_: object) -> None:
        raise StudioError("this face has no lips")

    monkeypatch.setattr(editor, "preview", fails)
    assert main(["feature-space", "--seeds", "3", "--out", str(tmp_path)], lambda *_: editor) == 2
    said = capsys.readouterr().err
    assert "seed_2 is left out: this face has no lips" in said and "fewer than two faces" in said


def test_a_published_clip_is_shown_where_its_file_is(editor, monkeypatch):
    asked = []
    monkeypatch.setattr("mcaclip.weights.local", lambda name: name)
    monkeypatch.setattr("mcaclip.loading.load_space", lambda stack, device: asked.append(stack.clip) or stack.clip)
    assert list(spaces(editor)) == [editor.models.space, "ViT-B-32-quickgelu"] and len(asked) == 1
