"""The data engine on drawn faces: simple shapes with their label maps, so that no generator is needed."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from mcaclip.imaging.colour import lab_of, lab_values, srgb_to_lab
from mcaclip.language.colours import COLOURS, says_unseen, unseen_colours
from mcaclip.language.grammar import MORE_NOUNS, PART_NOUNS, understand
from train.clip.captions.wording import HELD_OUT_NOUNS, USUAL
from train.clip.captions.write import caption
from train.clip.scenes.draw import STYLES, bundle
from train.clip.scenes.scenes import came_out
from train.clip.scenes.types import (
    CHARACTERS,
    PARTS,
    PATTERNS,
    STATES,
    Caption,
    Claim,
    PartColour,
    Scene,
    agreement,
    target_lab,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_drawn_face_shows_every_part(scenes):
    assert scenes.shown_parts(0) == PARTS
    assert set(PARTS) == set(PART_NOUNS) - {"eyelids"}, "eyeshadow has the shifts of skin"


@pytest.mark.parametrize("part", PARTS)
def test_paint_reaches_its_part_and_no_other_place(scenes, rng, part):
    mask = scenes.part_mask(0, part)
    plain = scenes.render(scenes.scene(0), rng)
    painted = scenes.render(scenes.scene(0, [PartColour(part, "purple")]), rng)
    assert painted.shape == (3, 192, 192) and painted.abs().max() <= 1
    changed = (painted - plain).abs().amax(0)
    assert changed[mask[0] < 0.001].max() < 1e-3
    assert changed[mask[0] > 0.9 * mask.max()].mean() > 0.1


@pytest.mark.parametrize("part", PARTS)
def test_painted_parts_have_the_colour_that_the_scene_claims(scenes, rng, part):
    core = scenes.part_mask(0, part)[0]
    core = core > 0.6 * core.max()
    for colour in ("red", "blue", "white", "black", "dusty rose"):
        picture = scenes.render(scenes.scene(0, [PartColour(part, colour)]), rng)
        assert (srgb_to_lab(picture)[:, core].mean(1) - lab_of(colour)).norm() < 26


def test_thin_white_paint_is_no_white_but_a_shade_of_it_is(scenes):
    white, silver = lab_values("white"), lab_values("silver")
    between = (white[0] - 12.0, 0.0, -1.5)
    assert math.dist(between, silver) < math.dist(between, white) < 25
    assert not came_out(between, white) and came_out((white[0] - 6.0, 0.0, 0.0), white)
    assert came_out(lab_values("crimson"), lab_values("crimson")) and not came_out(silver, lab_values("red"))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_change_the_face_and_nothing_else(scenes, rng, pattern):
    paint = PartColour(PATTERNS[pattern][0], None, "", pattern)
    changed = scenes.render(scenes.scene(0, [paint]), rng) - scenes.render(scenes.scene(0), rng)
    assert changed.abs().amax(0).gt(0.1).sum() > 20
    for part in ("background", "clothes", "lips"):
        assert changed[:, scenes.part_mask(0, part)[0] > 0.99].abs().max() < 1e-3


def test_glossy_is_brighter_at_its_brightest_than_matte(scenes):
    matte, glossy = (
        scenes.render(scenes.scene(0, [PartColour("lips", "red", finish)]), np.random.default_rng(1))
        for finish in ("matte", "glossy")
    )
    lips = scenes.part_mask(0, "lips")[0] > 0.8
    assert srgb_to_lab(glossy)[0, lips].quantile(0.98) > srgb_to_lab(matte)[0, lips].quantile(0.98) + 5


def test_finishes_change_the_target_as_they_say():
    plain, dark, light, pastel = (
        target_lab(PartColour("hair", "emerald", f)) for f in ("", "dark", "light", "pastel")
    )
    assert dark[0] < plain[0] < light[0] and pastel[0] > plain[0]
    assert math.hypot(*pastel[1:]) < math.hypot(*plain[1:])
    assert target_lab(PartColour("hair", "blue", "dark")) == lab_values("navy")


def test_the_same_seed_gives_the_same_scenes_pictures_and_captions(scenes):
    def all_of(seed):
        rng = np.random.default_rng(seed)
        drawn = [scene for _ in range(5) for scene in scenes.draw(1, rng)]
        return drawn, [scenes.render(scene, rng) for scene in drawn], [caption(scene, rng).text for scene in drawn]

    first, again, other = all_of(3), all_of(3), all_of(4)
    assert first[0] == again[0] and first[2] == again[2]
    assert all(torch.equal(a, b) for a, b in zip(first[1], again[1], strict=True))
    assert first[0] != other[0]


@pytest.mark.parametrize("style", [style for style, _ in STYLES])
def test_each_style_makes_four_different_scenes(scenes, rng, style):
    for _ in range(20):
        four = style(scenes.shown_parts(0), rng)
        assert len(four) == 4 and len(set(four)) == 4
        for paints, _ in four:
            assert len({(p.part, p.pattern) for p in paints}) == len(paints)
            assert not unseen_colours() & {p.colour for p in paints}


def test_captions_are_true_of_their_scene_and_held_out_words_stay_held_out(scenes):
    rng, texts, unseen = np.random.default_rng(5), set(), set()
    words = [noun for nouns in HELD_OUT_NOUNS.values() for noun in nouns]
    held_out = re.compile(r"\b(" + "|".join(map(re.escape, words)) + r")\b")
    for _ in range(1250):
        for scene in scenes.draw(0, rng):
            said = caption(scene, rng)
            assert agreement(said, scene) == 1, (said, scene)
            assert not says_unseen(said.text)
            assert not held_out.search(said.text.lower()), said.text
            texts.add(said.text.lower().rstrip("."))
            other = caption(scene, rng, held_out=True)
            assert agreement(other, scene) == 1
            unseen.add(other.text.lower().rstrip("."))
    assert not texts & unseen


def test_plain_captions_parse_back_and_are_at_least_two_fifths(scenes):
    rng, short, total = np.random.default_rng(6), 0, 0
    for _ in range(300):
        scene = scenes.draw(0, rng)[0]
        if scene.character or any(p.pattern for p in scene.paints):
            continue
        said = caption(scene, rng)
        paints = [claim.paint for claim in said.claims if claim.paint]
        total += 1
        nouns = [noun for p in paints for noun in (*PART_NOUNS[p.part], *MORE_NOUNS[p.part])]
        short += any(said.text.lower().rstrip(".").endswith(noun) for noun in nouns) and len(said.text.split()) <= 6
        if len(said.claims) == 1 and not paints[0].finish:
            meaning = understand(said.text)
            assert meaning is not None, said
            assert meaning.part == paints[0].part, said
            assert math.dist(lab_values(meaning.colour), lab_values(paints[0].colour)) < 1, said
    assert short > 0.4 * total


def scene_of(*paints: PartColour, character: str = "", **states: int) -> Scene:
    named = tuple(states.get(name.replace(" ", "_"), 0) for name in STATES)
    return Scene(0, paints, named, character, (("hair", lab_values("brown")), ("lips", (50.0, 25.0, 12.0))))


def says(*claims: Claim) -> Caption:
    return Caption("", claims)


@pytest.mark.parametrize(
    ("claimed", "painted", "expected"),
    [
        (PartColour("hair", "blue"), PartColour("hair", "blue"), 1),
        (PartColour("hair", "blue"), PartColour("hair", "red"), -1),
        (PartColour("hair", "blue"), PartColour("lips", "blue"), -1),
        (PartColour("hair", "navy"), PartColour("hair", "blue", "dark"), 1),
        (PartColour("hair", "blue"), PartColour("hair", "navy"), 0),
        (PartColour("hair", "white"), PartColour("hair", "silver"), -1),
        (PartColour("hair", "silver"), PartColour("hair", "white"), -1),
        (PartColour("hair", "blue"), PartColour("hair", "purple"), -1),
        (PartColour("hair", "silver"), PartColour("hair", "grey"), 0),
        (PartColour("hair", "brown"), PartColour("lips", "blue"), 1),
        (PartColour("goatee", "green"), PartColour("beard", "green"), 0),
        (PartColour("goatee", "green"), PartColour("beard", "red"), -1),
        (PartColour("cheeks", "white"), PartColour("skin", "white"), 0),
        (PartColour("skin", "white"), PartColour("cheeks", "white"), -1),
        (PartColour("lips", "red", "matte"), PartColour("lips", "red", "glossy"), -1),
        (PartColour("lips", "red"), PartColour("lips", "red", "glossy"), 1),
        (PartColour("lips", "red", "glossy"), PartColour("lips", "red"), 0),
        (PartColour("cheeks", None, "", "freckles"), PartColour("cheeks", None, "", "stripes"), -1),
        (PartColour("cheeks", "blue", "", "stripes"), PartColour("cheeks", "red", "", "stripes"), -1),
        (PartColour("cheeks", None, "", "stripes"), PartColour("cheeks", "red", "", "stripes"), 1),
    ],
)
def test_paint_claims(claimed, painted, expected):
    assert agreement(says(Claim(paint=claimed)), scene_of(painted)) == expected


def test_state_bare_and_character_claims():
    smiling = scene_of(smiling=1, male=1)
    assert agreement(says(Claim(state="smiling")), smiling) == 1
    assert agreement(says(Claim(state="smiling", sign=-1)), smiling) == -1
    assert agreement(says(Claim(state="old")), smiling) == 0
    assert agreement(says(), smiling) == 1
    assert agreement(says(Claim(bare=True)), smiling) == 1
    assert agreement(says(Claim(bare=True)), scene_of(PartColour("lips", "blue"))) == -1
    assert agreement(says(Claim(bare=True)), scene_of(PartColour("background", "blue"))) == 0
    assert agreement(says(Claim(state="bearded", sign=-1)), scene_of(PartColour("beard", "blue"), bearded=-1)) == -1
    assert agreement(says(Claim(character="zombie")), scene_of(character="zombie")) == 1
    assert agreement(says(Claim(character="zombie")), scene_of(character="clown")) == -1
    assert agreement(says(Claim(character="joker")), scene_of(character="clown")) == 0
    both = says(Claim(state="smiling"), Claim(paint=PartColour("lips", "green")))
    assert agreement(both, smiling) == -1


@pytest.mark.parametrize("character", CHARACTERS)
def test_characters_are_bundles_of_known_colours(scenes, rng, character):
    paints = bundle(character, PARTS, rng)
    assert any(paint.part == "skin" for paint in paints)
    scene = scenes.scene(0, paints, character)
    picture = scenes.render(scene, rng)
    assert (picture - scenes.render(scenes.scene(0), rng)).abs().mean() > 0.02
    assert agreement(says(*(Claim(paint=paint) for paint in paints)), scene) == 1


def test_every_everyday_colour_and_part_has_words():
    for part in PARTS:
        assert len(USUAL.nouns[part]) >= 3 and HELD_OUT_NOUNS[part]
        for noun in PART_NOUNS[part]:
            for colour in ("green", "dusty rose", *list(COLOURS)[:3]):
                meaning = understand(f"{colour} {noun}")
                assert meaning is not None and (meaning.part, meaning.colour) == (part, colour)
