"""How well FaceCLIP understands faces and wordings that are not in its training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.imaging.colour import lab_of, lab_values
from mcaclip.language.colours import unseen_colours
from mcaclip.language.grammar import PART_NOUNS
from mcaclip.language.word_tables import Table, read_words
from train.clip.captions.wording import HELD_OUT, USUAL
from train.clip.captions.write import caption
from train.clip.scenes.scenes import SceneSet
from train.clip.scenes.types import (
    DISTINCT,
    OTHER,
    PARTS,
    STATES,
    Caption,
    Lab,
    PartColour,
    Scene,
    agreement,
)

LARGE_PARTS = ("hair", "skin", "background", "clothes")
CHOICES = 12
CAPTIONS = 100
DRAWS = 6
OUTSIDE: Table = read_words("report")["outside"]
"""Wordings by part that no template makes, many with words that no caption has."""
BLIND: Table = read_words("report")["blind"]
"""Wordings by part, by somebody who had seen nothing of this project."""


@dataclass
class Tally:
    """Hits by name."""

    hits: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, name: str, hit: bool) -> None:
        """Count one answer."""
        self.hits.setdefault(name, []).append(hit)

    def shares(self) -> dict[str, dict[str, float]]:
        """Share of hits and number of answers by name."""
        return {name: {"share": round(float(np.mean(h)), 4), "of": len(h)} for name, h in self.hits.items()}


@torch.no_grad()
def encode_pictures(space: ClipSpace, scenes: SceneSet, shown: Sequence[Scene], rng: np.random.Generator) -> Tensor:
    """`[N, D]`, one picture per scene, without augmentation."""
    return torch.cat([space.encode_image(scenes.render(scene, rng)[None]) for scene in shown])


@torch.no_grad()
def colours_of_parts(space: ClipSpace, scenes: SceneSet, faces: Sequence[int], rng: np.random.Generator) -> Tally:
    """Paints each part of each face in one of 12 colours: is the right caption the best of 12?

    The captions are a training noun and a held-out noun in a held-out sentence, `OUTSIDE` and `BLIND`. "Any part and
    colour" compares with all parts and colours at once, also with the right part's held-out nouns and blind wordings,
    because a colour can be found without understanding the noun, but a part cannot.
    """
    tally, sentence = Tally(), HELD_OUT.sentences["things"][0]
    usual = {p: _texts(space, sentence.format(s="someone", t="{} " + PART_NOUNS[p][0])) for p in PARTS}
    unseen = {p: _texts(space, sentence.format(s="someone", t="{} " + HELD_OUT.nouns[p][0])) for p in PARTS}
    nouns = {p: [_texts(space, "{} " + noun) for noun in HELD_OUT.nouns[p]] for p in PARTS}
    outside = {part: {text: _texts(space, text) for text in texts} for part, texts in OUTSIDE.items()}
    blind = {part: [_texts(space, text) for text in texts] for part, texts in BLIND.items()}
    everything = torch.cat([usual[part] for part in PARTS])
    for face in faces:
        for part in scenes.shown_parts(face):
            colour = int(rng.integers(len(DISTINCT)))
            painted = scenes.render(scenes.scene(face, (PartColour(part, DISTINCT[colour]),)), rng)
            picture = space.encode_image(painted[None])[0]
            tally.add(f"ruler, {part}", nearest_colour(scenes.measure(painted, face, part)) == DISTINCT[colour])
            tally.add(f"colour of {part}", _best(usual[part], picture) == colour)
            first = PARTS.index(part) * CHOICES
            tally.add("any part and colour", _best(everything, picture) == first + colour)
            others = torch.cat([everything[:first], everything[first + CHOICES :]])
            rival = float((others @ picture).max())
            for vectors in nouns[part]:
                tally.add("any part and colour, unseen nouns", _best_of_all(vectors, rival, picture) == colour)
            for vectors in blind[part]:
                tally.add("blind wordings", _best(vectors, picture) == colour)
                tally.add("any part and colour, blind wordings", _best_of_all(vectors, rival, picture) == colour)
            tally.add("unseen nouns", _best(unseen[part], picture) == colour)
            for text, vectors in outside.get(part, {}).items():
                hit = _best(vectors, picture) == colour
                tally.add("outside wordings", hit)
                tally.add(f"outside: {text}", hit)
    return tally


def nearest_colour(lab: Lab | None, lab_by_name: Callable[[str], Lab] = lab_values) -> str | None:
    """The test colour nearest to a part's mean, which shading and thin paint can mislead."""
    return min(DISTINCT, key=lambda name: math.dist(lab, lab_by_name(name))) if lab else None


