"""Attributes that an edit may change, and the measure that tells each: no edit is trained on these measures.

The steps are about half of the effect of a good edit on photos, and about as much as faces differ from one another.
Some measures are weak: "old" depends on the lightness of the hair alone, "sad" on the corners of the mouth, "makeup"
on the colour of the lips, "blush" and "smoky eyes" on the mean colour of a box below or above each eye, and "sepia
photo" would take black and white for sepia. "young", "child", "male" and "female" need networks that are not part of
this project (`mcaclip.perception.age_gender`). There is no measure for curls or characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcaclip.language.colours import plain
from mcaclip.language.wishes import plain_wish

FACE = ("skin", "lips", "teeth", "brows", "eyes", "eye_g")


@dataclass(frozen=True)
class Attribute:
    """One attribute, in one direction.

    Attributes:
        name: its name in the figures.
        phrases: words that ask for it.
        measure: its measure, of `mcaclip.perception.face_measures`; several, joined by " + ", are added up.
        step: change of the measure that counts as a hit; below 0 where it must fall.
        shown: value at which a face shows the attribute already, so that there is nothing to change.
        regions: what may change: names of regions (`mcaclip.perception.regions`) or of the parser's classes.
        margin: share of the face's width by which the regions are grown.
    """

    name: str
    phrases: tuple[str, ...]
    measure: str
    step: float
    shown: float
    regions: tuple[str, ...]
    margin: float = 0.05

    def value(self, measures: Mapping[str, float]) -> float | None:
        """How much of the attribute a face with these measures shows; None where it was not measured."""
        found = [measures.get(name) for name in self.measure.split(" + ")]
        return sum(value for value in found if value is not None) if None not in found else None

    def moved(self, before: float, after: float) -> float:
        """The change in units of twice the step, so that 0.5 is a hit, as for a colour."""
        return (after - before) / (2 * self.step)

    def there(self, value: float) -> bool:
        """Whether a face with this value shows the attribute already."""
        return value >= self.shown if self.step > 0 else value <= self.shown

    @property
    def rule(self) -> str:
        """What counts as a hit, in words."""
        way = "rises" if self.step > 0 else "falls"
        return f"{self.measure} {way} by {abs(self.step):g} or more"


_EYES = ("eyes", "brows", "eye_g")
_MOUTH, _HEAD = ("lips", "teeth"), (*FACE, "hair", "ears", "clothes", "background")
_PICTURE = (*_HEAD, "neck", "ears", "hat")
_NOSE, _SKIN = ("nose", "skin"), ("skin", "ears", "neck")
_FACIAL_HAIR = ("beard", "goatee", "moustache", "lips", "teeth")
ATTRIBUTES = (
    Attribute(
        "smiling", ("smiling", "smile", "happy", "grinning", "grin", "laughing", "laugh"), "smile", 0.06, 0.16, FACE
    ),
    Attribute(
        "serious", ("serious", "unsmiling", "not smiling", "no smile", "without a smile", "sad", "stern", "frowning"),
        "smile", -0.06, 0.03, FACE,
    ),
    Attribute(
        "open mouth", ("open mouth", "mouth open", "parted lips", "surprised mouth"), "mouth open", 0.08, 0.22, FACE
    ),
    Attribute("closed mouth", ("closed mouth", "mouth closed", "closed lips"), "mouth open", -0.05, 0.03, FACE),
    Attribute("teeth", ("visible teeth", "showing teeth", "toothy smile"), "teeth", 0.4, 1.0, FACE),
    Attribute("surprised", ("surprised", "astonished", "startled", "shocked"), "eyes open + mouth open", 0.08, 0.6,
              FACE),
    Attribute("open eyes", ("open eyes", "big eyes", "wide open eyes"), "eyes open", 0.04, 0.4, _EYES, 0.1),
    Attribute("closed eyes", ("closed eyes", "eyes closed", "sleeping"), "eyes open", -0.09, 0.17, _EYES, 0.1),
    Attribute("raised brows", ("raised eyebrows", "raised brows"), "brow height", 0.035, 0.42, _EYES, 0.15),
    Attribute("old", ("old", "elderly", "aged", "grandmother", "grandfather"), "hair lightness", 8, 65,
              (*FACE, "hair")),
    Attribute("beard", ("beard", "bearded", "full beard", "facial hair"), "facial hair", 1.0, 2.0,
              _FACIAL_HAIR, 0.1),
    Attribute("goatee", ("goatee", "chin beard"), "goatee", 0.35, 0.8, _FACIAL_HAIR),
    Attribute("moustache", ("moustache", "mustache"), "moustache", 0.35, 0.7, _FACIAL_HAIR),
    Attribute(
        "clean-shaven", ("clean shaven", "no beard", "without a beard", "beardless", "shaved", "no facial hair"),
        "facial hair", -0.6, 0.4, _FACIAL_HAIR, 0.1,
    ),
    Attribute(
        "glasses", ("glasses", "eyeglasses", "spectacles", "sunglasses"), "glasses", 0.01, 0.02, (*_EYES, "nose"),
        0.15,
    ),
    Attribute(
        "no glasses", ("no glasses", "without glasses", "no eyeglasses"), "glasses", -0.02, 0.003, (*_EYES, "nose"),
        0.15,
    ),
    Attribute("long hair", ("long hair",), "long hair", 0.8, 3.0,
              ("hair", "background", "clothes", "ears", "neck")),
    Attribute("short hair", ("short hair", "cropped hair"), "hair extent", -0.15, -2.3,
              ("hair", "background", "clothes", "ears", "neck")),
    Attribute("bald", ("bald", "bald head", "no hair", "shaved head", "hairless"), "hair extent", -0.6, -3.0,
              ("hair", "ears", "hat", "background", "clothes", "neck")),
    Attribute("fuller hair", ("fuller hair", "more hair", "thicker hair"), "hair extent", 0.1, -0.65,
              ("hair", "background", "ears", "hat", "skin"), 0.1),
    Attribute("bangs", ("bangs", "fringe"), "fringe", 2.5, 9.0, ("hair", "brows"), 0.25),
    Attribute("hat", ("hat", "cap", "beanie"), "hat", 2.0, 4.0, ("hair", "background", "hat", "ears"), 0.25),
    Attribute("earrings", ("earrings", "earring"), "earrings", 0.15, 0.4, ("ears", "ear_r"), 0.1),
    Attribute("makeup", ("makeup", "make up", "heavy makeup", "lipstick"), "lip colour", 6, 26, FACE),
    Attribute("no makeup", ("no makeup", "no make up", "without makeup"), "lip colour", -3, 11, FACE),
    Attribute("blush", ("blush", "blushing", "rosy cheeks", "rouge"), "cheek redness", 3, 8, ("cheeks",), 0.1),
    Attribute("smoky eyes", ("smoky eyes", "smokey eyes", "eyeshadow", "eye shadow"), "lid darkness", 9,
              38, _EYES, 0.1),
    Attribute("pale skin", ("pale skin", "pale", "fair skin"), "skin lightness", 6, 78, FACE),
    Attribute("sad", ("a sad look",), "smile", -0.05, 0.0, FACE),
    Attribute("angry", ("angry", "an angry look"), "brow height", -0.035, 0.2, FACE),
    Attribute("small eyes", ("small eyes", "narrow eyes"), "eyes open", -0.04, 0.2, _EYES, 0.1),
    Attribute("full lips", ("full lips",), "lip height", 0.02, 0.3, _MOUTH, 0.1),
    Attribute("thin lips", ("thin lips",), "lip height", -0.02, 0.16, _MOUTH, 0.1),
    Attribute("thick brows", ("thick eyebrows",), "brow darkness", 3, 28, _EYES, 0.1),
    Attribute("thin brows", ("thin eyebrows",), "brow darkness", -3, 6, _EYES, 0.1),
    Attribute("chubby face", ("chubby", "a chubby face"), "jaw width", 0.06, 2.2, _HEAD, 0.1),
    Attribute("slim face", ("slim", "a slim face"), "jaw width", -0.05, 1.7, _HEAD, 0.1),
    Attribute("wrinkles", ("wrinkles",), "skin detail", 0.08, 1.5, FACE),
    Attribute("smooth skin", ("smooth skin", "portrait retouch"), "skin detail", -0.05, 0.3, FACE),
    Attribute("stubble", ("stubble",), "chin darkness", 2.5, 14, _FACIAL_HAIR, 0.1),
    Attribute("young", ("a young face",), "age", -0.6, 1.0, _HEAD),
    Attribute("child", ("a child's face",), "age", -1.2, 0.7, _HEAD, 0.1),
    Attribute("male", ("a male face",), "male", 1.5, 2.0, _HEAD, 0.1),
    Attribute("female", ("a female face",), "male", -1.5, -2.0, _HEAD, 0.1),
    Attribute("tanned skin", ("tanned", "tanned skin", "tan", "dark skin"), "skin lightness", -6, 40, FACE),
    Attribute("freckles", ("freckles", "freckled"), "skin spots", 0.6, 4.0, FACE),
    Attribute("eyeliner", ("eyeliner",), "lash darkness", 5, 60, _EYES, 0.1),
    Attribute("lip gloss", ("lip gloss", "glossy lips"), "lip shine", 2, 30, _MOUTH),
    Attribute("blurred background", ("blurred background",), "background detail", -0.25, 0.5, ("background",)),
    Attribute("warm light", ("warm light",), "picture warmth", 4, 40, _PICTURE),
    Attribute("cool light", ("cool light",), "picture warmth", -4, -20, _PICTURE),
    Attribute("bright light", ("bright light",), "picture lightness", 5, 85, _PICTURE),
    Attribute("dim light", ("dim light",), "picture lightness", -5, 20, _PICTURE),
    Attribute("big nose", ("big nose", "a big nose"), "nose width", 0.035, 0.72, _NOSE, 0.1),
    Attribute("small nose", ("small nose", "a small nose"), "nose width", -0.035, 0.42, _NOSE, 0.1),
    Attribute("no dark circles", ("no dark circles",), "dark circles", -2.5, 4, FACE),
    Attribute("matte skin", ("matte skin",), "skin shine", -3, 8, _SKIN),
    Attribute("even skin tone", ("even skin tone",), "skin blotches", -0.8, 2.5, _SKIN),
    Attribute("bright eyes", ("bright eyes",), "eye whites", 4, 85, _EYES),
    Attribute("dark background", ("dark background",), "background lightness", -8, 15, ("background",)),
    Attribute("bright background", ("bright background",), "background lightness", 8, 90, ("background",)),
    Attribute("more contrast", ("more contrast",), "picture contrast", 1.5, 30, _PICTURE),
    Attribute("soft light", ("soft light",), "picture contrast", -1.5, 8, _PICTURE),
    Attribute("sharp photo", ("sharp photo",), "picture detail", 0.2, 5, _PICTURE),
    Attribute("soft focus", ("soft focus",), "picture detail", -0.3, 0.7, _PICTURE),
    Attribute("vivid colours", ("vivid colours",), "picture chroma", 3, 60, _PICTURE),
    Attribute("muted colours", ("muted colours",), "picture chroma", -5, 8, _PICTURE),
    Attribute("black and white photo", ("black and white photo",), "picture chroma", -8, 2, _PICTURE),
    Attribute("oil painting", ("oil painting", "painting"), "picture patches", 0.08, 0.62, _PICTURE),
    Attribute("pencil drawing", ("pencil drawing", "pencil sketch"), "picture lightness", 15, 80, _PICTURE),
    Attribute("sepia photo", ("sepia photo",), "colour spread", -6, 3, _PICTURE),
)  # fmt: skip
"""Every attribute that can be measured."""


def find_attribute(text: str) -> Attribute | None:
    """The attribute that a text asks for; None where it asks for none that can be measured.

    A prompt of the table of wishes has the measure that stands there, any other one that of the longest phrase in it
    ("no beard" before "beard").
    """
    wish = plain_wish(text)
    if wish is not None and wish.side.measure:
        return next((one for one in ATTRIBUTES if one.name == wish.side.measure), None)
    words = f" {plain(text)} "
    found = [(plain(phrase), one) for one in ATTRIBUTES for phrase in one.phrases if f" {plain(phrase)} " in words]
    return max(found, key=lambda pair: len(pair[0]))[1] if found else None
