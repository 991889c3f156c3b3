"""Further words for what `wording` says: synonyms that a text tower which knows those is taught afterwards.

None of them is held out, or asked for in the wordings of the report.
"""

from __future__ import annotations

from mcaclip.language.grammar import MORE_NOUNS

NOUNS = MORE_NOUNS

STATE_PHRASES: dict[tuple[str, int], tuple[str, ...]] = {
    ("glasses", 1): (
        "specs", "framed lenses on the nose", "a pair of specs", "glasses on the nose", "shades", "lenses in a frame",
        "rimmed glasses", "a pair of lenses on the nose", "bifocals", "sunglasses", "a frame around the eyes",
        "goggles", "optical glasses", "thick-rimmed spectacles", "glass lenses before the eyes",
    ),
    ("glasses", -1): (
        "no specs", "eyes without glasses", "naked eyes", "no lenses before the eyes", "no frame on the nose",
        "a nose without glasses", "no lenses on the nose", "eyes without spectacles", "not a pair of glasses",
        "bare eyes",
    ),
    ("bearded", 1): (
        "beard growth", "a furry face", "hair on the jaw", "thick facial hair", "a hairy chin and cheeks",
        "a beard covering the jaw", "stubble on the face", "a long beard", "a grown beard", "a hairy face",
        "bristles on the jaw", "an unshaved face", "hair all over the chin and cheeks", "beard stubble",
        "a scruffy beard", "sideburns and beard", "beard hair",
    ),
    ("bearded", -1): (
        "smooth cheeks", "a face without beard", "hairless cheeks", "a beardless face", "a clean shave",
        "a jaw without hair", "smooth shaven skin", "a cleanly shaven face", "a shaved jaw", "a naked jaw",
        "no stubble", "no bristles", "hairless skin around the mouth", "a face free of beard", "cheeks without hair",
        "no hair on the jaw", "shaven cheeks",
    ),
    ("full hair", 1): (
        "dense hair", "voluminous hair", "hair over the forehead", "a full hairdo", "a thick mane",
        "hair with much volume", "hair falling on the brow", "a lot of hair", "puffy hair", "fluffy hair",
        "rich hair", "much hair", "hair in the forehead", "a forehead covered by hair", "a fringe over the brows",
        "thick hair", "volume in the hair", "a huge hairdo", "an abundant mane",
    ),
    ("full hair", -1): (
        "a forehead free of hair", "sparse hair", "a receding hairline", "hair combed back",
        "hair away from the forehead", "flat hair", "an open forehead", "a big forehead", "an exposed forehead",
        "a clear forehead", "a forehead without hair", "no fringe", "no bangs", "slicked back hair",
        "hair pulled back", "thinning hair", "a wide forehead", "scant hair", "lank hair", "a bare brow",
    ),
    ("surprised", 1): (
        "eyes wide with surprise", "a baffled look", "a face of shock", "a gasp", "a scared look", "astonishment",
        "an expression of surprise", "raised eyebrows and wide eyes", "wide open eyes", "a look of disbelief",
        "an alarmed expression", "shock", "amazement", "a face full of wonder", "raised eyebrows", "a perplexed face",
        "bulging eyes", "an expression of shock", "surprise", "eyes open wide",
    ),
    ("surprised", -1): (
        "an unmoved look", "a serene face", "a peaceful expression", "relaxed eyebrows", "calmness",
        "an unimpressed look", "a restful face", "an even look", "a placid face", "no astonishment", "calm eyes",
        "a tranquil face", "a quiet face", "no shock", "a cool expression", "an untroubled look",
        "a relaxed expression", "serenity",
    ),
    ("smiling", 1): (
        "a broad smile", "joy", "a friendly smile", "corners of the mouth turned up", "a delighted face",
        "a joyful expression", "a happy smile", "laughter", "a cheery face", "a happy mouth", "happiness",
        "a wide smile", "lips curved up", "a smiley face", "an amused look", "a glad face", "a merry look", "a smirk",
        "cheerfulness", "a pleasant smile", "mirth",
    ),
    ("smiling", -1): (
        "a straight face", "an unsmiling mouth", "a solemn look", "a sober expression", "a sad look",
        "a blank expression", "corners of the mouth down", "a severe look", "a mouth without a smile", "seriousness",
        "an earnest look", "lips curved down", "a frown", "a stony face", "a grim face", "no laughter",
        "a gloomy expression", "a stiff face", "a bored look", "an impassive look", "a plain expression",
    ),
    ("old", 1): (
        "creases in the face", "lined skin", "crow's feet", "the face of a senior", "old age", "signs of old age",
        "sagging skin", "a grandparent's looks", "an elderly face", "deep wrinkles", "many wrinkles", "old skin",
        "furrows in the skin", "a grandfather's face", "a grandmother's face", "folds in the skin", "a wrinkly face",
        "an ancient face", "high age", "a worn face", "age lines", "advanced age", "senior features",
    ),
    ("old", -1): (
        "young skin", "smooth young skin", "youth", "a youthful face", "a fresh face", "young looks",
        "the face of a young adult", "a teenager's looks", "a youngster's face", "a girlish or boyish face",
        "a teenage face", "no folds", "unwrinkled skin", "young features", "a child's face", "the bloom of youth",
        "skin without wrinkles", "a newly grown-up face", "low age", "tender age",
    ),
    ("male", 1): (
        "a man's face", "a masculine face", "the face of a guy", "male looks", "a virile look", "masculinity",
        "boyish features", "a macho look", "the features of a man", "a guy's face", "the face of a man",
        "a boy's face", "manhood", "a gentleman's face", "a rugged male look", "the appearance of a man",
        "a lad's features", "male appearance", "the traits of a man", "a father's face", "a manlike look",
        "boyish looks", "male traits",
    ),
    ("male", -1): (
        "a woman's face", "a feminine face", "the face of a lady", "female looks", "a ladylike look",
        "girlish features", "femininity", "the features of a woman", "a girl's face", "the face of a woman",
        "womanhood", "a lady's face", "the appearance of a woman", "female appearance", "the traits of a woman",
        "a mother's face", "a womanlike look", "girlish looks", "feminine traits", "a soft female look",
        "ladylike features",
    ),
    ("long hair", 1): (
        "shoulder-length hair", "lengthy hair", "hair reaching the shoulders", "waist-long hair", "hair hanging down",
        "hair that falls below the chin", "very long hair", "hair below the shoulders", "hair over the shoulders",
        "hair on the shoulders", "long locks", "long strands", "hair grown long", "long wavy hair",
        "long straight hair", "hair that reaches the chest", "a long mane", "rapunzel hair", "long-haired looks",
    ),
    ("long hair", -1): (
        "a short haircut", "hair trimmed short", "a buzz cut", "a crew cut", "very short hair", "hair above the ears",
        "close-cropped hair", "hair cropped close", "a brief haircut", "hair trimmed close", "a close crop",
        "short cut hair", "shortly cut hair", "short strands", "a military haircut", "hair not reaching the neck",
        "a short hairdo", "hair shorn short",
    ),
    ("open mouth", 1): (
        "an opened mouth", "lips apart", "teeth showing", "an agape mouth", "the jaw dropped", "a gaping mouth",
        "an open-mouthed look", "lips wide apart", "a mouth that is open", "opened lips", "bared teeth",
        "a wide open jaw", "a yawn", "a shout", "a mouth standing open", "teeth on show", "an open jaw",
        "a singing mouth", "lips that are parted", "a big open mouth", "the lips open",
    ),
    ("open mouth", -1): (
        "lips pressed together", "a shut mouth", "a mouth that is closed", "lips together", "no teeth showing",
        "pressed lips", "lips closed", "a mouth kept shut", "no visible teeth", "a tight mouth", "lips held together",
        "shut lips", "hidden teeth", "the lips together", "closed jaws", "the mouth is shut", "locked lips",
    ),
    ("hat", 1): (
        "a beanie", "a hat on the head", "headgear", "a baseball cap", "a hood", "a cap on the head", "a helmet",
        "a head scarf", "a top hat", "a cowboy hat", "a knitted cap", "a bowler", "a fedora", "a beret", "a turban",
        "a head cover", "a straw hat", "a woolly hat", "something on the head", "a hat or cap", "a headdress",
        "a sun hat",
    ),
    ("hat", -1): (
        "an uncovered head", "a bare head", "nothing on the head", "no headgear", "a head without a hat",
        "no head cover", "without anything on the head", "no beanie", "a hatless head", "nothing covering the hair",
        "no helmet", "no hood", "no headdress",
    ),
    ("goatee", 1): (
        "a beard on the chin only", "stubble on the chin", "a hairy chin", "a pointed chin beard",
        "a small beard below the lips", "a small chin beard", "a bit of beard on the chin",
        "a short beard on the chin", "chin hair", "beard hair at the chin", "a beard under the mouth",
        "a patch of hair on the chin", "fuzz on the chin", "a pointed beard",
    ),
    ("goatee", -1): (
        "a chin without hair", "a clean chin", "a chin without beard", "a naked chin", "a shaven chin",
        "a chin free of hair", "no chin beard", "no beard on the chin", "skin bare on the chin", "a soft bare chin",
        "a plain chin", "no chin hair", "a cleanly shaven chin", "a chin that is shaved", "a polished chin",
    ),
    ("moustache", 1): (
        "a hairy upper lip", "a beard over the lip", "hair under the nose", "a big moustache",
        "hair between nose and lips", "upper lip hair", "stubble over the lips", "hair over the lips",
        "hair on the lip", "a beard on the upper lip", "bristles on the upper lip", "hair grown over the mouth",
        "lip hair", "a walrus moustache", "a pencil moustache", "fuzz over the mouth",
    ),
    ("moustache", -1): (
        "a clean upper lip", "a shaven upper lip", "an upper lip without hair", "nothing under the nose",
        "a hairless upper lip", "skin bare over the lips", "a bare lip", "no hair over the lips",
        "a soft bare upper lip", "an upper lip free of hair", "no lip hair", "no hair under the nose",
        "a shaved upper lip", "a plain upper lip", "a clean-shaven upper lip",
    ),
    ("bald", 1): (
        "a bare scalp", "baldness", "a shiny bald head", "no hair on the head", "a smooth scalp", "a shaven skull",
        "a bare skull", "a bald pate", "a naked head", "a head that is shaved", "a head free of hair",
        "a hair-free scalp", "complete baldness", "a bald crown", "hair loss", "no hair at all", "a polished head",
        "a clean-shaven head",
    ),
    ("bald", -1): (
        "a hairy head", "hair on the scalp", "no bald head", "a head full of hair", "hair growing on the head",
        "a head covered with hair", "hair all over the head", "a well-covered scalp", "a scalp with hair",
        "plenty of hair", "not bald", "a full head of hair", "hair on top", "a haired head", "a head that has hair",
    ),
}  # fmt: skip
PERSON_WORDS: dict[tuple[str, int], tuple[str, ...]] = {
    ("smiling", 1): (
        "joyful", "merry", "delighted", "amused", "jolly", "cheery", "glad", "good-humoured", "gleeful", "jovial",
        "smiley",
    ),
    ("smiling", -1): (
        "solemn", "sad", "grim", "earnest", "gloomy", "unhappy", "severe", "stony-faced", "humourless", "sober",
        "unamused", "glum", "grave", "straight-faced",
    ),
    ("old", 1): (
        "ageing", "grey-haired and old", "ancient", "wizened", "elder", "grey and old", "wrinkly",
        "middle-aged or older", "grizzled", "retired", "very old",
    ),
    ("old", -1): (
        "teenage", "young-looking", "teen", "adolescent", "childlike", "boyish or girlish", "very young", "youngish",
    ),
    ("bearded", 1): (
        "unshaved", "hairy-faced", "stubbly", "heavily bearded", "bristly", "fully bearded", "with a beard",
    ),
    ("bearded", -1): (
        "clean shaven", "shaven", "freshly shaved", "shaved", "cleanly shaved", "baby-faced", "without a beard",
        "well-shaven",
    ),
    ("surprised", 1): (
        "stunned", "bewildered", "baffled", "scared", "dumbfounded", "alarmed", "thunderstruck", "flabbergasted",
        "wide-eyed", "perplexed",
    ),
    ("surprised", -1): (
        "serene", "peaceful", "tranquil", "quiet", "placid", "unshaken", "unruffled", "still", "cool", "at ease",
    ),
    ("bald", 1): (
        "bald headed", "shaven-headed", "hair-free", "baldheaded", "bald-pated", "balding", "shaven-skulled",
    ),
    ("glasses", 1): (
        "spectacled", "glasses-wearing", "four-eyed",
    ),
}  # fmt: skip
SUBJECTS: dict[int, tuple[str, ...]] = {
    0: (
        "human being", "somebody", "portrait", "head", "adult", "figure", "character", "grown-up", "soul",
        "human face", "being", "portrait of a person", "sitter", "one",
    ),
    1: (
        "chap", "bloke", "gent", "lad", "mister", "husband", "father", "male person", "sir", "uncle", "brother",
        "son", "grandpa", "male model", "boyfriend", "businessman", "groom", "king", "actor", "mr", "he", "old chap",
        "male human",
    ),
    -1: (
        "lass", "mother", "wife", "housewife", "madame", "female person", "young lady", "miss", "aunt", "sister",
        "daughter", "grandma", "female model", "girlfriend", "businesswoman", "bride", "queen", "actress", "ladies",
        "mrs", "she", "gal", "female human", "maiden",
    ),
}  # fmt: skip
PATTERN_PHRASES: dict[str, tuple[str, ...]] = {
    "freckles": (
        "freckled skin", "a freckled face", "brown dots on the cheeks", "speckled cheeks", "sun spots",
        "brown freckles", "speckles on the cheeks", "sun freckles", "dotted cheeks", "a spotted face", "freckling",
        "tiny spots on the cheeks", "freckles all over", "a sprinkle of freckles",
    ),
    "stripes": (
        "warrior paint", "painted lines on the cheeks", "warrior stripes", "streaks on the cheeks",
        "stripes painted on the face", "war stripes", "bands of paint on the cheeks", "painted streaks",
        "a warrior's face paint", "lines of paint on the cheeks", "paint strokes on the cheeks", "tribal paint",
    ),
    "glitter": (
        "glittery makeup", "sequins on the cheeks", "shimmering cheeks", "sparkly cheeks", "shimmer",
        "glitter makeup", "cheeks full of glitter", "sparkly makeup", "glitter all over the cheeks",
        "twinkling cheeks", "a glittery face", "shiny sparkles on the cheeks", "glitter dust",
    ),
    "tattoo": (
        "tattooed skin", "an inked face", "black lines tattooed on the face", "ink lines on the skin", "a tattoo",
        "tattoos on the face", "tattoo art on the face", "tribal tattoo", "tattooed cheeks", "a facial tattoo",
        "lines tattooed into the skin",
    ),
    "white lashes": (
        "eyelashes in white", "white mascara", "snowy lashes", "bleached eyelashes", "white mascara on the lashes",
        "lashes in white", "snow lashes", "icy eyelashes", "pale lashes", "eyelashes of snow",
        "lashes covered with frost", "snowy eyelashes",
    ),
    "blush": (
        "pink-flushed cheeks", "blushed cheeks", "glowing cheeks", "reddened cheeks", "red cheeks from blushing",
        "pink cheeks", "a blushing face", "a flush", "reddish cheeks", "a blush on the cheeks",
        "embarrassed red cheeks", "warm rosy cheeks", "a rosy face",
    ),
    "eyeliner": (
        "a line around the eyes", "black-rimmed eyes", "eyelid liner", "dark lines around the eyes", "black eyeliner",
        "a black line around the eyes", "eyes rimmed with black", "cat eye liner", "drawn eyelid lines",
        "kohl-rimmed eyes", "winged eyeliner", "eye pencil", "dark liner",
    ),
    "smoky eyes": (
        "dark eye makeup", "shaded eyelids", "smoky lids", "dark eyelids", "smoky eyeshadow", "dark eyeshadow",
        "smoke-coloured lids", "grey eye shadow", "dark smoky makeup", "sooty eyelids", "eyelids in dark shades",
        "smudged dark eyes", "black eye shadow", "heavy eye makeup",
    ),
}  # fmt: skip
CHARACTER_PHRASES: dict[str, tuple[str, ...]] = {
    "zombie": (
        "walking dead", "the living dead", "a zombie's face", "an undead", "zombie face paint", "a walking corpse",
    ),
    "joker": (
        "the villain joker", "a joker costume", "batman's joker", "the joker's face", "joker face",
    ),
    "vampire": (
        "count dracula", "a vampire's face", "nosferatu", "a bloodsucker", "vampire face",
    ),
    "elf": (
        "a wood elf", "elven looks", "an elf's face", "an elf costume", "elf face", "elven",
    ),
    "avatar": (
        "na'vi", "a navi", "a na'vi's face", "an avatar's face", "avatar face paint",
    ),
    "clown": (
        "a clown's face", "a jester", "a harlequin", "clown face paint", "bozo", "a clown costume",
    ),
}  # fmt: skip
FINISH_WORDS: dict[str, tuple[str, ...]] = {
    "matte": (
        "non-glossy", "matt finish",
    ),
    "glossy": (
        "polished", "lacquered", "glazed", "wet", "shining",
    ),
    "neon": (
        "luminous", "fluo", "luminescent", "neon-bright",
    ),
    "pastel": (
        "chalky pastel", "delicate pastel", "soft pastel-toned", "pastel-toned",
    ),
    "dark": (
        "darker", "deep dark", "dark shade of",
    ),
    "light": (
        "faint", "light shade of",
    ),
}  # fmt: skip
SENTENCES = (
    "{s} featuring {t}", "a depiction of {s} with {t}", "look: {t}", "here is {s} with {t}", "{s} sporting {t}",
    "can you see {s} with {t}", "a shot of {s}, {t}", "let {s} have {t}", "please add {t}", "we see {s} with {t}",
    "a painting of {s} with {t}", "{t} for {s}", "show {s} with {t}", "the photo shows {s} with {t}", "{s} got {t}",
    "{s} along with {t}", "{t}: {s}", "someone having {t}", "a face that shows {t}", "a face having {t}",
    "picture this: {s} with {t}", "{s} in the picture has {t}", "imagine {s} with {t}", "draw {s} with {t}",
    "{s} now with {t}", "a passport photo of {s} with {t}", "the portrait of {s} has {t}", "a sketch of {s} with {t}",
    "i would like {t}", "put {t} on {s}", "it shows {t}", "{t} please", "{t} visible on {s}",
    "{s} looks good with {t}", "could you give {s} {t}", "can i have {t}", "{s} displaying {t}",
    "{s} posing with {t}", "a person featuring {t}", "{t} in a portrait of {s}", "{s} whose look includes {t}",
    "let there be {t}", "now {t}", "change it to {t}", "try {t}", "{s} got themselves {t}",
    "a young or old person with {t}",
)  # fmt: skip
BY_COLOUR = (
    "{n} turned {c}", "make {s}'s {n} {c}", "{s} with {c} as the color of the {n}", "the {n} should be {c}",
    "color the {n} {c}", "give the {n} a {c} tone", "the {n} has turned {c}", "i want the {n} {c}",
    "{n} which {is} {c}", "{c} {n}, please", "dye the {n} {c}", "{n} of {c}", "all {c} {n}", "{n} coloured in {c}",
    "{c} all over the {n}", "the color of the {n} is {c}", "the {n} of {s} {is} {c}", "{s} chose {c} for the {n}",
    "{c} as the {n} color", "{n} with a {c} color", "{s} likes {c} on the {n}", "the {n} got {c}",
    "let the {n} be {c}", "{n} now {c}", "someone made the {n} {c}", "{n} ({c})", "{n} = {c}", "{c} on the {n}",
    "{n} looking {c}", "i see {c} when i look at the {n}", "{n} {done} in {c}", "{s}'s {n} {is} {c}",
    "{n} tinted {c}", "{n} colored {c}", "{s}: {n} {is} {c}", "{c} colour for the {n}", "the shade of the {n} is {c}",
    "{c} tone on the {n}", "could the {n} be {c}", "{n} a shade of {c}", "{c} paint on the {n}",
    "use {c} for the {n}",
)  # fmt: skip