def _texts(space: ClipSpace, pattern: str) -> Tensor:
    return space.encode_text([pattern.format(colour) for colour in DISTINCT])


def _best(texts: Tensor, picture: Tensor) -> int:
    return int((texts @ picture).argmax())


def _best_of_all(texts: Tensor, rival: float, picture: Tensor) -> int | None:
    """The result of `_best`; None where the cosine `rival` of another text is higher."""
    return _best(texts, picture) if float((texts @ picture).max()) > rival else None


@torch.no_grad()
def unseen_colour_names(space: ClipSpace, scenes: SceneSet, faces: Sequence[int], rng: np.random.Generator) -> Tally:
    """Paints a large part in a colour whose name is in no caption: is it the best of 12 such names?"""
    tally, names = Tally(), sorted(unseen_colours())
    for face in faces:
        parts = [part for part in LARGE_PARTS if part in scenes.shown_parts(face)]
        part, choices = str(rng.choice(parts)), _different(names, rng)
        picture = encode_pictures(space, scenes, [scenes.scene(face, (PartColour(part, choices[0]),))], rng)[0]
        texts = space.encode_text([f"{name} {PART_NOUNS[part][0]}" for name in choices])
        tally.add("unseen colour names", _best(texts, picture) == 0)
    return tally


def _different(names: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Twelve names whose colours lie apart."""
    chosen: list[str] = []
    for index in rng.permutation(len(names)):
        lab = lab_of(names[index])
        if all(float((lab - lab_of(other)).norm()) > OTHER for other in chosen):
            chosen.append(names[index])
        if len(chosen) == CHOICES:
            break
    return chosen


@torch.no_grad()
def attributes(space: ClipSpace, scenes: SceneSet, faces: Sequence[int], rng: np.random.Generator) -> Tally:
    """Unpainted faces with a known state: does its phrase fit better than that of its opposite?

    Asked with phrases of the captions, and with words that no caption has.
    """
    tally = Tally()
    shown = [scenes.scene(face) for face in faces]
    pictures = encode_pictures(space, scenes, shown, rng)
    for wording, phrases in (("attribute", USUAL.states), ("attribute in unseen words", HELD_OUT.states)):
        for number, state in enumerate(STATES):
            yes, no = (space.encode_text(list(phrases[state, sign])).mean(0) for sign in (1, -1))
            for scene, picture in zip(shown, pictures, strict=True):
                if sign := scene.states[number]:
                    hit = bool((picture @ (yes - no) > 0) == (sign > 0))
                    tally.add(f"{wording}: {state}", hit)
                    tally.add(f"{wording}: all", hit)
    return tally


@torch.no_grad()
def retrieval(space: ClipSpace, scenes: SceneSet, faces: Sequence[int], rng: np.random.Generator) -> Tally:
    """Is the best of 100 distinct captions the picture's own, and is it true? In held-out and in known words.

    The figures are over several draws of captions, because those of a single draw vary by five points.
    """
    tally = Tally()
    for held_out in (True, False) * DRAWS:
        shown, texts = _distinct_captions(scenes, faces, rng, held_out)
        vectors = space.encode_text([said.text for said in texts])
        words = "" if held_out else ", known words"
        for number, scene in enumerate(shown):
            best = _best(vectors, encode_pictures(space, scenes, [scene], rng)[0])
            tally.add(f"recall@1 of {len(texts)}{words}", best == number)
            tally.add(f"best of {len(texts)} is true{words}", agreement(texts[best], scene) > 0)
    return tally


def _distinct_captions(
    scenes: SceneSet, faces: Sequence[int], rng: np.random.Generator, held_out: bool
) -> tuple[list[Scene], list[Caption]]:
    """Drawn scenes with one caption each; captions that say nothing or repeat another are left out."""
    texts: list[Caption] = []
    shown: list[Scene] = []
    for face in faces:
        scene = scenes.draw(int(face), rng)[0]
        said = caption(scene, rng, held_out)
        if said.claims and said.text not in {t.text for t in texts} and len(texts) < CAPTIONS:
            texts.append(said)
            shown.append(scene)
    return shown, texts


def report(space: ClipSpace, scenes: SceneSet, faces: Sequence[int], seed: int = 0) -> dict[str, dict[str, float]]:
    """All figures on held-out faces: name to share and number."""
    found: dict[str, dict[str, float]] = {}
    for measure in (colours_of_parts, unseen_colour_names, attributes, retrieval):
        found |= measure(space, scenes, faces, np.random.default_rng(seed)).shares()
    return found
