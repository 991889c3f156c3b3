"""Further words for what `train.wording` says: synonyms that a text tower which knows those is taught afterwards.

None of them is held out, or asked for in the wordings of the report.
"""

from __future__ import annotations

from mcaclip.text.grammar import MORE_NOUNS

NOUNS = MORE_NOUNS

STATE_PHRASES: dict[tuple[str, int], tuple[str, ...]] = {
    ("glasses", 1): ("specs", "framed lenses on the nose", "a pair of specs", "glasses on the nose", "shades"),
    ("glasses", -1): ("no specs", "eyes without glasses", "naked eyes", "no lenses before the eyes"),
    ("bearded", 1): ("beard growth", "a furry face", "hair on the jaw", "thick facial hair",
                     "a hairy chin and cheeks", "a beard covering the jaw", "stubble on the face"),
    ("bearded", -1): ("smooth cheeks", "a face without beard", "hairless cheeks", "a beardless face", "a clean shave",
                      "a jaw without hair", "smooth shaven skin"),
    ("full hair", 1): ("dense hair", "voluminous hair", "hair over the forehead", "a full hairdo", "a thick mane",
                       "hair with much volume", "hair falling on the brow"),
    ("full hair", -1): ("a forehead free of hair", "sparse hair", "a receding hairline", "hair combed back",
                        "hair away from the forehead", "flat hair", "an open forehead"),
    ("surprised", 1): ("eyes wide with surprise", "a baffled look", "a face of shock", "a gasp", "a scared look",
                       "astonishment", "an expression of surprise", "raised eyebrows and wide eyes"),
    ("surprised", -1): ("an unmoved look", "a serene face", "a peaceful expression", "relaxed eyebrows", "calmness",
                        "an unimpressed look", "a restful face"),
    ("smiling", 1): ("a broad smile", "joy", "a friendly smile", "corners of the mouth turned up", "a delighted face",
                     "a joyful expression", "a happy smile", "laughter"),
    ("smiling", -1): ("a straight face", "an unsmiling mouth", "a solemn look", "a sober expression", "a sad look",
                      "a blank expression", "corners of the mouth down", "a severe look"),
    ("old", 1): ("creases in the face", "lined skin", "crow's feet", "the face of a senior", "old age",
                 "signs of old age", "sagging skin", "a grandparent's looks", "an elderly face"),
    ("old", -1): ("young skin", "smooth young skin", "youth", "a youthful face", "a fresh face", "young looks",
                  "the face of a young adult", "a teenager's looks"),
    ("male", 1): ("a man's face", "a masculine face", "the face of a guy", "male looks", "a virile look",
                  "masculinity", "boyish features", "a macho look", "the features of a man"),
    ("male", -1): ("a woman's face", "a feminine face", "the face of a lady", "female looks", "a ladylike look",
                   "girlish features", "femininity", "the features of a woman"),
    ("long hair", 1): ("shoulder-length hair", "lengthy hair", "hair reaching the shoulders", "waist-long hair",
                       "hair hanging down", "hair that falls below the chin", "very long hair"),
    ("long hair", -1): ("a short haircut", "hair trimmed short", "a buzz cut", "a crew cut", "very short hair",
                        "hair above the ears", "close-cropped hair"),
    ("open mouth", 1): ("an opened mouth", "lips apart", "teeth showing", "an agape mouth", "the jaw dropped",
                        "a gaping mouth", "an open-mouthed look", "lips wide apart"),
    ("open mouth", -1): ("lips pressed together", "a shut mouth", "a mouth that is closed", "lips together",
                         "no teeth showing", "pressed lips"),
    ("hat", 1): ("a beanie", "a hat on the head", "headgear", "a baseball cap", "a hood", "a cap on the head",
                 "a helmet", "a head scarf"),
    ("hat", -1): ("an uncovered head", "a bare head", "nothing on the head", "no headgear", "a head without a hat"),
    ("goatee", 1): ("a beard on the chin only", "stubble on the chin", "a hairy chin", "a pointed chin beard",
                    "a small beard below the lips"),
    ("goatee", -1): ("a chin without hair", "a clean chin", "a chin without beard", "a naked chin", "a shaven chin"),
    ("moustache", 1): ("a hairy upper lip", "a beard over the lip", "hair under the nose", "a big moustache",
                       "hair between nose and lips", "upper lip hair", "stubble over the lips"),
    ("moustache", -1): ("a clean upper lip", "a shaven upper lip", "an upper lip without hair",
                        "nothing under the nose", "a hairless upper lip", "skin bare over the lips"),
    ("bald", 1): ("a bare scalp", "baldness", "a shiny bald head", "no hair on the head", "a smooth scalp",
                  "a shaven skull", "a bare skull"),
    ("bald", -1): ("a hairy head", "hair on the scalp", "no bald head", "a head full of hair",
                   "hair growing on the head", "a head covered with hair"),
}  # fmt: skip
PERSON_WORDS: dict[tuple[str, int], tuple[str, ...]] = {
    ("smiling", 1): ("joyful", "merry", "delighted", "amused"),
    ("smiling", -1): ("solemn", "sad", "grim", "earnest", "gloomy"),
    ("old", 1): ("ageing", "grey-haired and old", "ancient", "wizened"),
    ("old", -1): ("teenage", "young-looking"),
    ("bearded", 1): ("unshaved", "hairy-faced", "stubbly"),
    ("bearded", -1): ("clean shaven", "shaven", "freshly shaved"),
    ("surprised", 1): ("stunned", "bewildered", "baffled", "scared"),
    ("surprised", -1): ("serene", "peaceful", "tranquil", "quiet"),
    ("bald", 1): ("bald headed", "shaven-headed", "hair-free"),
    ("glasses", 1): ("spectacled",),
}
SUBJECTS: dict[int, tuple[str, ...]] = {
    0: ("human being", "somebody", "portrait", "head", "adult"),
    1: ("chap", "bloke", "gent", "lad", "mister", "husband", "father", "male person"),
    -1: ("lass", "mother", "wife", "housewife", "madame", "female person", "young lady"),
}
PATTERN_PHRASES: dict[str, tuple[str, ...]] = {
    "freckles": ("freckled skin", "a freckled face", "brown dots on the cheeks", "speckled cheeks", "sun spots"),
    "stripes": ("warrior paint", "painted lines on the cheeks", "warrior stripes", "streaks on the cheeks"),
    "glitter": ("glittery makeup", "sequins on the cheeks", "shimmering cheeks", "sparkly cheeks", "shimmer"),
    "tattoo": ("tattooed skin", "an inked face", "black lines tattooed on the face", "ink lines on the skin"),
    "white lashes": ("eyelashes in white", "white mascara", "snowy lashes", "bleached eyelashes"),
    "blush": ("pink-flushed cheeks", "blushed cheeks", "glowing cheeks", "reddened cheeks"),
    "eyeliner": ("a line around the eyes", "black-rimmed eyes", "eyelid liner", "dark lines around the eyes"),
    "smoky eyes": ("dark eye makeup", "shaded eyelids", "smoky lids", "dark eyelids", "smoky eyeshadow"),
}
SENTENCES = (
    "{s} featuring {t}", "a depiction of {s} with {t}", "look: {t}", "here is {s} with {t}", "{s} sporting {t}",
    "can you see {s} with {t}", "a shot of {s}, {t}", "let {s} have {t}", "please add {t}", "we see {s} with {t}",
    "a painting of {s} with {t}", "{t} for {s}", "show {s} with {t}", "the photo shows {s} with {t}", "{s} got {t}",
)  # fmt: skip
BY_COLOUR = (
    "{n} turned {c}", "make {s}'s {n} {c}", "{s} with {c} as the color of the {n}", "the {n} should be {c}",
    "color the {n} {c}", "give the {n} a {c} tone", "the {n} has turned {c}", "i want the {n} {c}",
    "{n} which {is} {c}", "{c} {n}, please", "dye the {n} {c}", "{n} of {c}", "all {c} {n}",
)  # fmt: skip
