"""Draws the four scenes of a face that go into a batch together; each style varies one thing that words can say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import COLOURS, names_by_words, plain, says_unseen, survey_colours, unseen_colours
from mcaclip.language.word_tables import Table, read_words
from train.clip.scenes.types import CHARACTERS, PATTERNS, SHEENS, PartColour, same_colour, target_lab

WEIGHT = {
    "hair": 1.6, "lips": 1.6, "eyes": 1.3, "goatee": 1.3, "brows": 1.2, "beard": 1.0, "moustache": 1.0, "skin": 1.0,
    "cheeks": 0.8, "teeth": 1.0, "ears": 1.0, "background": 1.1, "clothes": 1.5,
}  # fmt: skip
"""How often a part is drawn where it shows."""
SURVEY_SHARE = 0.3
FINISH_SHARE = 0.2
GLOSSY_PARTS = frozenset({"lips", "hair", "skin", "cheeks", "clothes"})
CHARACTER_COLOURS: dict[str, Table] = read_words("characters")["colours"]
"""Colours to choose from for each part that makes a character."""
EXCLUSIVE = ({"goatee", "beard"},)
"""Parts that lie on top of each other and are not painted together."""


class Painting(NamedTuple):
    """The painted parts of a scene, and the character that they make or ""."""

    paints: tuple[PartColour, ...] = ()
    character: str = ""


@cache
def survey_names() -> tuple[str, ...]:
    """Survey colours that training may name: they contain no held-out name and have one meaning."""
    names = set(survey_colours()) - set(COLOURS)
    return tuple(sorted(n for n in names if not says_unseen(n) and names_by_words()[plain(n)] == n))


def draw_colour(rng: np.random.Generator) -> str:
    """An everyday colour or, less often, one of the survey."""
    names: Sequence[str] = survey_names() if rng.random() < SURVEY_SHARE else tuple(COLOURS)
    return names[int(rng.integers(len(names)))]


def other_colour(paint: PartColour, rng: np.random.Generator) -> str:
    """A colour that is clearly another one; half of the time among the nearest such ones."""
    shown = target_lab(paint)
    assert shown is not None
    found = [c for c in (draw_colour(rng) for _ in range(16)) if same_colour(lab_values(c), shown) < 0]
    everyday = [c for c in COLOURS if same_colour(lab_values(c), shown) < 0]
    if rng.random() < 0.5:
        return min(found + everyday, key=lambda c: math.dist(lab_values(c), shown))
    return (found or everyday)[0]


def draw_finish(part: str, colour: str, rng: np.random.Generator) -> str:
    """A finish that suits a colour, or "" for none."""
    lightness, a, b = lab_values(colour)
    chroma = (a * a + b * b) ** 0.5
    fits = ["pastel", "neon"] if chroma > 25 else []
    fits += ["dark"] if lightness > 35 else []
    fits += ["light"] if lightness < 70 else []
    fits = [f for f in fits if f"{f} {colour}" not in unseen_colours() and colour in COLOURS]
    fits += SHEENS if part in GLOSSY_PARTS else []
    return str(rng.choice(fits)) if fits else ""


def draw_paint(part: str, rng: np.random.Generator, colour: str | None = None) -> PartColour:
    """One painted part, now and then with a finish."""
    colour = colour or draw_colour(rng)
    finish = draw_finish(part, colour, rng) if rng.random() < FINISH_SHARE else ""
    return PartColour(part, colour, finish)


def draw_parts(shown: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Up to `count` different parts that may be painted together."""
    weights = np.array([WEIGHT[part] for part in shown])
    chosen: list[str] = []
    for index in rng.choice(len(shown), len(shown), replace=False, p=weights / weights.sum()):
        part = shown[int(index)]
        clash = any(part in group and group & set(chosen) for group in EXCLUSIVE)
        if len(chosen) < count and not clash:
            chosen.append(part)
    return chosen


def draw_pattern(rng: np.random.Generator, but: str = "") -> PartColour:
    """A pattern, in its own colour or, where that makes sense, in a drawn one."""
    names = [name for name in PATTERNS if name != but]
    name = names[int(rng.integers(len(names)))]
    part = PATTERNS[name][0]
    if name == "stripes" or (name in ("eyeliner", "glitter", "smoky eyes") and rng.random() < 0.4):
        return PartColour(part, draw_colour(rng), "", name)
    if name == "blush" and rng.random() < 0.4:
        return PartColour(part, str(rng.choice(("pink", "coral", "red", "rose"))), "", name)
    return PartColour(part, None, "", name)


