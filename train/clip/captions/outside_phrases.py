"""Phrases that ask for nothing a face edit could do: what FaceCLIP must say it does not know.

They name things, animals, places, moods of animals, props and nonsense, also in words that are known ("a room with a
blue wall" would be fair, "a blue whale" is not). None is in any caption.
"""

from __future__ import annotations

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
