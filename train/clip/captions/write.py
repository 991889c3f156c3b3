"""Captions of scenes: which of the true things to say, and how."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import (
    COLOUR_SYNONYMS,
    COLOURS,
    names_by_words,
    plain,
    says_unseen,
)
from mcaclip.language.word_tables import Phrases
from train.clip.captions.wording import (
    COLOURED,
    HELD_OUT,
    PARTICIPLES,
    PLURAL,
    SINGULAR,
    USUAL,
    VIVID,
    WIDER,
    Wording,
)
from train.clip.scenes.draw import draw_pattern, other_colour
from train.clip.scenes.types import (
    CHARACTERS,
    PARTS,
    SAME,
    SHEENS,
    STATES,
    Caption,
    Claim,
    Lab,
    PartColour,
    Scene,
    holds,
    target_lab,
)

PLAIN_SHARE = 0.55
"""Share of captions in the words of a prompt, without a sentence around them: "green lipstick"."""
WIDER_SHARE = 0.5
"""Share of captions that also draw on synonyms."""
COMMON_SHARE = 0.5
"""How often a part goes by one of its two commonest nouns."""
LONGEST = 4
NATURAL_PARTS = ("hair", "hair", "brows", "background", "clothes", "eyes")
WORN_PARTS = frozenset({"lips", "cheeks", "clothes", "eyes"})
LACK_SHARE = {"male": 1.0, "old": 1.0, "smiling": 1.0, "hat": 0.15, "bald": 0.3, "goatee": 0.15, "moustache": 0.15}
"""How often a caption may say that a face lacks something; 0.5 for states that are not listed."""
_TRIES = 8


def caption(scene: Scene, rng: np.random.Generator, held_out: bool = False) -> Caption:
    """Something true of a scene; `held_out`: in the nouns, phrases and sentences that training never uses."""
    return caption_and_twin(scene, rng, held_out)[0]


def caption_and_twin(
    scene: Scene, rng: np.random.Generator, held_out: bool = False, twin: bool = False
) -> tuple[Caption, Caption | None]:
    """A true caption of a scene and, if asked for, its twin with one false claim; None where no claim can be false.

    Both use the same words but for that claim: the twin is a hard negative that no other picture needs to supply.
    """
    for _ in range(_TRIES):
        plain = bool(rng.random() < PLAIN_SHARE)
        claims = choose_claims(scene, rng, plain)
        style, words = int(rng.integers(2**31)), _wording(held_out, bool(rng.random() < WIDER_SHARE))
        changed = falsified(claims, scene, rng) if twin else None
        true = _written(claims, plain, words, style)
        false = _written(changed, plain, words, style) if changed else None
        if held_out or not (says_unseen(true.text) or (false and says_unseen(false.text))):
            break
    return true, false


def _written(claims: tuple[Claim, ...], plain: bool, words: Wording, style: int) -> Caption:
    """A caption in words that are drawn from the seed `style`."""
    return Caption(_Writer(np.random.default_rng(style), words).write(claims, plain), claims)


def say(claims: Sequence[Claim], rng: np.random.Generator, held_out: bool = False, wider: bool = False) -> str:
    """Claims in words, as a prompt or as a sentence; `wider`: with the synonyms as well."""
    return _Writer(rng, _wording(held_out, wider)).write(claims, bool(rng.random() < PLAIN_SHARE))


def _wording(held_out: bool, wider: bool) -> Wording:
    return HELD_OUT if held_out else WIDER if wider else USUAL


def choose_claims(scene: Scene, rng: np.random.Generator, plain: bool) -> tuple[Claim, ...]:
    """One to four true things of a scene, now and then none; fewer for a plain prompt."""
    if scene.character and rng.random() < 0.65:
        return (Claim(character=scene.character),)
    claims = [Claim(paint=_as_named(paint, rng)) for paint in scene.paints]
    rng.shuffle(claims)  # type: ignore[arg-type]
    if claims and ((plain and rng.random() < 0.7) or rng.random() < 0.15):
        claims = claims[: int(rng.integers(1, 3)) if not plain else 1]
    others = _unpainted_claims(scene, rng)
    if not claims:
        if rng.random() < 0.06:
            return ()
        if not scene.paints and (rng.random() < 0.2 or not others):
            claims = [Claim(bare=True)]
        wanted = 1 if plain or claims else int(rng.integers(1, 4))
        claims += others[: max(wanted - len(claims), 0)]
    elif not plain and rng.random() < 0.35:
        claims += others[: int(rng.integers(1, 3))]
    return tuple(claims[:LONGEST])


def _as_named(paint: PartColour, rng: np.random.Generator) -> PartColour:
    """A paint as a caption names it: matte and glossy, and the colours of patterns, may be left out."""
    if paint.finish in SHEENS and rng.random() < 0.3:
        return replace(paint, finish="")
    if paint.pattern and paint.colour is not None and rng.random() < 0.3:
        return replace(paint, colour=None)
    return paint


def _unpainted_claims(scene: Scene, rng: np.random.Generator) -> list[Claim]:
    """States, and everyday colours of what is not painted, in a random order."""
    claims = [Claim(state=name, sign=sign) for name, sign in zip(STATES, scene.states, strict=True) if sign]
    # captions mention what a face lacks less often than what it has
    claims = [c for c in claims if rng.random() < (LACK_SHARE.get(c.state, 0.5) if c.sign < 0 else 1)]
    natural = dict(scene.natural)
    part = NATURAL_PARTS[int(rng.integers(len(NATURAL_PARTS)))]
    if part in natural and (colour := nearest_colour(natural[part])):
        claims.append(Claim(paint=PartColour(part, colour)))
    claims = [claim for claim in claims if holds(claim, scene) > 0]
    rng.shuffle(claims)  # type: ignore[arg-type]
    return _compatible(claims)


def _compatible(claims: list[Claim]) -> list[Claim]:
    """Keeps only the first of the states about facial hair, and the first of those about hair."""
    groups = {"bearded": 1, "goatee": 1, "moustache": 1, "bald": 2, "full hair": 2, "long hair": 2}
    seen: set[int] = set()
    kept = []
    for claim in claims:
        group = groups.get(claim.state, 0)
        if group == 0 or group not in seen:
            kept.append(claim)
        seen.add(group)
    return kept


def falsified(claims: Sequence[Claim], scene: Scene, rng: np.random.Generator) -> tuple[Claim, ...] | None:
    """The claims with one of them made false; None where no change is surely false."""
    for index in rng.permutation(len(claims)):
        for _ in range(_TRIES):
            changed = _changed(claims[index], claims, rng)
            if changed is not None and holds(changed, scene) < 0:
                return (*claims[:index], changed, *claims[index + 1 :])
    return None


def _changed(claim: Claim, claims: Sequence[Claim], rng: np.random.Generator) -> Claim | None:
    """A claim of another colour, part, pattern, character or the opposite state; None for other claims."""
    if claim.state:
        return replace(claim, sign=-claim.sign)
    if claim.character:
        return replace(claim, character=str(rng.choice(CHARACTERS)))
    paint = claim.paint
    if paint is None:
        return None
    if paint.pattern:
        return Claim(paint=draw_pattern(rng, but=paint.pattern))
    if rng.random() < 0.25:
        return Claim(paint=replace(paint, part=str(rng.choice(PARTS))))
    others = [c.paint for c in claims if c.paint and c.paint.colour and c is not claim]
    if others and rng.random() < 0.5:
        other = others[int(rng.integers(len(others)))]
        return Claim(paint=PartColour(paint.part, other.colour, other.finish))
    return Claim(paint=PartColour(paint.part, other_colour(paint, rng)))


def nearest_colour(lab: Lab) -> str | None:
    """The everyday colour that a Lab value may be called; None where it is between two."""
    name = min(COLOURS, key=lambda c: math.dist(lab_values(c), lab))
    return name if math.dist(lab_values(name), lab) < SAME else None


@dataclass(frozen=True)
class _Writer:
    """Puts claims into words.

    Attributes:
        rng: draws the words.
        words: to draw from.
    """

    rng: np.random.Generator
    words: Wording

    @property
    def held_out(self) -> bool:
        return self.words is HELD_OUT

    def write(self, claims: Sequence[Claim], plain: bool) -> str:
        sentences = self.words.sentences
        if not claims:
            text = self.pick(sentences["neutral"])
        elif claims[0].character:
            text = self.pick(self.words.characters[claims[0].character])
            text = text if plain else self.pick(sentences["characters"]).format(text)
        elif plain:
            text = self.join([self.thing(claim, plain=True) for claim in claims])
        else:
            text = self._sentence(claims)
        return self._typed(text)

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def join(self, things: Sequence[str]) -> str:
        if len(things) == 1:
            return things[0]
        if self.chance(0.3):
            return ", ".join(things)
        return ", ".join(things[:-1]) + " and " + things[-1]

    def _sentence(self, claims: Sequence[Claim]) -> str:
        adjectives, things, sex = self._split(claims)
        subject, sentences = self._subject(adjectives, sex), self.words.sentences
        if not things:
            return self.pick(sentences["subject"]).format(subject)
        paint = things[0].paint
        if len(things) == 1 and paint is not None and not paint.pattern and self.chance(0.45):
            return self._by_colour(paint, subject)
        parts = [self.thing(claim) for claim in things]
        if len(parts) == 1 and parts[0].startswith("no ") and not self.held_out and self.chance(0.5):
            return self.pick(sentences["without"]).format(subject, parts[0].removeprefix("no "))
        options = sentences["things"]
        if not self.held_out and all(c.paint and c.paint.part in WORN_PARTS for c in things) and self.chance(0.4):
            options = sentences["worn"]
        if adjectives or sex:  # a subject that says something must be named
            options = _naming_the_subject(options)
        return self.pick(options).replace("{s}", subject).replace("{t}", self.join(parts))

    def _split(self, claims: Sequence[Claim]) -> tuple[list[str], list[Claim], int]:
        """Claims that become the subject's adjectives, the others, and the subject's sex (0 for not mentioned)."""
        adjectives: list[str] = []
        things: list[Claim] = []
        sex = 0
        for claim in claims:
            key = (claim.state, claim.sign)
            if claim.state == "male" and self.chance(0.85):
                sex = claim.sign
            elif key in self.words.adjectives and len(adjectives) < 2 and self.chance(0.6):
                adjectives.append(self.pick(self.words.adjectives[key]))
            else:
                things.append(claim)
        return adjectives, things, sex

    def _subject(self, adjectives: Sequence[str], sex: int) -> str:
        noun = self.pick(self.words.subjects[sex])
        if not adjectives and sex == 0 and not self.held_out and self.chance(0.15):
            return "someone"
        words = " ".join([*adjectives, noun])
        return ("the " + words) if self.chance(0.08) else with_article(words)

    def _by_colour(self, paint: PartColour, subject: str) -> str:
        noun, options = self.noun(paint.part), self.words.sentences["colours"]
        if "someone" not in subject and not re.fullmatch(r"(a|an|the) \w+", subject):
            options = _naming_the_subject(options)
        sentence = self.pick(options)
        if "the {n}" not in sentence and "whose {n}" not in sentence:
            sentence = sentence.replace("{n}", _counted(noun, noun), 1)
        values = {"s": subject, "n": noun, "is": "are" if noun in PLURAL else "is", "c": self.colour(paint)}
        return sentence.format(**values, done=self.pick(PARTICIPLES.get(paint.part, COLOURED)))

    def thing(self, claim: Claim, plain: bool = False) -> str:
        """A claim as a thing that a face has."""
        if claim.bare:
            return self.pick(self.words.sentences["bare" if plain else "bare_things"])
        if claim.state:
            return self._state(claim.state, claim.sign, plain)
        assert claim.paint is not None
        if claim.paint.pattern:
            return self._pattern(claim.paint)
        noun = self.noun(claim.paint.part)
        phrase = f"{self.colour(claim.paint)} {noun}"
        bare = noun in SINGULAR and plain and self.chance(0.75)
        return phrase if bare else _counted(phrase, noun)

    def _state(self, state: str, sign: int, plain: bool) -> str:
        phrases, adjectives = self.words.states[state, sign], self.words.adjectives
        if plain and state == "male":
            return self.pick(self.words.subjects[sign])
        if plain and not self.held_out and self.chance(0.5):
            opposite = adjectives.get((state, -sign))
            if opposite and self.chance(0.3):
                return "not " + self.pick(opposite)
            return self.pick(adjectives.get((state, sign), phrases))
        phrase = self.pick(phrases)
        if plain and phrase.startswith("no ") and self.chance(0.5):
            return "without " + phrase.removeprefix("no ")
        return re.sub(r"^an? ", "", phrase) if plain and self.chance(0.5) else phrase

    def _pattern(self, paint: PartColour) -> str:
        coloured = self.words.coloured_patterns
        if paint.colour is not None and paint.pattern in coloured:
            return self.pick(coloured[paint.pattern]).format(self.colour(paint))
        return self.pick(self.words.patterns[paint.pattern])

    def noun(self, part: str) -> str:
        nouns = self.words.nouns[part]
        return self.pick(nouns[:2] if self.chance(COMMON_SHARE) else nouns)

    def colour(self, paint: PartColour) -> str:
        """A colour with its finish, in one of its names."""
        assert paint.colour is not None
        names = [paint.colour, paint.colour]
        if paint.finish in ("", *SHEENS):
            names += [k for k, v in COLOUR_SYNONYMS.items() if v == paint.colour and k != "redhead"]
        name = self.pick(names)
        name = name.replace("grey", "gray") if self.chance(0.3) else name
        if paint.finish:
            return f"{self.pick(self.words.finishes[paint.finish])} {name}"
        return self._with_adjective(name, paint)

    def _with_adjective(self, name: str, paint: PartColour) -> str:
        """Now and then "vivid" before a vivid colour; never where the two words name another colour."""
        lightness, a, b = target_lab(paint) or (0.0, 0.0, 0.0)
        if self.held_out or math.hypot(a, b) < 45 or not self.chance(0.12):
            return name
        adjective = self.pick(VIVID)
        fits = adjective not in ("deep", "rich") or lightness < 50
        words = plain(f"{adjective} {name}").split()
        # "bright violet-blue" would be read as bright violet, then blue
        other = any(" ".join(words[:end]) in names_by_words() for end in range(2, len(words) + 1))
        return f"{adjective} {name}" if fits and not other else name

    def _typed(self, text: str) -> str:
        """As people type: with a capital, a full stop, or all in capitals now and then."""
        if self.chance(0.1):
            text = text[0].upper() + text[1:]
        if self.chance(0.02):
            text = text.upper()
        return text + "." if self.chance(0.06) else text


def _naming_the_subject(sentences: Phrases) -> Phrases:
    return tuple(sentence for sentence in sentences if "{s}" in sentence)


def _counted(phrase: str, noun: str) -> str:
    """A phrase about a noun, with an article where the noun takes one."""
    return with_article(phrase) if noun in SINGULAR else phrase


def with_article(words: str) -> str:
    """A noun phrase with "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' and not words.startswith('uni') else 'a'} {words}"
