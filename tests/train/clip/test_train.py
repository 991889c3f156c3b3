"""FaceCLIP's training: loss, facts of scenes and captions, fixed words, a step that learns, the report."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.errors import TrainingError
from mcaclip.imaging.colour import lab_of
from tests.helpers.drawn_faces import drawn_faces
from train.clip.captions.batch import caption_facts, scene_facts
from train.clip.report import DRAWS, Tally, _different, colours_of_parts, nearest_colour, retrieval
from train.clip.scenes.types import DISTINCT, OTHER, PARTS, STATES, Caption, Claim, PartColour
from train.clip.train import (
    FaceCLIPSettings,
    Trainee,
    contrastive_loss,
    draw_batch,
    draw_faces,
    rare_faces,
    train_faceclip,
)

EVERY_FACE = [np.arange(4)]


@pytest.fixture(scope="module")
def new_space() -> ClipSpace:
    torch.manual_seed(0)
    return ClipSpace(create_model())


def test_contrast_is_low_only_where_true_captions_win():
    fits = torch.tensor([[1, -1], [-1, 1]])
    good = contrastive_loss(torch.tensor([[9.0, 0.0], [0.0, 9.0]]), fits)
    bad = contrastive_loss(torch.tensor([[0.0, 9.0], [9.0, 0.0]]), fits)
    assert good < 0.01 < bad
    assert contrastive_loss(torch.zeros(2, 2), fits) == pytest.approx(math.log(2), abs=1e-5)


def test_what_is_not_known_is_left_out_of_the_contrast():
    logits = torch.randn(3, 4)
    fits = torch.tensor([[1, -1, 0, -1], [-1, 1, -1, 0], [-1, -1, 1, 1]])
    changed = logits.clone()
    changed[0, 2], changed[1, 3] = 50.0, -50.0
    assert contrastive_loss(changed, fits) == pytest.approx(float(contrastive_loss(logits, fits)), abs=1e-5)


def test_captions_true_of_everything_teach_little():
    special = torch.tensor([[1, -1], [-1, 1]])
    with_a_face = torch.cat([special, torch.ones(2, 1, dtype=torch.long)], 1)
    logits = torch.tensor([[4.0, 0.0, 2.0], [0.0, 4.0, 2.0]])
    right, wrong = logits.clone(), logits.clone()
    wrong[:, :2] = wrong[:, [1, 0]]
    assert contrastive_loss(right, with_a_face) < 0.5 * contrastive_loss(wrong, with_a_face)


def test_facts_of_scenes_and_captions_agree(scenes):
    paint = PartColour("lips", "green")
    shown = scene_facts([scenes.scene(0, (paint,))])
    said = caption_facts([Caption("green lips, smiling", (Claim(paint), Claim(state="smiling", sign=-1)))])
    lips = PARTS.index("lips")
    for facts in (shown, said):
        assert facts.painted[0].nonzero().flatten().tolist() == [lips]
        torch.testing.assert_close(facts.lab[0, lips], lab_of("green") / 50, atol=0.02, rtol=0)
    assert said.states[0, STATES.index("smiling")] == -1 and said.states.abs().sum() == 1


def test_a_step_learns_and_leaves_known_words_as_they_are(scenes, new_space):
    settings = FaceCLIPSettings(groups=2, captions=1)
    known = torch.zeros(49408, dtype=torch.bool)
    known[:40000] = True
    trainee = Trainee(new_space, known, settings).train()
    words = new_space.model.token_embedding.weight
    before = words.detach().clone()
    images, captions = draw_batch(scenes, EVERY_FACE, settings, np.random.default_rng(0))
    assert images.shape == (8, 3, 192, 192) and captions.fits.shape == (8, 8 + len(captions.pairs))
    optimizer = torch.optim.Adam([p for p in trainee.parameters() if p.requires_grad], 1e-3)
    losses = []
    for _ in range(8):
        terms = trainee(images, captions)
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        losses.append(float(terms["loss"].detach()))
    assert losses[-1] < 0.9 * losses[0]
    assert torch.equal(words[:40000], before[:40000]) and not torch.equal(words[40000:], before[40000:])


def test_a_twin_differs_in_one_false_claim(scenes):
    _, batch = draw_batch(scenes, EVERY_FACE, FaceCLIPSettings(groups=4), np.random.default_rng(2))
    assert len(batch.pairs) >= 12
    for picture, true, false in batch.pairs.tolist():
        assert batch.fits[picture, true] == 1 and batch.fits[picture, false] == -1
        assert batch.captions[true] != batch.captions[false]


def test_rare_states_take_their_turns():
    usual, bald, hat = np.arange(1000), np.array([7]), np.array([11, 12])
    settings, rng = FaceCLIPSettings(groups=10, rare_share=0.4), np.random.default_rng(0)
    drawn = [draw_faces([usual, bald, hat], settings, rng) for _ in range(200)]
    assert all(len(set(faces)) == 10 for faces in drawn)
    assert sum(7 in faces for faces in drawn) > 120 and sum(11 in faces or 12 in faces for faces in drawn) > 120


def test_rare_faces_are_those_of_a_rare_side(scenes):
    everything, *rare = rare_faces(scenes, 4, rarer_than=0.5)
    assert everything.tolist() == [0, 1, 2, 3]
    assert all(0 < len(side) < 2 for side in rare)


def test_training_goes_on_from_the_averaged_weights_of_another_run(scenes, new_space, tmp_path):
    settings = FaceCLIPSettings(groups=1, captions=1, steps=1, test_faces=2, broken=1)
    known = torch.ones(49408, dtype=torch.bool)
    first = train_faceclip(copy.deepcopy(new_space), known, drawn_faces(4), settings, tmp_path / "first")
    start = torch.load(tmp_path / "first" / "checkpoint.pt", weights_only=True)["averaged"]
    still = replace(settings, lr=0.0)
    go_on = tmp_path / "first" / "checkpoint.pt"
    second = train_faceclip(copy.deepcopy(new_space), known, drawn_faces(4), still, tmp_path / "second", 1e9, go_on)
    name = "model.text_projection"
    torch.testing.assert_close(second.state_dict()[name], start[f"space.{name}"])
    assert not torch.equal(first.state_dict()[name], new_space.state_dict()[name])
    with pytest.raises(TrainingError, match="start-from"):
        train_faceclip(new_space, known, drawn_faces(4), still, tmp_path / "third", 1e9, tmp_path / "none.pt")


def test_batches_are_seeded(scenes):
    settings = FaceCLIPSettings(groups=2)
    batches = [draw_batch(scenes, EVERY_FACE, settings, np.random.default_rng(5)) for _ in range(2)]
    (images, one), (same, two) = batches
    assert one.captions == two.captions and torch.equal(one.fits, two.fits) and torch.equal(images, same)


def test_the_ruler_names_colours():
    for name in DISTINCT:
        assert nearest_colour(tuple(lab_of(name).tolist())) == name
    assert nearest_colour(None) is None


def test_colour_names_to_choose_from_look_different():
    names = ["red", "crimson", *DISTINCT, "teal", "navy", "lime"]
    chosen = _different(names, np.random.default_rng(0))
    labs = [lab_of(name) for name in chosen]
    gaps = [float((a - b).norm()) for i, a in enumerate(labs) for b in labs[:i]]
    assert min(gaps) > OTHER


class Oracle:
    """Knows a picture's colours by their means, and texts by the colour and part that they name."""

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(images.mean((2, 3)), dim=-1)

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(len(texts), 3, generator=torch.manual_seed(0)), dim=-1)


def test_the_report_counts_every_part_that_shows(scenes):
    tally = colours_of_parts(Oracle(), scenes, [0, 1], np.random.default_rng(0))
    parts = scenes.shown_parts(0)
    for part in parts:
        assert len(tally.hits[f"colour of {part}"]) == 2
    assert len(tally.hits["any part and colour"]) == 2 * len(parts)
    assert np.mean(tally.hits["ruler, background"]) == 1


def test_tally_gives_shares():
    assert Tally({"x": [True, False, True, True]}).shares() == {"x": {"share": 0.75, "of": 4}}


def test_retrieval_is_over_several_draws_in_held_out_and_in_known_words(scenes, new_space):
    shares = retrieval(new_space.eval(), scenes, range(4), np.random.default_rng(3)).shares()

    def asked(start: str, known: bool) -> int:
        names = [name for name in shares if name.startswith(start) and name.endswith("known words") == known]
        return sum(shares[name]["of"] for name in names)

    assert 2 * DRAWS < asked("recall@1", True) <= 4 * DRAWS and 2 * DRAWS < asked("recall@1", False) <= 4 * DRAWS
    assert asked("best of", True) == asked("recall@1", True)
