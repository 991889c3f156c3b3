"""Pictures that should match no prompt: those that show no face, and those that an attack makes of faces.

An optimisation against FaceCLIP leaves the distribution of painted pictures. Unless training includes some of what it
finds there, the towers' output on it is arbitrary, and an optimisation can exploit that.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import synthesize
from mcaclip.language.colours import COLOURS
from mcaclip.perception.face_parser import FaceParser
from train.clip.captions.wording import USUAL
from train.clip.scenes.part_masks import FaceMap
from train.clip.scenes.scenes import NATURAL, SceneSet, mean_lab
from train.clip.scenes.types import FACIAL_HAIR_PARTS, PARTS, STATES, Caption, Claim, Lab, PartColour, Scene
from train.common.faces import CodeSampler, hold_rows

NOTHING_KNOWN = (0,) * len(STATES)
MOST_VIVID = 80.0
"""Chroma of the most vivid everyday colours."""
SAMPLER = CodeSampler(psi=(0.5, 0.9), mix=0.2, jitter=0.2)


class Example(NamedTuple):
    """A picture `[3, S, S]` in [-1, 1], what is known of it, and a caption to compare with it, true or not."""

    picture: Tensor
    scene: Scene
    caption: Caption


def no_faces(scenes: SceneSet, faces: np.ndarray, count: int, rng: np.random.Generator) -> list[Example]:
    """Pictures of faces that are broken beyond recognition, each with a caption that says so."""
    kinds, texts = (_shuffled, _noisy, _glaring), USUAL.sentences["no_face"]
    found = []
    for _ in range(count):
        drawn = scenes.draw(int(rng.choice(faces)), rng)[0]
        picture = kinds[int(rng.integers(len(kinds)))](scenes.render(drawn, rng), rng)
        text = Caption(texts[int(rng.integers(len(texts)))], (Claim(no_face=True),))
        found.append(Example(picture, Scene(drawn.face, (), NOTHING_KNOWN, face_like=-1), text))
    return found


def _shuffled(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """The squares of a grid in another order."""
    side = picture.shape[-1] // int(rng.integers(5, 10))
    rows = picture.shape[-1] // side
    squares = picture[:, : rows * side, : rows * side].unfold(1, side, side).unfold(2, side, side)
    mixed = squares.flatten(1, 2)[:, torch.from_numpy(rng.permutation(rows * rows))].view_as(squares)
    out = picture.clone()
    out[:, : rows * side, : rows * side] = mixed.transpose(2, 3).reshape(3, rows * side, rows * side)
    return out


def _noisy(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Nearly all noise, coarse or fine, around one colour."""
    side = int(picture.shape[-1] / rng.choice((1, 2, 6, 16, 48)))
    noise = torch.from_numpy(rng.standard_normal((1, 3, side, side), dtype=np.float32))
    noise = F.interpolate(noise, size=picture.shape[-2:], mode="bilinear")[0] * float(rng.uniform(0.1, 0.8))
    noise += torch.from_numpy(rng.uniform(-1, 1, (3, 1, 1)).astype(np.float32))
    return (noise + float(rng.uniform(0, 0.25)) * (picture - noise)).clamp(-1, 1)


