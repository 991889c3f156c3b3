"""The words of captions: nouns, state phrases, sentences; those of held-out captions; phrases that are in none."""

from __future__ import annotations

from mcaclip.language.grammar import PART_NOUNS

HELD_OUT_NOUNS: dict[str, tuple[str, ...]] = {
    "hair": ("tresses", "hairstyle"),
    "lips": ("pout", "lip tint"),
    "goatee": ("chin tuft", "van dyke"),
    "beard": ("jaw beard", "whiskers"),
    "moustache": ("tache",),
    "brows": ("brow tint",),
    "eyes": ("contacts", "colored contacts"),
    "cheeks": ("blusher", "cheek color"),
    "skin": ("body paint", "facial skin"),
    "teeth": ("set of teeth",),
    "ears": ("earlobes",),
    "background": ("wallpaper", "scenery behind"),
    "clothes": ("garment", "blouse"),
}
"""Nouns of `PART_NOUNS` that training never says."""
TRAINING_NOUNS = {
    part: tuple(n for n in nouns if n not in HELD_OUT_NOUNS[part]) for part, nouns in PART_NOUNS.items()
}
COMMON_SHARE = 0.5
"""How often a part goes by one of its two commonest nouns."""

ONE = frozenset({
    "hairdo", "mane", "mop of hair", "hairstyle", "haircut", "goatee", "chin beard", "goatee beard", "soul patch",
    "chin tuft", "van dyke", "beard", "full beard", "dyed beard", "jaw beard", "beard on the chin", "moustache",
    "mustache", "handlebar moustache", "handlebar mustache", "tache", "complexion", "skin tone", "painted face",
    "set of teeth", "pair of ears", "head of hair", "afro", "pixie cut", "pointed goatee", "small chin beard",
    "bearded jaw", "long beard", "thick beard", "thick moustache", "row of teeth", "sweatshirt", "hoodie", "coat",
    "pullover", "vest", "suit", "tee", "polo shirt", "cardigan", "tank top", "collar", "robe",
    "background", "backdrop", "wall", "wall behind", "studio backdrop", "shirt",
    "top", "sweater", "jacket", "outfit", "t-shirt", "dress", "garment", "blouse", "pout",
    "quiff", "mohawk", "hair bun", "topknot", "mane of hair", "coiffure", "updo", "mullet", "hairpiece",
    "lock of hair", "shock of hair", "dye job", "goat beard", "little chin beard", "small beard", "billy goat beard",
    "bearded chin", "short chin beard", "scruffy beard", "viking beard", "walrus moustache", "pencil moustache",
    "curled moustache", "thin moustache", "horseshoe moustache", "waxed moustache", "big mustache",
    "pair of eyebrows", "pair of eyes", "facial complexion", "back wall", "painted wall", "photo background",
    "picture background", "studio background", "background wall", "back drop", "room", "backcloth", "tunic", "jersey",
    "turtleneck", "jumper", "blazer", "dress shirt", "tee shirt", "gown", "costume", "suit jacket", "overcoat",
    "cloak", "kimono", "parka", "waistcoat", "collared shirt", "cape", "wool sweater", "studio wall",
})  # fmt: skip
"""Nouns that take an article."""
MANY = frozenset({
    "lips", "painted lips", "locks", "tresses", "strands of hair", "curls", "whiskers", "eyebrows", "brows",
    "eye brows", "eyes", "irises", "contact lenses", "colored contacts", "contacts", "cheeks", "painted cheeks",
    "teeth", "dyed teeth", "ears", "painted ears", "earlobes", "clothes", "sideburns and beard",
    "ringlets", "dreadlocks", "hairs", "pigtails", "plaits", "cornrows", "hair roots", "hair extensions",
    "hair highlights", "tinted lips", "both lips", "full lips", "lipsticks", "sideburns", "bristles", "beards",
    "mutton chops", "moustaches", "mustaches", "tinted eyebrows", "pencilled eyebrows", "both eyebrows",
    "arched eyebrows", "thick eyebrows", "dyed eyebrows", "eye irises", "tinted lenses", "eye lenses",
    "colored lenses", "both eyes", "cosmetic lenses", "coloured lenses", "coloured contact lenses", "peepers",
    "tinted eyes", "cheekbones", "both cheeks", "rouged cheeks", "powdered cheeks", "painted teeth", "dentures",
    "front teeth", "incisors", "stained teeth", "veneers", "upper teeth", "colored teeth", "both ears", "outer ears",
    "dyed ears", "ear tips", "ear rims", "tinted ears", "colored ears", "surroundings",
})  # fmt: skip
DONE = {
    "hair": ("dyed", "colored", "coloured"), "brows": ("dyed", "tinted", "painted"), "lips": ("painted", "colored"),
    "goatee": ("dyed", "colored"), "beard": ("dyed", "coloured"), "moustache": ("dyed", "colored"),
    "eyes": ("colored", "tinted"), "cheeks": ("painted", "rouged"), "skin": ("painted", "colored", "tinted"),
    "teeth": ("stained", "painted"), "ears": ("painted",), "background": ("painted", "colored"),
    "clothes": ("dyed", "colored"),
}  # fmt: skip
ADJECTIVES = ("bright", "vivid", "deep", "rich", "intense", "bold")
FINISH_WORDS: dict[str, tuple[str, ...]] = {
    "matte": ("matte", "matt", "flat matte"),
    "glossy": ("glossy", "shiny", "wet-look"),
    "neon": ("neon", "fluorescent", "glowing"),
    "pastel": ("pastel", "soft pastel"),
    "dark": ("dark", "very dark"),
    "light": ("light", "pale"),
}
HELD_OUT_FINISH_WORDS = {
    "matte": "dull matte", "glossy": "gleaming", "neon": "day-glo", "pastel": "powdery pastel", "dark": "darkened",
    "light": "lightened",
}  # fmt: skip

