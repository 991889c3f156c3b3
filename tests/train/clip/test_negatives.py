"""What is no face pleases no prompt, and what an attack made is judged by what it shows."""

from __future__ import annotations

import numpy as np
import torch

from mcaclip.generators.synthesis import synthesize
from tests.generators.toy import ToyGenerator
from tests.helpers.drawn_faces import drawn_faces
from tests.helpers.toy_space import FixedParser, ToySpace
from train.clip.captions.write import caption
from train.clip.negatives import Attack, no_faces
from train.clip.scenes.types import Caption, Claim, PartColour, agreement

FACES = np.arange(2)


def after_steps(labels: np.ndarray, steps: int) -> tuple[Attack, np.random.Generator]:
    attack, rng = Attack(ToyGenerator(), FixedParser(labels), kept=5, every=3), np.random.default_rng(0)
    for _ in range(steps):
        attack.advance(ToySpace(), rng)
    return attack, rng


def test_of_what_is_no_face_only_that_is_true(scenes):
    rng = np.random.default_rng(1)
    found = no_faces(scenes, FACES, 12, rng)
    assert len({text.text for _, _, text in found}) > 3
    for picture, scene, text in found:
        assert picture.shape == (3, 192, 192) and picture.abs().max() <= 1
        assert agreement(text, scene) == 1
        assert agreement(text, scenes.scene(0)) == -1
        assert agreement(Caption("a face", ()), scene) == -1
        for said in (caption(scenes.draw(0, rng)[0], rng) for _ in range(4)):
            assert agreement(said, scene) == -1
        assert (picture - scenes.render(scenes.scene(scene.face), rng)).abs().mean() > 0.1


def test_an_attack_keeps_its_last_pictures_and_moves_towards_its_prompt(scenes):
    attack, rng = after_steps(drawn_faces(1).labels[0], 4)
    climb, space = attack.climbs[0], ToySpace()
    target = space.encode_text([climb.text])[0]
    first = attack.generator
    before, after = (
        float(space.encode_image(synthesize(first, code).image.detach())[0] @ target)
        for code in (climb.code, (climb.code + climb.shift).detach())
    )
    assert after > before
    for _ in range(20):
        attack.advance(space, rng)
    assert len(attack.pool) == 5
    found = attack.examples(scenes, FACES, 2, rng)
    assert len(found) == 4 and all(picture.shape == (3, 192, 192) for picture, _, _ in found)
    for (_, attacked, text), (_, painted, same) in zip(found[::2], found[1::2], strict=True):
        assert text == same and agreement(same, painted) == 1
        assert agreement(Caption("smiling", (Claim(state="smiling"),)), attacked) == 0
        assert agreement(Caption("a zombie", (Claim(character="zombie"),)), attacked) == -1


def test_an_attack_is_judged_by_the_colours_that_the_parser_finds():
    attack, _ = after_steps(drawn_faces(1).labels[0], 3)
    climb = attack.climbs[0]
    climb.paint = PartColour("hair", "blue")
    blue = torch.tensor([-0.9, -0.5, 0.6])[:, None, None].expand(3, 256, 256)
    _, scene, _ = attack._measured(blue, climb)
    assert agreement(Caption("blue hair", (Claim(paint=climb.paint),)), scene) == 1
    assert agreement(Caption("red hair", (Claim(paint=PartColour("hair", "red")),)), scene) == -1
    assert agreement(Caption("blue goatee", (Claim(paint=PartColour("goatee", "blue")),)), scene) == -1


def test_without_eyes_and_mouth_there_is_no_face():
    attack, _ = after_steps(np.zeros((256, 256), np.uint8), 3)
    _, scene, text = attack.pool[0]
    assert scene.face_like == -1 and agreement(text, scene) == -1
