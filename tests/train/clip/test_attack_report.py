"""The attack raises what the space says, and the parser's eye is independent of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.generators.base import seeded_z
from mcaclip.generators.synthesis import synthesize
from tests.generators.toy import ToyGenerator
from tests.helpers.drawn_faces import drawn_faces
from tests.helpers.toy_space import FixedParser, ToySpace
from train.clip.attack_report import (
    ATTACKS,
    AscentSettings,
    ascend,
    measure_ascent,
    ruler_loss,
    shown_colours,
    words_loss,
)
from train.clip.scenes.scenes import SceneSet
from train.clip.scenes.types import PartColour

STEEP = AscentSettings(steps=20, lr=0.1)


def test_attacks_write_figures_and_sheets_of_their_own():
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def test_ascent_raises_the_cosine():
    generator, space, code = ToyGenerator(), ToySpace(), seeded_z(18, 1)[None]
    target = space.encode_text(["green hair"])

    def cosine(picture: torch.Tensor) -> float:
        return float(space.encode_image(picture[None].clamp(-1, 1)) @ target.T)

    before = cosine(synthesize(generator, code).image[0].detach())
    assert cosine(ascend(generator, code, words_loss(space, "green hair"), STEEP)) > before + 0.02


def test_the_ruler_moves_the_mean_colour_of_a_part():
    generator, code, labels = ToyGenerator(), seeded_z(18, 1)[None], drawn_faces(1).labels[0]
    loss_of = ruler_loss(FixedParser(labels), "hair", "green")
    before = float(loss_of(synthesize(generator, code).image))
    assert float(loss_of(ascend(generator, code, loss_of, STEEP)[None])) < 0.7 * before


def test_a_bounded_ascent_goes_no_farther_than_told():
    generator, space, code = ToyGenerator(), ToySpace(), seeded_z(18, 1)[None]
    loss_of = words_loss(space, "green hair")
    far = ascend(generator, code, loss_of, STEEP)
    near = ascend(generator, code, loss_of, STEEP, longest=0.01)
    start = synthesize(generator, code).image[0].clamp(-1, 1)
    assert 0 < (near - start).abs().max() < 0.1 * (far - start).abs().max()
    held = ascend(generator, code, loss_of, replace(STEEP, as_the_app=True))
    assert 0 < (held - start).abs().max() < 0.5 * (far - start).abs().max(), "StyleCLIP's penalty holds it back"


@pytest.mark.parametrize("colour", ["green", "purple", "white"])
def test_the_colour_of_a_part_is_found(colour):
    faces = drawn_faces(1)
    scenes = SceneSet(faces, 256)
    picture = scenes.render(scenes.scene(0, (PartColour("hair", colour),)), np.random.default_rng(0))
    parser = FixedParser(faces.labels[0])
    assert colour in shown_colours(parser, picture, "hair")
    assert colour not in shown_colours(parser, picture, "beard")


def test_the_corners_of_srgb_are_called_what_everybody_calls_them():
    parser = FixedParser(drawn_faces(1).labels[0])
    for rgb, colour in (((-1, -1, 1), "blue"), ((1, -1, -1), "red"), ((1, 1, -1), "yellow"), ((-1, -1, -1), "black")):
        picture = torch.tensor(rgb, dtype=torch.float32).view(3, 1, 1).expand(3, 256, 256).contiguous()
        assert colour in shown_colours(parser, picture, "hair"), colour


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_is_measured_and_its_sheet_is_kept(attack, tmp_path):
    short = replace(attack, parts=("hair",), cases=2, steps=1)
    parser = FixedParser(drawn_faces(1).labels[0])
    (figure,) = measure_ascent(ToyGenerator(), ToySpace(), parser, short, tmp_path).values()
    assert figure["of"] == 2 and 0 <= figure["share"] <= 1
    (sheet,) = tmp_path.iterdir()
    assert Image.open(sheet).size == (2 * 160, 2 * 160), "faces above, what became of them below"