SENTENCES = (
    "a photo of {s} with {t}", "{s} with {t}", "a portrait of {s} with {t}", "{s} who has {t}", "{t} on {s}",
    "a close-up of {s} with {t}", "a picture of {s} who has {t}", "{s} has {t}", "a photograph of {s}, {t}",
    "{s}: {t}", "{t}, {s}", "{s}, {t}", "an image of {s} with {t}", "a headshot of {s} with {t}",
    "a selfie of {s} with {t}", "this is {s} with {t}", "there is {s} with {t}", "{s} showing {t}",
    "give {s} {t}", "{s} and {t}", "portrait, {t}", "close-up, {t}", "I want {t}", "i see {t}", "add {t}",
    "make it {t}", "with {t}", "a face with {t}, photo", "{s} that has {t}", "a cropped photo of {s} with {t}",
)  # fmt: skip
WORN = ("{s} wearing {t}", "wearing {t}", "someone in {t}", "a photo of {s} wearing {t}", "{s} made up with {t}")
"""For make-up and clothes."""
WORN_PARTS = frozenset({"lips", "cheeks", "clothes", "eyes"})
HELD_OUT_SENTENCES = (
    "a studio shot in which {s} sports {t}", "look at {s}, notice {t}", "{t} as seen on {s}",
    "a drawing reference showing {t}", "the artist gave {s} {t}", "a snapshot where {s} comes with {t}",
)  # fmt: skip
BY_COLOUR = (
    "{s} whose {n} {is} {c}", "{n} {done} {c}", "{n} that {is} {c}", "{n}: {c}", "the {n} {is} {c}",
    "{c} is the color of the {n}", "{s} with {n} {done} {c}", "{s} with {n} that {is} {c}", "make the {n} {c}",
    "{n} in {c}", "{s}, {n} {done} {c}", "paint the {n} {c}", "turn the {n} {c}", "change the {n} to {c}",
    "{s} has {n} {done} {c}", "{n} of a {c} color", "{c}-colored {n}",
)  # fmt: skip
"""For one part and its colour: {n} noun, {c} colour, {is} is or are, {done} dyed, painted and so on."""
HELD_OUT_BY_COLOUR = (
    "{s} went for {c} when it came to the {n}", "the {n} of {s} appears {c}", "{n}, colour {c}",
    "recolour the {n} so that it becomes {c}",
)  # fmt: skip
NEUTRAL = (
    "a face", "a photo of a face", "a portrait of a person", "a person", "a picture of someone", "someone",
    "a photo of a person", "a portrait", "a close-up of a face",
)  # fmt: skip
HELD_OUT_NEUTRAL = ("a snapshot of somebody", "a human face up close", "a likeness of someone")
BARE = (
    "no makeup", "without makeup", "a face without makeup", "a natural face", "no paint", "bare face", "no make-up",
    "a person wearing no makeup", "an unpainted face", "natural look", "not painted", "an ordinary person",
    "without any paint", "without make-up",
)  # fmt: skip
BARE_THINGS = ("no makeup", "no make-up", "no face paint", "a natural look", "a bare face", "no paint")
HELD_OUT_BARE = ("makeup-free", "a face free of cosmetics", "zero makeup", "completely unmade-up")
HELD_OUT_BARE_THINGS = ("zero makeup", "skin free of cosmetics")