def _glaring(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Blurred, and with the contrast turned up until little more than patches of pure colours are left."""
    pixels = picture.permute(1, 2, 0).contiguous().numpy()
    blurred = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(8, 20)))
    if rng.random() < 0.5:
        blurred = np.ascontiguousarray(blurred[::-1])
    centre = blurred.mean((0, 1)) + rng.normal(0, 0.3, 3)
    glaring = np.clip((blurred - centre) * rng.uniform(4, 15), -1, 1).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(glaring.transpose(2, 0, 1)))


def _tempered(lab: Lab) -> Lab:
    """A measured colour with at most the chroma of paint: pure sRGB blue is far from the named blue, yet blue."""
    lightness, a, b = lab
    factor = min(1.0, MOST_VIVID / max(math.hypot(a, b), 1e-6))
    return lightness, factor * a, factor * b


def _beside(attacked: Example, scenes: SceneSet, faces: np.ndarray, rng: np.random.Generator) -> list[Example]:
    """An attacked picture and a face on which its prompt is painted; empty where no face shows the part."""
    paint = attacked.caption.claims[0].paint
    showing = [f for f in map(int, rng.choice(faces, 8)) if paint and paint.part in scenes.shown_parts(f)]
    if not paint or not showing:
        return []
    painted = scenes.scene(showing[0], (paint,))
    size = (scenes.size, scenes.size)
    small = F.interpolate(attacked.picture[None], size=size, mode="bilinear", antialias=True)[0]
    return [attacked._replace(picture=small), Example(scenes.render(painted, rng), painted, attacked.caption)]


@dataclass
class _Climb:
    """An ascent in progress: the shift of a code towards a prompt that names a part and a colour."""

    code: Tensor
    shift: Tensor
    optimizer: torch.optim.Optimizer
    paint: PartColour
    text: str
    steps: int
    longest: float


class Attack:
    """Latent ascents on the towers in training, one step at a time, and the pictures that they pass through.

    Args:
        generator: draws the faces.
        parser: measures what a picture really shows.
        climbs: simultaneous ascents.
        kept: pictures that are kept.
        every: steps of an ascent from one kept picture to the next.
    """

    def __init__(self, generator: Generator, parser: FaceParser, climbs: int = 2, kept: int = 48, every: int = 6):
        self.generator, self.parser, self.every = generator, parser, every
        self.climbs: list[_Climb | None] = [None] * climbs
        self.pool: deque[Example] = deque(maxlen=kept)

    def advance(self, space: ClipSpace, rng: np.random.Generator) -> None:
        """One step of every ascent; new ones replace ended ones. The gradients of the space stay as they are."""
        climbs = [climb if climb and climb.steps > 0 else self._begin(rng) for climb in self.climbs]
        self.climbs = list(climbs)
        with torch.autocast(climbs[0].code.device.type, torch.bfloat16):
            pictures = synthesize(self.generator, torch.cat([c.code + c.shift for c in climbs])).image.float()
            seen = space.encode_image(pictures).float()
            with torch.no_grad():
                wanted = space.encode_text([c.text for c in climbs]).float()
        gradients = torch.autograd.grad(-(seen * wanted).sum(), [c.shift for c in climbs])
        for climb, gradient, picture in zip(climbs, gradients, pictures.detach(), strict=True):
            climb.shift.grad = gradient
            climb.optimizer.step()
            hold_rows(climb.shift, climb.longest)
            climb.steps -= 1
            if climb.steps % self.every == 0:
                self.pool.append(self._measured(picture.clamp(-1, 1), climb))

    def examples(self, scenes: SceneSet, faces: np.ndarray, count: int, rng: np.random.Generator) -> list[Example]:
        """Up to `count` of the kept pictures, each followed by a face that is painted as the prompt asks."""
        chosen = rng.choice(len(self.pool), min(count, len(self.pool)), replace=False)
        return [example for number in chosen for example in _beside(self.pool[int(number)], scenes, faces, rng)]

    def _begin(self, rng: np.random.Generator) -> _Climb:
        code = SAMPLER.draw(self.generator, 1, rng)
        shift = torch.zeros_like(code, requires_grad=True)
        optimizer = torch.optim.Adam([shift], float(np.exp(rng.uniform(np.log(0.008), np.log(0.05)))))
        longest = float(rng.choice((1.0, 1.5, 100.0))) * float((code[:, 0] - self.generator.w_avg).norm(dim=1).mean())
        part, colour = str(rng.choice(PARTS)), str(rng.choice(tuple(COLOURS)))
        noun = USUAL.nouns[part][int(rng.integers(2))]
        return _Climb(
            code, shift, optimizer, PartColour(part, colour), f"{colour} {noun}", int(rng.integers(30, 101)), longest
        )

    def _measured(self, picture: Tensor, climb: _Climb) -> Example:
        """What the parser measures in a picture, as a scene."""
        with torch.no_grad():
            labels = self.parser.probabilities(picture[None])[0].argmax(0).to(torch.uint8).cpu().numpy()
        small = F.interpolate(picture[None], size=(192, 192), mode="area")[0]
        rgb = ((small + 1) / 2).permute(1, 2, 0).contiguous().cpu().numpy()
        face = FaceMap(labels, cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab))
        # of facial hair only the requested part is measured: on a shaven chin nothing else makes a beard
        asked = {climb.paint.part} & FACIAL_HAIR_PARTS
        means = ((part, mean_lab(face, rgb, part)) for part in (*NATURAL, *asked))
        natural = tuple((part, _tempered(lab)) for part, lab in means if lab is not None)
        like = 0 if face.mouth is not None or face.eyes else -1
        scene = Scene(-1, (), NOTHING_KNOWN, natural=natural, face_like=like)
        return Example(picture, scene, Caption(climb.text, (Claim(paint=climb.paint),)))
