"""Captions of scenes: which of the true things to say, and how."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import (
    COLOUR_SYNONYMS,
    COLOURS,
    named_colours,
    names_by_words,
    plain,
    says_unseen,
    unseen_colours,
)
from train.clip.captions import wording as w
from train.clip.captions import wording_more as more
from train.clip.scenes.draw import draw_pattern, other_colour
from train.clip.scenes.types import (
    CHARACTERS,
    PARTS,
    SAME,
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
"""Captions as a user types them: "green lipstick", without a sentence around."""
WIDER_SHARE = 0.5
"""Captions that draw on the synonyms of `train.clip.captions.wording_more` as well."""
LONGEST = 4
NATURAL_PARTS = ("hair", "hair", "brows", "background", "clothes", "eyes")
LACK_SHARE = {"male": 1.0, "old": 1.0, "smiling": 1.0, "hat": 0.15, "bald": 0.3, "goatee": 0.15, "moustache": 0.15}
"""How often a caption may say that a face lacks something, 0.5 for what is not named."""
_TRIES = 8
Options = tuple[str, ...]


def caption(scene: Scene, rng: np.random.Generator, held_out: bool = False) -> Caption:
    """Something true of a scene.

    Args:
        scene: what the picture shows.
        rng: decides what is said, and how.
        held_out: take the nouns, phrases and sentences that training never uses.
    """
    return caption_and_twin(scene, rng, held_out)[0]


def caption_and_twin(
    scene: Scene, rng: np.random.Generator, held_out: bool = False, twin: bool = False
) -> tuple[Caption, Caption | None]:
    """Something true of a scene and, if asked for, the same with one claim made false: None where none is at hand.

    The pair is in the same words but for the claim: a hard negative that no other picture of a batch need supply.
    """
    for _ in range(_TRIES):
        plain = bool(rng.random() < PLAIN_SHARE)
        claims = choose_claims(scene, rng, plain)
        style, wider = int(rng.integers(2**31)), bool(rng.random() < WIDER_SHARE)
        writing = partial(_written, plain=plain, held_out=held_out, wider=wider, style=style)
        said = Caption(writing(claims), claims)
        changed = falsified(claims, scene, rng) if twin else None
        other = Caption(writing(changed), changed) if changed else None
        if held_out or not (says_unseen(said.text) or (other and says_unseen(other.text))):
            break
    return said, other


def _written(claims: Sequence[Claim], plain: bool, held_out: bool, wider: bool, style: int) -> str:
    """Claims in the words that the number `style` stands for."""
    return _Writer(np.random.default_rng(style), held_out, wider and not held_out).write(claims, plain)


def say(claims: Sequence[Claim], rng: np.random.Generator, held_out: bool = False, wider: bool = False) -> str:
    """Claims in words, as a prompt or as a sentence; `wider`: with the synonyms of `wording_more` as well."""
    return _Writer(rng, held_out, wider).write(claims, bool(rng.random() < PLAIN_SHARE))


def phrases_of_captions() -> list[str]:
    """All that captions are made of, the rarest words as well: nouns, phrases, sentences and colour names."""
    by_name = (
        w.TRAINING_NOUNS, more.NOUNS, w.DONE, w.FINISH_WORDS, more.FINISH_WORDS, w.STATE_PHRASES, more.STATE_PHRASES,
        w.PERSON_WORDS, more.PERSON_WORDS, w.SUBJECTS, more.SUBJECTS, w.PATTERN_PHRASES, more.PATTERN_PHRASES,
        w.COLOURED_PATTERNS, w.CHARACTER_PHRASES, more.CHARACTER_PHRASES,
    )  # fmt: skip
    lists = (
        w.ADJECTIVES, w.SENTENCES, more.SENTENCES, w.WORN, w.BY_COLOUR, more.BY_COLOUR, w.NEUTRAL, w.BARE,
        w.BARE_THINGS, w.NO_FACE, w.CHARACTER_SENTENCES,
    )  # fmt: skip
    colours = tuple(name for name in named_colours() if name not in unseen_colours())
    tables = (*(words for table in by_name for words in table.values()), *lists, colours)
    return [re.sub(r"\{\w*\}", " ", phrase) for phrases in tables for phrase in phrases]


def caption_pair(paints: Sequence[PartColour], noun: str, word: str, rng: np.random.Generator) -> tuple[str, str]:
    """PartColours in words, twice the same but that the first one's part goes by `word`, then by `noun`."""
    writer = _Namer(rng, False, bool(rng.random() < WIDER_SHARE), paints[0].part, noun)
    usual = writer.write([Claim(paint=paint) for paint in paints], bool(rng.random() < PLAIN_SHARE))
    article = r"(?:\b(an?) )?" if noun in w.ONE else "()"
    named = with_article(word)
    return re.sub(
        rf"{article}\b{re.escape(noun)}\b", lambda found: named if found[1] else word, usual, flags=re.IGNORECASE
    ), usual