NO_FACE = (
    "no face", "not a face", "a picture without a face", "noise", "a broken picture", "an abstract pattern",
    "a blurred mess", "random shapes", "nothing that looks like a face", "a destroyed face",
)  # fmt: skip

STATE_PHRASES: dict[tuple[str, int], tuple[str, ...]] = {
    ("glasses", 1): ("glasses", "eyeglasses", "a pair of glasses", "spectacles", "reading glasses"),
    ("glasses", -1): ("no glasses", "no eyeglasses", "no spectacles", "nothing over the eyes"),
    ("bearded", 1): ("a beard", "facial hair", "a bearded face", "a stubbly jaw", "hair on cheeks and jaw"),
    ("bearded", -1): (
        "no beard",
        "a clean-shaven face",
        "no facial hair",
        "a shaved chin",
        "a hairless jaw",
        "a shaven face",
    ),
    ("full hair", 1): ("full hair", "bangs", "a fringe", "thick hair with bangs", "lots of hair", "big hair"),
    ("full hair", -1): (
        "a bare forehead",
        "thin hair",
        "little hair",
        "a high forehead",
        "a free forehead",
        "a visible forehead",
    ),
    ("surprised", 1): (
        "a surprised look",
        "a surprised face",
        "an astonished expression",
        "raised brows in surprise",
        "an amazed look",
        "a shocked expression",
        "a stunned face",
    ),
    ("surprised", -1): ("a relaxed look", "a calm expression", "no surprise", "a quiet look", "an even expression"),
    ("smiling", 1): ("a smile", "a big smile", "a happy expression", "a smiling mouth", "a laugh", "a cheerful look"),
    ("smiling", -1): (
        "no smile",
        "a serious look",
        "a serious face",
        "a neutral expression",
        "a grave look",
        "a strict face",
    ),
    ("old", 1): ("wrinkles", "an old face", "an aged face", "wrinkled features"),
    ("old", -1): ("a young face", "youthful looks", "no wrinkles"),
    ("male", 1): ("a male face", "masculine features", "male features", "the looks of a man", "a masculine look"),
    ("male", -1): (
        "a female face",
        "feminine features",
        "female features",
        "the looks of a woman",
        "a feminine look",
    ),
    ("long hair", 1): ("long hair", "hair down to the shoulders", "hair past the shoulders"),
    ("long hair", -1): ("short hair", "no long hair", "cropped hair", "hair cut short"),
    ("open mouth", 1): ("an open mouth", "parted lips", "visible teeth", "the mouth open", "a wide mouth"),
    ("open mouth", -1): ("a closed mouth", "closed lips", "lips shut", "the mouth shut", "tight lips"),
    ("hat", 1): ("a hat", "a cap", "a head covering", "a bonnet"),
    ("hat", -1): ("no hat", "no cap", "no head covering"),
    ("goatee", 1): ("a goatee", "a chin beard", "a natural goatee", "hair on the chin", "a little beard on the chin"),
    ("goatee", -1): ("no goatee", "a bare chin", "a hairless chin", "no hair on the chin"),
    ("moustache", 1): ("a moustache", "a mustache", "hair on the upper lip"),
    ("moustache", -1): ("no moustache", "no mustache", "a bare upper lip", "no hair on the upper lip"),
    ("bald", 1): ("a bald head", "no hair", "a shaved head", "a bald scalp", "a head without hair"),
    ("bald", -1): ("hair on the head", "a head of hair", "a head with hair", "a scalp covered with hair"),
}
"""What a state looks like, as something that a face has ("no X" also stands as "without X")."""
HELD_OUT_STATE_PHRASES: dict[tuple[str, int], tuple[str, ...]] = {
    ("glasses", 1): ("eyewear",), ("glasses", -1): ("no eyewear",),
    ("bearded", 1): ("a hairy jaw",), ("bearded", -1): ("a smooth jaw",),
    ("full hair", 1): ("a voluminous hairdo",), ("full hair", -1): ("an uncovered brow",),
    ("surprised", 1): ("a startled look",), ("surprised", -1): ("a composed look",),
    ("smiling", 1): ("a grin",), ("smiling", -1): ("a stern look",),
    ("old", 1): ("elderly features",), ("old", -1): ("a fresh young look",),
    ("male", 1): ("manly looks",), ("male", -1): ("womanly looks",),
    ("long hair", 1): ("hair flowing over the shoulders",), ("long hair", -1): ("closely cut hair",),
    ("open mouth", 1): ("the mouth wide open",), ("open mouth", -1): ("sealed lips",),
    ("hat", 1): ("headwear",), ("hat", -1): ("no headwear",),
    ("goatee", 1): ("a tuft on the chin",), ("goatee", -1): ("a smooth chin",),
    ("moustache", 1): ("hair above the lip",), ("moustache", -1): ("a smooth upper lip",),
    ("bald", 1): ("a hairless head",), ("bald", -1): ("a covered scalp",),
}  # fmt: skip
PERSON_WORDS: dict[tuple[str, int], tuple[str, ...]] = {
    ("smiling", 1): ("smiling", "happy", "grinning", "laughing", "cheerful"),
    ("smiling", -1): ("serious", "unsmiling", "serious-looking", "strict"),
    ("old", 1): ("old", "elderly", "aged", "wrinkled", "senior"),
    ("old", -1): ("young", "youthful"),
    ("bearded", 1): ("bearded",),
    ("bearded", -1): ("clean-shaven", "beardless"),
    ("surprised", 1): ("surprised", "astonished", "amazed", "shocked"),
    ("surprised", -1): ("calm", "relaxed"),
    ("bald", 1): ("bald", "bald-headed"),
    ("glasses", 1): ("bespectacled",),
}
"""States as adjectives of a person."""
HELD_OUT_PERSON_WORDS: dict[tuple[str, int], tuple[str, ...]] = {
    ("smiling", 1): ("beaming",), ("smiling", -1): ("stern",), ("old", 1): ("aging",), ("old", -1): ("juvenile",),
    ("surprised", 1): ("startled",), ("surprised", -1): ("composed",), ("bald", 1): ("hairless",),
    ("bearded", 1): ("unshaven",), ("bearded", -1): ("smooth-faced",),
}  # fmt: skip
SUBJECTS: dict[int, tuple[str, ...]] = {
    0: ("person", "face", "person", "model", "human"), 1: ("man", "man", "guy", "male", "boy", "fellow", "dude"),
    -1: ("woman", "woman", "lady", "female", "girl", "madam"),
}  # fmt: skip
HELD_OUT_SUBJECTS: dict[int, tuple[str, ...]] = {0: ("individual",), 1: ("gentleman",), -1: ("dame",)}

