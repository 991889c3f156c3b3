"""The words of a prompt: which part of the face, which colour.

One vocabulary serves three users: captions for FaceCLIP, the second witness in training ("green lipstick" acts on
the lips and should turn them green), and the evaluation of a prompt's hit rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from mcaclip.language.colours import COLOUR_SYNONYMS, names_by_words, plain

__all__ = [
    "COLOUR_SYNONYMS",
    "MORE_NOUNS",
    "NEUTRAL_TEXTS",
    "PART_NOUNS",
    "RARE_NOUNS",
    "TEMPLATES",
    "Meaning",
    "in_templates",
    "in_usual_words",
    "split_changes",
    "understand",
]

PART_NOUNS: dict[str, tuple[str, ...]] = {
    "lips": (
        "lipstick", "lips", "painted lips", "lip color", "lip gloss", "lip colour", "mouth paint", "lip paint",
        "lip stain", "lip tint", "lipgloss", "pout",
    ),
    "hair": (
        "hair", "dyed hair", "hair color", "hairdo", "hair colour", "locks", "mane", "tresses", "mop of hair",
        "hairstyle", "haircut", "strands of hair", "curls", "hair dye",
    ),
    "goatee": (
        "goatee", "chin beard", "goatee beard", "soul patch", "chin tuft", "beard on the chin", "chin hair",
        "van dyke",
    ),
    "beard": (
        "beard", "full beard", "facial hair", "whiskers", "stubble", "dyed beard", "jaw beard", "sideburns and beard",
    ),
    "moustache": ("moustache", "mustache", "upper lip hair", "handlebar moustache", "tache", "handlebar mustache"),
    "brows": ("eyebrows", "brows", "eye brows", "eyebrow color", "brow hair", "brow tint"),
    "eyes": (
        "eyes", "irises", "contact lenses", "eye color", "eye colour", "colored contacts", "iris color", "contacts",
    ),
    "cheeks": ("cheeks", "blush", "rouge", "blusher", "cheek paint", "painted cheeks", "cheek color"),
    "skin": (
        "skin", "face paint", "skin color", "complexion", "skin tone", "skin colour", "body paint", "facial skin",
        "painted face",
    ),
    "teeth": ("teeth", "tooth color", "dyed teeth", "tooth paint", "set of teeth"),
    "ears": ("ears", "painted ears", "earlobes", "ear paint", "pair of ears"),
    "background": (
        "background", "backdrop", "wall behind", "wall", "scenery behind", "studio backdrop", "wallpaper",
        "space behind the head",
    ),
    "clothes": (
        "shirt", "clothes", "top", "clothing", "sweater", "jacket", "outfit", "t-shirt", "dress", "garment", "blouse",
    ),
}  # fmt: skip
"""Part to the nouns that name what is there, commonest first. Most are regions (`mcaclip.perception.regions`)."""

MORE_NOUNS: dict[str, tuple[str, ...]] = {
    "hair": (
        "head of hair", "ringlets", "hair strands", "waves of hair", "coloured hair", "tinted hair", "bleached hair",
        "afro", "dreadlocks", "pixie cut", "hair tint", "hairs", "quiff", "mohawk", "hair bun", "topknot", "pigtails",
        "plaits", "cornrows", "mane of hair", "hair on the head", "scalp hair", "dye job", "coiffure", "updo",
        "mullet", "hair roots", "hair chalk", "hairpiece", "hair extensions", "hair highlights",
        "hair colouring", "lock of hair", "shock of hair",
    ),
    "lips": (
        "lip makeup", "lip balm", "tinted lips", "lip dye", "lip rouge", "lip liner", "lip crayon", "lippy",
        "lip lacquer", "lip shade", "lip", "both lips", "lower lip", "upper and lower lip", "lip varnish",
        "full lips", "mouth makeup", "lip stick", "lip polish", "lipsticks", "mouth color",
    ),
    "goatee": (
        "beard at the chin", "chin stubble", "pointed goatee", "small chin beard", "dyed goatee", "goatee hair",
        "goat beard", "little chin beard", "chin strip", "chin fuzz", "chin puff", "small beard", "billy goat beard",
        "hair on the chin", "goatee on the chin", "tip of the chin", "bearded chin", "goatee dye", "short chin beard",
    ),
    "beard": (
        "bearded jaw", "beard hair", "long beard", "thick beard", "sideburns", "five o'clock shadow", "bristles",
        "beard bristles", "scruff", "scruffy beard", "mutton chops", "jaw hair", "beard dye", "beard growth",
        "hair of the beard", "beards", "hair on the jaw", "bearded cheeks", "viking beard", "whole beard",
    ),
    "moustache": (
        "mustache hair", "dyed mustache", "moustache hair", "thick moustache", "hair under the nose", "moustaches",
        "mustaches", "walrus moustache", "pencil moustache", "curled moustache", "mustachio", "lip hair",
        "hair over the lip", "thin moustache", "horseshoe moustache", "waxed moustache", "moustache wax",
        "moustache dye", "upper lip beard", "big mustache",
    ),
    "brows": (
        "eyebrow hair", "tinted eyebrows", "brow powder", "brow pencil", "pencilled eyebrows", "eyebrow", "brow",
        "eyebrow makeup", "eyebrow pencil", "eyebrow dye", "pair of eyebrows", "both eyebrows", "arched eyebrows",
        "thick eyebrows", "brow gel", "eyebrow paint", "hair of the eyebrows", "brow dye", "dyed eyebrows",
    ),
    "eyes": (
        "iris", "eye irises", "tinted lenses", "color of the eyes", "eye lenses", "colored lenses", "eye",
        "pair of eyes", "both eyes", "lens color", "gaze", "iris colour", "eye tint", "cosmetic lenses",
        "coloured lenses", "coloured contact lenses", "peepers", "colour of the irises", "tinted eyes",
    ),
    "cheeks": (
        "cheekbones", "cheek makeup", "cheek tint", "cheek rouge", "apples of the cheeks", "cheek powder", "cheek",
        "both cheeks", "cheek blush", "powder on the cheeks", "makeup on the cheeks", "cheek cream", "rouged cheeks",
        "cheek stain", "cheek pigment", "powdered cheeks", "paint on the cheeks",
    ),
    "skin": (
        "colour of the skin", "skin paint", "painted skin", "face makeup", "skin tint", "full face paint",
        "skin makeup", "skin dye", "skin pigment", "face dye", "facial paint", "skin all over", "skin shade",
        "hue of the skin", "dyed skin", "coloured skin", "grease paint", "paint all over the face",
        "facial complexion", "tinted skin", "face color",
    ),
    "teeth": (
        "painted teeth", "dental color", "tooth enamel", "row of teeth", "dentures", "front teeth", "incisors",
        "tooth colour", "dental enamel", "stained teeth", "veneers", "teeth paint", "upper teeth", "dentition",
        "teeth color", "colored teeth",
    ),
    "ears": (
        "both ears", "outer ears", "dyed ears", "ear tips", "ear color", "ear skin", "left and right ear",
        "outer ear", "ear rims", "ear makeup", "tinted ears", "colored ears", "ear dye",
    ),
    "background": (
        "backdrop behind", "studio wall", "screen behind", "surroundings", "room behind", "background color",
        "background colour", "canvas behind", "back wall", "view behind", "setting", "environment",
        "wall in the background", "painted wall", "backcloth", "area around the head", "area behind the person",
        "photo background", "picture background", "studio background", "background wall", "surrounding space",
        "back drop", "room", "background paint", "space around the person",
    ),
    "clothes": (
        "sweatshirt", "hoodie", "coat", "pullover", "vest", "suit", "apparel", "tee", "polo shirt", "attire",
        "cardigan", "tank top", "collar", "robe", "tunic", "jersey", "turtleneck", "jumper", "blazer", "dress shirt",
        "tee shirt", "gown", "costume", "garb", "suit jacket", "overcoat", "cloak", "kimono", "parka", "waistcoat",
        "fabric", "cloth", "collared shirt", "outerwear", "knitwear", "cape", "wool sweater", "item of clothing",
    ),
}  # fmt: skip
"""Rarer nouns, alike."""

RARE_NOUNS: dict[str, tuple[str, ...]] = {
    "hair": (
        "barnet", "bowl cut", "buzzcut", "undercut", "faux hawk", "fauxhawk", "mop top", "pageboy cut", "shag cut",
        "feathered cut", "layered cut", "bedhead", "fro", "locs", "dreads", "cornrow", "man bun", "space buns",
        "top bun", "french twist", "chignon", "bouffant", "beehive", "pompadour", "forelock", "cowlick", "rat tail",
        "pigtail", "balayage", "ombre", "lowlights", "streaks in the hair", "jheri curl", "permed hair", "frizz",
        "flattop", "coif", "toupee", "hair weave", "bob haircut", "wavy locks", "tuft of hair", "curly mop",
        "shaggy mop", "mass of hair", "tangle of hair", "cascade of hair", "crowning glory", "tumbling locks",
        "hair streaks", "hair ends", "hair tips", "hair layers", "side bangs", "clip-ins", "wiglet", "periwig",
        "peruke", "buzz cut hair", "short crop", "blowout", "hair rinse", "head hair", "hair-do", "hair mop",
        "haircolor", "haircolour", "hair pigment", "hair paint", "hair shade", "braided hair", "curly hair",
    ),
    "lips": (
        "kisser", "smackers", "smacker", "gob", "cakehole", "pie hole", "maw", "rosebud mouth", "cupid's bow",
        "lipliner", "lip pencil", "lip oil", "lip glaze", "lip ink", "lip plumper", "lip shimmer", "lip sheen",
        "lip mask", "lip mousse", "chapstick", "labium", "lip wear", "lip coat", "lip wax", "lip jelly", "lip tar",
        "lippie", "lip-stick", "lip-gloss", "lip colouring", "lipcolor", "lipcolour", "puckers", "pucker",
        "duck lips", "lip line", "lip contour", "bee-stung lips", "lipsticked mouth", "lip tone", "lip hue",
        "liplines", "lip surface", "lip laminate",
    ),
    "goatee": (
        "chinstrap beard", "chin strap", "chin curtain", "chin braid", "chin tail", "circle beard", "anchor beard",
        "ducktail beard", "beardlet", "imperial beard", "pharaoh beard", "tuft below the lip", "tuft of beard",
        "goatee tip", "chin bristles", "vandyke beard", "chin-beard", "chinbeard", "chin hairs", "chin patch",
        "chin fluff", "chin growth", "chin fur", "goaty", "goatie", "mini beard", "french beard", "balbo",
        "balbo beard", "chinstrap", "chin mane", "petite goatee",
    ),
    "beard": (
        "face fungus", "face fuzz", "facial fuzz", "facial growth", "face rug", "designer stubble", "muttonchops",
        "burnsides", "sideboards", "neckbeard", "neck beard", "hipster beard", "wizard beard", "santa beard",
        "pirate beard", "beard fluff", "jaw fuzz", "jaw fur", "facial bush", "mutton chop", "face fur",
        "facial fur", "face mane", "jaw stubble", "jawline beard", "jawline hair", "chin and cheek hair",
        "beard mane", "beard shade", "beard colour", "beard color", "beardie", "face bristles", "facial bristles",
        "garibaldi beard", "day-old stubble", "designer beard", "beard fuzz", "beard fur",
    ),
    "moustache": (
        "tash", "moustachio", "handlebars", "soup strainer", "cookie duster", "lip fuzz", "lip rug",
        "toothbrush moustache", "chevron moustache", "fu manchu", "upper lip fuzz", "pornstache", "muzzy",
        "tashe", "mustachios", "moustachios", "imperial moustache", "dali moustache", "lip broom", "lip brush",
        "lip bristles", "face lace", "upper-lip hair", "upper-lip fluff", "upper-lip fuzz", "lip fluff",
        "lip foliage", "lip stubble", "moustache colour", "moustache color", "nose beard",
        "mexican moustache", "musketeer moustache",
    ),
    "brows": (
        "unibrow", "monobrow", "browline", "brow line", "brow arch", "eyebrow arches", "brow pomade",
        "brow mascara", "brow wax", "brow ink", "brow tattoo", "microbladed brows", "microblading",
        "caterpillar brows", "eyebrow hairs", "superciliary arches", "eyebrow tint", "eyebrow line", "eye-brows",
        "brow shape", "brow strokes", "brow colour", "brow color", "brow hue", "eyebrow colour", "brow filler",
        "brow soap", "brow hairs", "eyebrow shade", "brow makeup", "brow shade", "eyebrow gel", "eyebrow wax",
        "eyebrow filler", "eyebrow powder",
    ),
    "eyes": (
        "orbs", "eye orbs", "oculars", "eyeball", "iris ring", "limbal rings", "eye lens", "cat eye lenses",
        "cosplay lenses", "theatrical lenses", "eye pigment", "pair of peepers", "eye balls", "peeper", "eye discs",
        "eye rings", "iris tint", "lens tint", "color contacts", "colour contacts", "contact lens", "contact lense",
        "cat eyes", "eye-color", "eye-colour", "eyecolor", "eyecolour", "circle lenses", "gazers",
        "colour of the eyes", "eye hue", "eye shade", "iris shade", "iris hue", "lens colour", "pupil color",
        "ocular color",
    ),
    "cheeks": (
        "bronzer", "cheek bronzer", "cheek highlighter", "cheek contour", "contouring", "jowls", "jowl", "dimples",
        "cheek gel", "blush stick", "powder blush", "liquid blush", "cheek stick", "cheek apples", "cheek bones",
        "cheek-bones", "cheek colour", "cheek tone", "cheek hollows", "face blush", "blush-on", "rouge powder",
        "blush powder", "cheek dust", "cheek rosiness", "blush makeup", "blush color", "blush colour", "rouges",
        "cheek product",
    ),
    "skin": (
        "visage", "countenance", "physiognomy", "phiz", "epidermis", "dermis", "flesh", "foundation", "concealer",
        "pancake makeup", "base makeup", "facepaint", "bodypaint", "greasepaint", "skintone", "face skin",
        "body makeup", "full body paint", "pigmentation", "face base", "make-up base", "makeup base", "face powder",
        "setting powder", "tinted moisturiser", "tinted moisturizer", "bb cream", "pancake makeup base",
        "sfx makeup", "facial flesh", "face tone", "body color", "body colour", "skin wash", "derma",
        "facial colour", "facial color", "face colour", "facial tone", "skin hue", "skin colouring",
        "skin coloring", "facial paintwork", "epidermal tone",
    ),
    "teeth": (
        "gnashers", "choppers", "chompers", "molars", "molar", "canines", "canine teeth", "fangs", "fang", "grillz",
        "tooth grills", "pearly whites", "ivories", "tusks", "premolars", "eyeteeth", "milk teeth", "dental work",
        "tooth crowns", "tooth caps", "dental veneers", "tooth gems", "toothies", "biters", "incisor", "canine",
        "eye teeth", "tooth set", "dental arch", "grills", "tooth veneers", "tooth polish", "tooth lacquer",
        "tooth varnish", "dentals", "tooth surface", "denture", "upper and lower teeth", "tooth hue", "tooth shade",
        "teeth colour", "dental colour", "dental crowns", "tooth paintwork",
    ),
    "ears": (
        "lugs", "lugholes", "lughole", "lobes", "ear lobes", "lobe", "auricles", "pinnae", "pinna", "auricle",
        "shell-likes", "ear flaps", "cauliflower ears", "jug ears", "ear cartilage", "ear helix", "ear shells",
        "tragus", "ear tops", "ear edges", "ear lobe", "lobules", "ear lugs", "lug holes", "ear holes", "earholes",
        "ear folds", "ear flesh", "hearing organs", "ear outers", "ear colour", "ear surfaces", "auricular skin",
        "ear rim", "ear tip",
    ),
    "background": (
        "drapes", "greenscreen", "chroma key", "bokeh", "surround", "horizon", "mural", "seamless paper",
        "cyclorama", "vista", "tapestry", "brick wall", "tiles behind", "paper behind", "fabric behind", "hallway",
        "ambience", "milieu", "seascape", "panel behind", "back-drop", "back ground", "rear wall",
        "wall at the back", "scene behind", "stage set", "photo wall", "seamless backdrop", "sky behind",
        "studio paper", "studio cloth", "blank wall", "back screen", "bg", "studio background paper",
        "photographic backdrop", "room wall", "plain wall", "wall colour", "wall color", "backing wall",
        "backing paper", "painted backdrop", "studio wall colour",
    ),
    "clothes": (
        "anorak", "hoody", "tuxedo", "tux", "frock", "dungarees", "togs", "threads", "clobber", "getup", "garms",
        "duds", "cardie", "cardi", "windbreaker", "trench coat", "trenchcoat", "raincoat", "bomber jacket",
        "leather jacket", "denim jacket", "doublet", "jerkin", "poncho", "shawl", "necktie", "bow tie", "bodice",
        "corset", "camisole", "crop top", "halter top", "onesie", "overalls", "lab coat", "scrubs", "armour",
        "armor", "breastplate", "sari", "kurta", "toga", "cassock", "tabard", "leotard", "swimsuit", "gilet",
        "fleece", "tracksuit", "kaftan", "nightgown", "pyjamas", "pajamas", "bathrobe", "smock", "apron",
        "pinafore", "singlet", "tee-shirt", "teeshirt", "tshirt", "hooded top", "hooded sweater", "sweat shirt",
        "knit top", "knitted jumper", "polo neck", "roll neck", "rollneck", "turtle neck", "blouson",
        "puffer jacket", "puffer", "down jacket", "cagoule", "oilskins", "dinner jacket", "sports jacket",
        "frock coat", "surcoat", "chainmail", "spacesuit", "romper", "jumpsuit", "boiler suit", "coveralls",
        "cravat", "neckerchief", "bandana", "lapels", "lapel", "bustier", "bralette", "sweater vest",
        "pullover top", "shirt fabric", "shirt collar", "wardrobe", "ensemble", "outerwear jacket",
        "clothing fabric", "costume fabric", "sundress", "nightie", "kaftans", "dressing gown",
    ),
}  # fmt: skip
"""Colloquial, literary and trade nouns, which FaceCLIP is given as usual ones (`in_usual_words`)."""

TEMPLATES = (
    "a photo of a face with {}", "a person with {}", "a portrait of someone with {}", "{}", "a face with {}",
    "a close-up of a person who has {}", "someone wearing {}", "a picture of a person with {}",
)  # fmt: skip
NEUTRAL_TEXTS = (
    "a face", "a photo of a face", "a portrait of a person", "a person", "a picture of someone",
    "a natural face", "a face without makeup", "an ordinary person",
)  # fmt: skip


def in_templates(prompt: str) -> list[str]:
    """The prompt in every template."""
    return [template.format(prompt) for template in TEMPLATES]


_BETWEEN = re.compile(r"\s*[,;+&]\s*(?:and\s+|with\s+|plus\s+)?|\s+(?:and|with|plus)\s+", re.IGNORECASE)
"""What may stand between two changes."""


@dataclass(frozen=True)
class Meaning:
    """What a prompt asks for, as far as this vocabulary goes.

    Attributes:
        part: a part's name, of `PART_NOUNS`.
        colour: a name that `mcaclip.language.colours` knows.
    """

    part: str
    colour: str


@dataclass(frozen=True)
class _Mention:
    start: int
    end: int
    kind: str
    name: str


def understand(prompt: str) -> Meaning | None:
    """The part and colour that a prompt names; None where one of them is missing or outside the vocabulary.

    Of several parts and colours it takes the pair that stands closest together, a colour before its noun first.
    """
    found = list(_mentions(plain(prompt)))
    pairs = [(c, p) for c in found if c.kind == "colour" for p in found if p.kind == "part"]
    if not pairs:
        return None
    colour, part = min(pairs, key=lambda pair: _distance(*pair))
    return Meaning(part.name, colour.name)


def split_changes(prompt: str, known: Callable[[str], bool] = lambda text: False) -> tuple[str, ...]:
    """The changes that a prompt asks for, one text each: "green lips and pink eyebrows" are two.

    It is split only between texts that mean something by themselves, so "black and white hair" stays one.

    Args:
        prompt: the words.
        known: whether a text asks for a change by itself though it names no part and colour ("zombie").

    Returns:
        At least one text, in the order of the prompt.
    """
    betweens = [match.group() for match in _BETWEEN.finditer(prompt)]
    changes: list[str] = []
    waiting = joint = ""
    for between, piece in zip(["", *betweens], _BETWEEN.split(prompt), strict=True):
        so_far = f"{waiting}{between}{piece}" if waiting else piece
        if understand(piece) or known(piece):
            changes.append(so_far)
            waiting = ""
        elif waiting or not changes or _only_colour(piece):  # a lone colour belongs to what follows
            joint, waiting = joint if waiting else between, so_far
        else:
            changes[-1] += between + piece
    if waiting:  # a colour that nothing followed: as it was written
        changes = [*changes[:-1], f"{changes[-1]}{joint}{waiting}"] if changes else [waiting]
    return tuple(" ".join(change.split()) for change in changes) or (prompt,)


def _only_colour(piece: str) -> bool:
    return [mention.kind for mention in _mentions(plain(piece))] == ["colour"]


def _distance(colour: _Mention, part: _Mention) -> tuple[int, int]:
    """Characters between the two, a little more where the noun comes first; then the place in the prompt."""
    gap = part.start - colour.end if part.start >= colour.end else colour.start - part.end + 3
    return gap, colour.start


def _mentions(text: str) -> Iterator[_Mention]:
    """Parts and colours named in a `plain` text; longer phrases win, and no two overlap."""
    table, longest = _phrases()
    words = [(match.start(), match.end()) for match in re.finditer(r"[a-z]+", text)]
    taken = [False] * len(words)
    for length in range(min(longest, len(words)), 0, -1):
        for first in range(len(words) - length + 1):
            span = range(first, first + length)
            start, end = words[first][0], words[first + length - 1][1]
            entry = table.get(text[start:end])
            if entry and not any(taken[i] for i in span):
                for i in span:
                    taken[i] = True
                yield _Mention(start, end, *entry)


def in_usual_words(text: str) -> str:
    """A text with the usual noun of its part for every one of `RARE_NOUNS`: "green gnashers" says "green teeth".

    Where no colour is named it stays as it is: "a bowl cut" asks for a shape, and "hair" would not say so.
    """
    if not any(mention.kind == "colour" for mention in _mentions(plain(text))):
        return text
    return _rare_nouns().sub(lambda found: PART_NOUNS[_part_of_rare_noun()[found[0].lower()]][0], text)


@cache
def _part_of_rare_noun() -> Mapping[str, str]:
    return MappingProxyType({noun: part for part, nouns in RARE_NOUNS.items() for noun in nouns})


@cache
def _rare_nouns() -> re.Pattern[str]:
    longest_first = sorted(_part_of_rare_noun(), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)


@cache
def _phrases() -> tuple[Mapping[str, tuple[str, str]], int]:
    """Every phrase with its kind and name, and the number of words of the longest. A noun wins over a colour."""
    table = {words: ("colour", name) for words, name in names_by_words().items()}
    table |= {plain(noun): ("part", part) for part, nouns in PART_NOUNS.items() for noun in nouns}
    for nouns_of in (MORE_NOUNS, RARE_NOUNS):
        table |= {plain(noun): ("part", part) for part, nouns in nouns_of.items() for noun in nouns}
    return MappingProxyType(table), max(len(phrase.split()) for phrase in table)
