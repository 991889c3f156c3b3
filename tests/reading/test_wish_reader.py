"""What the shipped reader makes of prompts that its training did not see."""

from __future__ import annotations

import pytest

from mcaclip import weights
from mcaclip.language.concepts import concepts
from mcaclip.reading.wish_reader import WishReader


@pytest.fixture(scope="module")
def reader() -> WishReader:
    return WishReader.load(weights.get("language_model"), weights.get("wish_reader"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("could her lips be a deep green?", "deep green lipstick"),
        ("My hair, but purple this time", "purple hair"),
        ("purpel hiar", "purple hair"),
        ("gren lipstik", "green lipstick"),
        ("#0000ff eyes", "primary blue eyes"),
        ("blonde", "blonde hair"),
        ("brunette", "brown hair"),
        ("dusty rose lips", "dusty rose lipstick"),
        ("a blue goatee instead of a red one", "blue goatee"),
        ("#3af hair", "dodger blue hair"),
        ("make her lips redder", "red lipstick"),
        ("rgb(255, 0, 0) lips", "fire engine red lipstick"),
        ("purple shadow on her eyelids", "purple eyeshadow"),
    ],
)
def test_colours_of_parts(reader, text, words):
    found = reader.read(text)
    assert (found.words, found.sign) == (words, 1)


@pytest.mark.parametrize(
    ("text", "concept", "sign"),
    [
        ("please take those glasses off his face", "glasses", -1),
        ("she isn't wearing glasses", "glasses", -1),
        ("give her round glasses", "glasses", 1),
        ("he grew a big bushy beard", "beard", 1),
        ("younger", "old age", -1),
        ("not so old", "old age", -1),
        ("remove the beard", "beard", -1),
        ("clean-shaven", "beard", -1),
        ("stop smiling", "smile", -1),
        ("don't smile", "smile", -1),
        ("make him laugh", "smile", 1),
        ("make her look much younger", "old age", -1),
        ("make her look older", "old age", 1),
        ("close the mouth", "open mouth", -1),
        ("remove wrinkles", "wrinkles", -1),
        ("angry", "anger", 1),
        ("yonger", "old age", -1),
        ("take of the glasses", "glasses", -1),
        ("mustache", "moustache", 1),
        ("double chin", "chubby face", 1),
        ("she should look sad", "sadness", 1),
        ("close his eyes", "closed eyes", 1),
        ("bushier eyebrows", "thick brows", 1),
        ("red glasses", "sunglasses", 1),
        ("blue eyeshadow", "colour of eyelids", 1),
        ("not purple hair", "colour of hair", -1),
        ("anything but green lips", "colour of lips", -1),
    ],
)
def test_wishes_and_their_opposites(reader, text, concept, sign):
    found = reader.read(text)
    assert found.concept is not None and (found.concept.name, found.sign) == (concept, sign)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grüne Haare", "green hair"), ("blaue Augen", "blue eyes"), ("cheveux roses", "pink hair"),
        ("labios rojos", "red lipstick"), ("barba bianca", "white beard"), ("sobrancelhas pretas", "black eyebrows"),
        ("change brown eyes to blue", "blue eyes"), ("make her 75 years old", "an old face"),
        ("clean shaven please", "no beard"), ("at the age of 6", "a child's face"),
    ],
)  # fmt: skip
def test_other_languages_ages_and_changes_from_one_to_another(reader, text, words):
    assert reader.read(text).words == words


@pytest.mark.parametrize(
    "text",
    [
        "quantum entanglement",
        "hello world",
        "a green submarine",
        "do not remove the beard",
        "vihreät hiukset",
        "👽",
        "зелёная помада",
    ],
)
def test_what_is_no_wish_is_not_understood(reader, text):
    found = reader.read(text)
    assert found.concept is None and found.words == ""


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("slightly pink hair", 0.5),
        ("pink hair", 1.0),
        ("pink hair 30 %", 0.3),
        ("half pink hair", 0.5),
        ("pink lips, half as strong", 0.5),
        ("pink lips at half strength", 0.5),
    ],
)
def test_amounts(reader, text, amount):
    assert reader.read(text).amount == amount


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("sunglasses", ("glasses",)),
        ("hoop earrings", ()),
        ("hat", ()),
        ("the left eyebrow green", ("green eyebrows",)),
        ("one blue eye", ("blue eyes",)),
        ("a tattoo", ()),
        ("violin", ()),
    ],
)
def test_what_cannot_be_done_names_what_is_near_in_meaning_or_nothing(reader, text, nearest):
    found = reader.read(text)
    assert found.outside and found.nearest == nearest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("brown eys", "brown eyes"),
        ("old fase", "an old face"),
        ("shurt blue", "blue shirt"),
        ("make her smil", "smiling"),
        ("remov the beerd", "no beard"),
        ("blu eys", "blue eyes"),
        ("teh hair blond", "blonde hair"),
    ],
)
def test_a_slip_of_the_finger_is_mended(reader, text, words):
    assert reader.read(text).words == words


@pytest.mark.parametrize(("text", "meant"), [("pink hare", ("pink hair",)), ("mustash", ("a moustache",))])
def test_where_a_slip_is_less_sure_it_is_asked_about(reader, text, meant):
    found = reader.read(text)
    assert found.meant == meant and found.outside and "Did you mean" in found.problem


@pytest.mark.parametrize("text", ["hello world", "violin", "wooden chair", "goldfish in a bowl"])
def test_nothing_is_read_into_words_of_another_kind(reader, text):
    assert reader.read(text).meant == ()


@pytest.mark.parametrize(
    ("text", "concept", "sign"),
    [
        ("too much makeup", "makeup", -1),
        ("she looks too old", "old age", -1),
        ("smiles too much", "smile", -1),
        ("too many wrinkles", "wrinkles", -1),
        ("glasses too please", "glasses", 1),
    ],
)
def test_what_is_too_much_is_wished_away(reader, text, concept, sign):
    found = reader.read(text)
    assert found.concept is not None and (found.concept.name, found.sign) == (concept, sign)


def test_every_prompt_of_the_table_is_read_as_itself(reader):
    """So that an edit that was understood once stays what it is, in whatever words it travels."""
    for concept in concepts().values():
        for side in (concept.wanted, concept.unwanted):
            if side.asks and not concept.part:
                found = reader.read(side.asks)
                assert found.concept and side.asks in (found.side.asks, found.words)