PATTERN_PHRASES: dict[str, tuple[str, ...]] = {
    "freckles": ("freckles", "freckled cheeks", "freckles on the nose and cheeks", "lots of freckles"),
    "stripes": ("war paint", "stripes on the cheeks", "war paint stripes", "painted stripes", "tribal stripes"),
    "glitter": ("glitter", "glitter on the cheeks", "face glitter", "sparkling cheeks", "sparkles"),
    "tattoo": ("a face tattoo", "a tattoo on the face", "tattoo lines", "facial tattoos", "a tattooed face"),
    "white lashes": ("white lashes", "white eyelashes", "snow-white lashes", "frosted eyelashes"),
    "blush": ("blush", "blushing cheeks", "rosy cheeks", "flushed cheeks"),
    "eyeliner": ("eyeliner", "lined eyes", "eye liner", "kohl around the eyes"),
    "smoky eyes": ("smoky eyes", "smokey eyes", "eye shadow", "smoky eye makeup", "eyeshadow"),
}
HELD_OUT_PATTERN_PHRASES: dict[str, tuple[str, ...]] = {
    "freckles": ("small brown spots on the face",), "stripes": ("bars painted across the cheeks",),
    "glitter": ("glittering skin",), "tattoo": ("ink on the face",), "white lashes": ("lashes as white as snow",),
    "blush": ("a healthy glow on the cheeks",), "eyeliner": ("outlined eyelids",),
    "smoky eyes": ("dusky shaded lids",),
}  # fmt: skip
COLOURED_PATTERNS: dict[str, tuple[str, ...]] = {
    "stripes": ("{} war paint", "{} stripes on the cheeks", "{} war paint stripes", "{} stripes"),
    "glitter": ("{} glitter", "{} face glitter", "{} glitter on the cheeks"),
    "eyeliner": ("{} eyeliner", "{} eye liner", "eyes lined in {}"),
    "smoky eyes": ("{} eye shadow", "{} eyeshadow", "{} smoky eyes"),
    "blush": ("{} blush", "cheeks flushed {}"),
}
HELD_OUT_COLOURED_PATTERNS: dict[str, tuple[str, ...]] = {
    "stripes": ("{} bars across the cheeks",), "glitter": ("{} sparkly powder",), "eyeliner": ("{} eyelid outlines",),
    "smoky eyes": ("{} shaded eyelids",), "blush": ("a {} flush",),
}  # fmt: skip
CHARACTER_PHRASES: dict[str, tuple[str, ...]] = {
    "zombie": ("zombie", "a zombie", "zombie makeup", "an undead zombie face", "a rotting zombie"),
    "joker": ("joker", "the joker", "joker makeup", "joker face paint", "a joker face"),
    "vampire": ("vampire", "a vampire", "vampire makeup", "a pale vampire", "dracula"),
    "elf": ("elf", "an elf", "elf-like skin", "an elf face", "a forest elf"),
    "avatar": ("avatar", "an avatar", "a na'vi from avatar", "avatar-blue skin", "avatar makeup"),
    "clown": ("clown", "a clown", "clown makeup", "a clown face", "circus clown"),
}
HELD_OUT_CHARACTER_PHRASES: dict[str, tuple[str, ...]] = {
    "zombie": ("dressed up as a zombie", "zombified"), "joker": ("in the style of the joker",),
    "vampire": ("looking like a vampire", "vampiric"), "elf": ("turned into an elf", "elvish"),
    "avatar": ("a character of the film avatar",), "clown": ("made up as a clown",),
}  # fmt: skip
CHARACTER_SENTENCES = (
    "a photo of {}", "a person as {}", "a face of {}", "{}", "someone who looks like {}", "a portrait of {}",
    "turn the person into {}", "make them {}",
)  # fmt: skip