def adjective_pair(paint: PartColour, ending: str, rng: np.random.Generator) -> tuple[str, str]:
    """A paint said of a person, "a blue-haired model" for the ending "haired", and as "a model with blue hair"."""
    writer = _Writer(rng, False)
    colour, who = writer.colour(paint), writer.pick(w.SUBJECTS[0])
    noun = w.TRAINING_NOUNS[paint.part][0]
    thing = with_article(f"{colour} {noun}") if noun in w.ONE else f"{colour} {noun}"
    between = "-" if writer.chance(0.6) else " "
    return with_article(f"{colour}{between}{ending} {who}"), f"{with_article(who)} with {thing}"


def choose_claims(scene: Scene, rng: np.random.Generator, plain: bool) -> tuple[Claim, ...]:
    """One to four true things of a scene, now and then none; fewer for a plain prompt."""
    if scene.character and rng.random() < 0.65:
        return (Claim(character=scene.character),)
    claims = [Claim(paint=_said(paint, rng)) for paint in scene.paints]
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


def _said(paint: PartColour, rng: np.random.Generator) -> PartColour:
    """A paint as a caption names it: matte and glossy may be left out, and so may the colour of most patterns."""
    if paint.finish in ("matte", "glossy") and rng.random() < 0.3:
        return replace(paint, finish="")
    if paint.pattern and paint.colour is not None and rng.random() < 0.3:
        return replace(paint, colour=None)
    return paint


def _unpainted_claims(scene: Scene, rng: np.random.Generator) -> list[Claim]:
    """States, and everyday colours of what is not painted, in a random order."""
    claims = [Claim(state=name, sign=sign) for name, sign in zip(STATES, scene.states, strict=True) if sign]
    # what a face lacks is said less often than what it has
    claims = [c for c in claims if rng.random() < (LACK_SHARE.get(c.state, 0.5) if c.sign < 0 else 1)]
    natural = dict(scene.natural)
    part = NATURAL_PARTS[int(rng.integers(len(NATURAL_PARTS)))]
    if part in natural and (colour := nearest_colour(natural[part])):
        claims.append(Claim(paint=PartColour(part, colour)))
    claims = [claim for claim in claims if holds(claim, scene) > 0]
    rng.shuffle(claims)  # type: ignore[arg-type]
    return _compatible(claims)


def _compatible(claims: list[Claim]) -> list[Claim]:
    """Without claims that say the same of facial hair, or of hair, twice."""
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
    """The claims with one of them changed to what is not so; None where no change is surely false."""
    for index in rng.permutation(len(claims)):
        for _ in range(_TRIES):
            changed = _changed(claims[index], claims, rng)
            if changed is not None and holds(changed, scene) < 0:
                return (*claims[:index], changed, *claims[index + 1 :])
    return None


def _changed(claim: Claim, claims: Sequence[Claim], rng: np.random.Generator) -> Claim | None:
    """Another colour, part, pattern, character, or the opposite state; None where there is no such thing."""
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
    spoken = [c.paint for c in claims if c.paint and c.paint.colour and c is not claim]
    if spoken and rng.random() < 0.5:
        other = spoken[int(rng.integers(len(spoken)))]
        return Claim(paint=PartColour(paint.part, other.colour, other.finish))
    return Claim(paint=PartColour(paint.part, other_colour(paint, rng)))


def nearest_colour(lab: Lab) -> str | None:
    """The everyday colour that a Lab may be called, None where it is between two."""
    name = min(COLOURS, key=lambda c: math.dist(lab_values(c), lab))
    return name if math.dist(lab_values(name), lab) < SAME else None