def _colours(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """One part in two colours, another part in the first one, and nothing."""
    parts = draw_parts(shown, 2, rng)
    first = draw_paint(parts[0], rng)
    other = PartColour(parts[0], other_colour(first, rng))
    elsewhere = PartColour(parts[-1], first.colour, first.finish if first.finish not in SHEENS else "")
    if len(parts) < 2:
        elsewhere = PartColour(parts[0], other_colour(other, rng))
    return [Painting((first,)), Painting((other,)), Painting((elsewhere,)), Painting()]


def _swapped(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """Two parts in two colours, the colours swapped, and each part alone."""
    parts = draw_parts(shown, 2, rng)
    if len(parts) < 2:
        return _colours(shown, rng)
    first = PartColour(parts[0], draw_colour(rng))
    second = PartColour(parts[1], other_colour(first, rng))
    swapped = (PartColour(parts[0], second.colour), PartColour(parts[1], first.colour))
    return [Painting((first, second)), Painting(swapped), Painting((first,)), Painting((second,))]


def _facial_hair(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """A part of the lower face in two colours, one nearby in the first of them, and another or nothing."""
    here = [part for part in ("goatee", "beard", "moustache", "lips", "cheeks") if part in shown]
    if len(here) < 2:
        return _colours(shown, rng)
    order = [str(part) for part in rng.permutation(here)]
    first = draw_paint(order[0], rng)
    last = Painting() if rng.random() < 0.5 else Painting((PartColour(order[-1], other_colour(first, rng)),))
    other = PartColour(order[0], other_colour(first, rng))
    return [Painting((first,)), Painting((other,)), Painting((PartColour(order[1], first.colour),)), last]


def _finishes(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """One part and colour in two finishes, plain in another colour, and nothing."""
    suited = [part for part in shown if part in GLOSSY_PARTS]
    if suited and rng.random() < 0.5:
        part, colour = draw_parts(suited, 1, rng)[0], draw_colour(rng)
        pair = SHEENS
    else:
        part, colour = draw_parts(shown, 1, rng)[0], str(rng.choice(tuple(COLOURS)))
        pair = ("dark", "light") if rng.random() < 0.5 else ("neon", "pastel")
        if any(f"{finish} {colour}" in unseen_colours() for finish in pair):
            return _colours(shown, rng)
    first, second = (PartColour(part, colour, finish) for finish in pair)
    other = PartColour(part, other_colour(first, rng))
    return [Painting((first,)), Painting((second,)), Painting((other,)), Painting()]


def _patterns(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """A pattern, another one, the first one with a painted part, and that part alone or nothing."""
    if "cheeks" not in shown or "eyes" not in shown:
        return _colours(shown, rng)
    pattern = draw_pattern(rng)
    other = draw_pattern(rng, but=pattern.pattern)
    allowed = [part for part in shown if part not in ("cheeks", "skin")]
    paint = draw_paint(draw_parts(allowed, 1, rng)[0], rng)
    alone = Painting((paint,)) if rng.random() < 0.6 else Painting()
    return [Painting((pattern,)), Painting((other,)), Painting((pattern, paint)), alone]


def _many(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """Three or four painted parts, and the same with one, two and all of the colours changed."""
    parts = draw_parts(shown, int(rng.integers(3, 5)), rng)
    paints = [draw_paint(part, rng) for part in parts]
    out = [Painting(tuple(paints))]
    for changed in (1, 2, len(parts)):
        new = list(paints)
        for index in rng.permutation(len(parts))[:changed]:
            new[int(index)] = PartColour(parts[int(index)], other_colour(paints[int(index)], rng))
        out.append(Painting(tuple(new)))
    return out


def bundle(character: str, shown: Sequence[str], rng: np.random.Generator) -> tuple[PartColour, ...]:
    """The visible ones of the painted parts that make a character."""
    choices = CHARACTER_COLOURS[character].items()
    known = {part: [c for c in names if c not in unseen_colours()] for part, names in choices}
    return tuple(PartColour(part, str(rng.choice(names))) for part, names in known.items() if names and part in shown)


def _characters(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """Two characters, one painted part of the first alone, and nothing."""
    if "skin" not in shown:
        return _colours(shown, rng)
    first, second = (str(name) for name in rng.permutation(CHARACTERS)[:2])
    paints, others = bundle(first, shown, rng), bundle(second, shown, rng)
    alone = paints[int(rng.integers(len(paints)))]
    return [Painting(paints, first), Painting(others, second), Painting((alone,)), Painting()]


STYLES: tuple[tuple[Callable[[Sequence[str], np.random.Generator], list[Painting]], float], ...] = (
    (_colours, 0.26), (_swapped, 0.20), (_facial_hair, 0.11), (_finishes, 0.08), (_patterns, 0.12), (_many, 0.15),
    (_characters, 0.08),
)  # fmt: skip


def draw_paints(shown: Sequence[str], rng: np.random.Generator) -> list[Painting]:
    """Paintings of four scenes of a face that shows the parts `shown`."""
    if not shown:
        return [Painting()] * 4
    weights = [weight for _, weight in STYLES]
    style = STYLES[int(rng.choice(len(STYLES), p=weights))][0]
    return style(shown, rng)