OUTSIDE_PHRASES: tuple[str, ...] = (
    # things and vehicles
    "a bicycle", "red bicycle", "purple spaceship", "a yellow school bus", "steam locomotive", "sailing boat at sea",
    "a broken umbrella", "grand piano", "laptop on a desk", "wooden chair", "vacuum cleaner", "green tractor",
    "a stack of books", "pink telephone", "alarm clock", "coffee mug", "chess board", "kitchen knife",
    "blue bus stop",
    "washing machine", "screwdriver", "rusty gate", "empty bottle", "street lamp", "airport terminal", "fire engine",
    "silver spoon and fork", "black hole", "a green traffic light", "red carpet event", "concert ticket",
    # animals
    "angry dog", "a sleeping cat", "flying eagle", "two giraffes", "blue whale", "goldfish in a bowl", "wild horses",
    "black sheep on a meadow", "white rabbit running", "an elephant", "penguins on ice", "spider web", "brown bear",
    "butterfly on a leaf", "a crocodile", "red fox in snow", "swarm of bees", "dinosaur skeleton", "green parrot",
    # places, weather, nature
    "sunset over mountains", "a sandy beach with palm trees", "city skyline at night", "rainy street in Paris",
    "an old castle", "the Eiffel tower", "waterfall", "volcano erupting", "desert road", "foggy harbour",
    "football stadium",
    "snowy village", "wheat field", "northern lights", "moon landing", "thunderstorm", "a swimming pool",
    "cherry tree",
    "orange river at dusk", "underwater reef", "railway station", "supermarket shelf", "the surface of mars",
    # food
    "pizza with mushrooms", "bowl of noodles", "chocolate cake", "grilled fish", "apple pie", "a glass of beer",
    "scrambled eggs", "spicy curry", "green salad", "vanilla icecream cone", "roast chicken", "sushi platter",
    # props and clothes that nothing here paints
    "wearing a crown", "a person wearing a crown", "holding a guitar", "with a parachute", "wearing a space helmet",
    "someone with a backpack", "a face with a bandage", "wearing a wedding dress", "a gas mask", "riding a motorbike",
    "a man with a sword", "a woman holding a baby", "person eating a sandwich", "someone reading a newspaper",
    "a photo of a bride and groom", "carrying groceries", "police uniform", "knight in armour", "ballet shoes",
    # acts and scenes
    "people dancing at a party", "playing tennis", "football players celebrating", "swimming in a lake",
    "climbing a ladder", "two people shaking hands", "a crowd in the street", "children building a sandcastle",
    "parking a car", "baking bread", "waiting for the train", "a surgeon in an operating theatre",
    # abstractions and talk
    "quantum entanglement", "stock market crash", "democracy", "happy birthday", "what time is it", "hello world",
    "the meaning of life", "tax return form", "once upon a time", "select all from users", "linear regression",
    "chapter three", "music theory", "breaking news", "best offer of the week", "version two point five",
    # other pictures
    "abstract oil painting", "a map of europe", "company logo", "floor plan of a flat", "handwritten letter",
    "x ray of a knee", "satellite image of farmland", "pixel art landscape", "barcode", "sheet music",
    # known colours and parts on things that are outside
    "green submarine", "blue bicycle with a basket", "purple elephant", "a red balloon in the sky", "golden trophy",
    "white picket fence", "pink flamingo", "grey concrete bunker", "hair dryer", "lips of a vase", "goat in a barn",
    "brow of a hill", "skin of a banana", "an eye of a hurricane", "background noise", "a wall clock",
    # words that are near those of captions in other senses
    "iraq war", "civil war troops", "a nasa spacecraft", "weather problems", "the same as before", "more of it",
    "funny things happen", "a snowfall in the streets", "political conflict", "the chancellor", "school rules",
    "recent years", "something else", "everything is possible", "two productions", "a spokesman of the ministry",
    "economic reasons", "the invasion", "labour laws", "wartime regulations",
    # nonsense letters and other scripts
    "asdfgh", "qwertzuiop", "xkcdv blorp", "flurbnax", "zzzz zzzz", "lorem ipsum dolor", "mxyzptlk", "blargh wug",
    "zażółć gęślą jaźń", "grüne Lippen", "rouge à lèvres vert", "barba azul", "capelli viola", "vihreä huulipuna",
    "зелёная помада", "紫色头发", "緑の口紅", "أحمر شفاه أخضر", "πράσινα χείλη", "हरी लिपस्टिक", "😀😀", "💄💚",
)  # fmt: skip
"""Phrases that ask for nothing a face edit could do: what FaceCLIP must say it does not know.

They name things, animals, places, moods of animals, props and nonsense, also in words that are known ("a room with a
blue wall" would be fair, "a blue whale" is not). None is in any caption.
"""