@dataclass(frozen=True)
class _Writer:
    """Puts claims into words."""

    rng: np.random.Generator
    held_out: bool
    wider: bool = False

    def write(self, claims: Sequence[Claim], plain: bool) -> str:
        if not claims:
            text = self.pick(w.HELD_OUT_NEUTRAL if self.held_out else w.NEUTRAL)
        elif claims[0].character:
            text = self._character(claims[0].character, plain)
        elif plain:
            text = self.join([self.thing(claim, plain=True) for claim in claims])
        else:
            text = self._sentence(list(claims))
        return self._typed(text)

    def phrases(self, usual: Options, more: Options, held_out: Options) -> Options:
        """The table of the vocabulary in use."""
        return held_out if self.held_out else (*usual, *more) if self.wider else usual

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

    def _character(self, name: str, plain: bool) -> str:
        tables = (w.CHARACTER_PHRASES, more.CHARACTER_PHRASES, w.HELD_OUT_CHARACTER_PHRASES)
        phrase = self.pick(self.phrases(*(table[name] for table in tables)))
        return phrase if plain or self.held_out else self.pick(w.CHARACTER_SENTENCES).format(phrase)

    def _sentence(self, claims: list[Claim]) -> str:
        adjectives, things, sex = self._split(claims)
        subject = self.subject(adjectives, sex)
        if not things:
            if self.held_out:
                return self.pick(("a studio shot of {}", "a snapshot of {}", "look at {}")).format(subject)
            return self.pick(("{}", "a photo of {}", "a portrait of {}", "a picture of {}")).format(subject)
        paint = things[0].paint
        if len(things) == 1 and paint is not None and not paint.pattern and self.chance(0.45):
            return self._by_colour(paint, subject)
        parts = [self.thing(claim) for claim in things]
        if len(parts) == 1 and parts[0].startswith("no ") and not self.held_out and self.chance(0.5):
            return self.pick(("{} without {}", "{} who has no {}", "a photo of {} without {}")).format(
                subject, parts[0].removeprefix("no ")
            )
        sentences = self.phrases(w.SENTENCES, more.SENTENCES, w.HELD_OUT_SENTENCES)
        if not self.held_out and all(c.paint and c.paint.part in w.WORN_PARTS for c in things) and self.chance(0.4):
            sentences = w.WORN
        return self._fill(self._spoken(sentences, subject, adjectives, sex), subject, self.join(parts))

    def _spoken(self, sentences: Sequence[str], subject: str, adjectives: list[str], sex: int) -> str:
        """A sentence; one that names the subject where the subject says something."""
        if adjectives or sex:
            sentences = [sentence for sentence in sentences if "{s}" in sentence]
        return self.pick(sentences)

    @staticmethod
    def _fill(sentence: str, subject: str, things: str) -> str:
        return sentence.replace("{s}", subject).replace("{t}", things)

    def _split(self, claims: list[Claim]) -> tuple[list[str], list[Claim], int]:
        """Claims that go into the subject as adjectives, the others, and the subject's sex (0 for not said)."""
        words = w.HELD_OUT_PERSON_WORDS if self.held_out else self._person_words()
        adjectives: list[str] = []
        things: list[Claim] = []
        sex = 0
        for claim in claims:
            key = (claim.state, claim.sign)
            if claim.state == "male" and self.chance(0.85):
                sex = claim.sign
            elif key in words and len(adjectives) < 2 and self.chance(0.6):
                adjectives.append(self.pick(words[key]))
            else:
                things.append(claim)
        return adjectives, things, sex

    def _subjects(self, sex: int) -> Options:
        return self.phrases(w.SUBJECTS[sex], more.SUBJECTS[sex], w.HELD_OUT_SUBJECTS[sex])

    def _person_words(self) -> Mapping[tuple[str, int], Options]:
        if not self.wider:
            return w.PERSON_WORDS
        keys = {*w.PERSON_WORDS, *more.PERSON_WORDS}
        return {key: (*w.PERSON_WORDS.get(key, ()), *more.PERSON_WORDS.get(key, ())) for key in keys}

    def subject(self, adjectives: Sequence[str], sex: int) -> str:
        noun = self.pick(self._subjects(sex))
        if not adjectives and sex == 0 and not self.held_out and self.chance(0.15):
            return "someone"
        words = " ".join([*adjectives, noun])
        return ("the " + words) if self.chance(0.08) else with_article(words)

    def _by_colour(self, paint: PartColour, subject: str) -> str:
        noun = self.noun(paint.part)
        sentences = self.phrases(w.BY_COLOUR, more.BY_COLOUR, w.HELD_OUT_BY_COLOUR)
        if "someone" not in subject and not re.fullmatch(r"(a|an|the) \w+", subject):
            sentences = tuple(sentence for sentence in sentences if "{s}" in sentence)
        sentence = self.pick(sentences)
        if "the {n}" not in sentence and "whose {n}" not in sentence and noun in w.ONE:
            sentence = sentence.replace("{n}", with_article(noun), 1)
        be = "are" if noun in w.MANY else "is"
        values = {"s": subject, "n": noun, "is": be, "c": self.colour(paint), "done": self.pick(w.DONE[paint.part])}
        return sentence.format(**values)

    def thing(self, claim: Claim, plain: bool = False) -> str:
        """A claim as a thing that a face has."""
        if claim.bare and plain:
            return self.pick(w.HELD_OUT_BARE if self.held_out else w.BARE)
        if claim.bare:
            return self.pick(w.HELD_OUT_BARE_THINGS if self.held_out else w.BARE_THINGS)
        if claim.state:
            return self._state(claim.state, claim.sign, plain)
        assert claim.paint is not None
        if claim.paint.pattern:
            return self._pattern(claim.paint)
        noun = self.noun(claim.paint.part)
        phrase = f"{self.colour(claim.paint)} {noun}"
        return with_article(phrase) if noun in w.ONE and not (plain and self.chance(0.75)) else phrase

    def _state(self, state: str, sign: int, plain: bool) -> str:
        key = (state, sign)
        phrases = self.phrases(w.STATE_PHRASES[key], more.STATE_PHRASES[key], w.HELD_OUT_STATE_PHRASES[key])
        if plain and state == "male":
            return self.pick(self._subjects(sign))
        if plain and not self.held_out and self.chance(0.5):
            opposite = self._person_words().get((state, -sign))
            if opposite and self.chance(0.3):
                return "not " + self.pick(opposite)
            return self.pick(self._person_words().get(key, phrases))
        phrase = self.pick(phrases)
        if plain and phrase.startswith("no ") and self.chance(0.5):
            return "without " + phrase.removeprefix("no ")
        return re.sub(r"^an? ", "", phrase) if plain and self.chance(0.5) else phrase

    def _pattern(self, paint: PartColour) -> str:
        if paint.colour is not None and paint.pattern in w.COLOURED_PATTERNS:
            table = w.HELD_OUT_COLOURED_PATTERNS if self.held_out else w.COLOURED_PATTERNS
            return self.pick(table[paint.pattern]).format(self.colour(paint))
        name = paint.pattern
        return self.pick(
            self.phrases(w.PATTERN_PHRASES[name], more.PATTERN_PHRASES[name], w.HELD_OUT_PATTERN_PHRASES[name])
        )

    def noun(self, part: str) -> str:
        nouns = self.phrases(w.TRAINING_NOUNS[part], more.NOUNS[part], w.HELD_OUT_NOUNS[part])
        return self.pick(nouns[:2] if self.chance(w.COMMON_SHARE) else nouns)

    def colour(self, paint: PartColour) -> str:
        """A colour with its finish, in one of its names."""
        assert paint.colour is not None
        names = [paint.colour, paint.colour]
        if paint.finish in ("", "matte", "glossy"):
            names += [k for k, v in COLOUR_SYNONYMS.items() if v == paint.colour and k != "redhead"]
        name = self.pick(names)
        name = name.replace("grey", "gray") if self.chance(0.3) else name
        if paint.finish:
            finish, held_out = paint.finish, (w.HELD_OUT_FINISH_WORDS[paint.finish],)
            return f"{self.pick(self.phrases(w.FINISH_WORDS[finish], more.FINISH_WORDS[finish], held_out))} {name}"
        return self._with_adjective(name, paint)

    def _with_adjective(self, name: str, paint: PartColour) -> str:
        """Now and then "vivid" before a colour that is; never where the two words name another colour."""
        lightness, a, b = target_lab(paint) or (0.0, 0.0, 0.0)
        if self.held_out or math.hypot(a, b) < 45 or not self.chance(0.12):
            return name
        adjective = self.pick(w.ADJECTIVES)
        fits = adjective not in ("deep", "rich") or lightness < 50
        words = plain(f"{adjective} {name}").split()
        # "bright violet-blue" would be read as bright violet, then blue
        other = any(" ".join(words[:end]) in names_by_words() for end in range(2, len(words) + 1))
        return f"{adjective} {name}" if fits and not other else name

    def _typed(self, text: str) -> str:
        """As people type: a capital, a full stop, all capitals now and then."""
        if self.chance(0.1):
            text = text[0].upper() + text[1:]
        if self.chance(0.02):
            text = text.upper()
        return text + "." if self.chance(0.06) else text


@dataclass(frozen=True)
class _Namer(_Writer):
    """Calls one part by a noun that is given."""

    named: str = ""
    given: str = ""

    def noun(self, part: str) -> str:
        return self.given if part == self.named else super().noun(part)


def with_article(words: str) -> str:
    """A noun phrase with "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' and not words.startswith('uni') else 'a'} {words}"
