"""Familiarity of prompts: words, the calibrated score, the alternatives that are offered."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from mcaclip.clip.clip_space import FACECLIP, VIT_B_32
from mcaclip.clip.familiarity import (
    Calibration,
    FamiliarityReport,
    OpenFamiliarity,
    TaughtFamiliarity,
    familiarity_of,
)
from mcaclip.errors import TrainingError, WeightsError
from mcaclip.language.vocabulary import Vocabulary, content_words, count_words
from train.clip.captions.wording import OUTSIDE_PHRASES
from train.clip.familiarity import BINS, fit_calibration, fit_knowledge, measure

COLOURS, NOUNS = ("red", "green", "blue", "purple"), ("hair", "lipstick", "eyebrow")
PHRASES = [f"{colour} {noun}" for colour in COLOURS for noun in NOUNS]
CAPTIONS = [f"a photo of a woman with {phrase}" for phrase in PHRASES] * 20
PARAPHRASES = [f"make the {noun}s look {colour}" for colour in COLOURS for noun in NOUNS]
STRANGE = [
    "angry dog", "a bicycle", "purple spaceship", "red bicycle", "sunset over mountains", "a crown", "asdf", "緑",
    "green tractor", "blue whale", "hello", "violin",
]  # fmt: skip


class BagOfWords:
    """A text's embedding is the sum of random directions of its words."""

    def encode_text(self, texts):
        rows = [sum((_direction(word) for word in content_words(text)), torch.zeros(64)) for text in texts]
        return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


def _direction(word: str) -> torch.Tensor:
    return torch.randn(64, generator=torch.Generator().manual_seed(sum(ord(c) * 31**i for i, c in enumerate(word))))


@pytest.fixture(scope="module")
def toy() -> BagOfWords:
    return BagOfWords()


@pytest.fixture(scope="module")
def knowledge(toy) -> TaughtFamiliarity:
    return fit_knowledge(toy, CAPTIONS, [*PHRASES, "blue violin"], PARAPHRASES, STRANGE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A photo of a woman with the Green hair!", ["green", "hair"]),
        ("hair, hair and HAIR", ["hair"]),
        ("the woman’s lips; it's blue", ["lips", "blue"]),
        ("no makeup", ["no", "makeup"]),
        ("a woman", ["a", "woman"]),
        ("зелёная помада 12 💄", ["зелёная", "помада"]),
        ("💄 123", []),
    ],
)
def test_content_words_leave_out_stop_words(text, words):
    assert content_words(text) == words


@pytest.mark.parametrize(
    ("word", "known"),
    [("eyebrows", True), ("eyebrow", True), ("reddish", True), ("haired", True), ("dye", True), ("dyed", True),
     ("wave", True), ("wavy", True), ("coloured", True), ("gray", True), ("bear", False), ("bead", False),
     ("lip", True), ("li", False), ("s", False), ("", False), ("spaceship", False)],
)  # fmt: skip
def test_other_forms_of_known_words_are_known(word, known):
    table = Vocabulary(dict.fromkeys(("eyebrow", "red", "hair", "dyed", "wavy", "color", "grey", "beard", "lips"), 3))
    assert bool(table.count(word)) == known


def test_words_are_counted_once_per_text():
    assert count_words(["green green hair", "a green lip"]) == {"green": 2, "hair": 1, "lip": 1}


def test_phrases_of_known_words_score_high_and_strange_ones_low(knowledge, toy):
    seen, unseen = knowledge.score(toy, ["purple hair", *PARAPHRASES]), knowledge.score(toy, STRANGE)
    assert min(seen) > 0.8 and max(unseen) < 0.3
    assert all(0 <= value <= 1 for value in seen + unseen)
    assert knowledge.score(toy, ["purple hair", "緑", "💄", "12", ""])[1:] == [0, 0, 0, 0]
    assert knowledge.score(toy, []) == []


def test_nearest_phrases_share_words_with_the_text(knowledge, toy):
    assert {phrase.split()[0] for phrase in knowledge.nearest(toy, "purple spaceship")} == {"purple"}
    assert knowledge.nearest(toy, "greenish lipstik", 1) == ["green lipstick"], "also when they are misspelled"
    assert "red hair" not in knowledge.nearest(toy, "red hair", 12)
    assert len(knowledge.nearest(toy, "angry dog", 5)) == 5
    assert "blue violin" not in knowledge.phrases, "one of its words is in no caption"


def test_the_report_agrees_with_score_unknown_words_and_nearest(knowledge, toy):
    report = knowledge.check(toy, "angry purple spaceship")
    assert report.known == pytest.approx(knowledge.score(toy, ["angry purple spaceship"])[0])
    assert report.unknown_words == ("angry", "spaceship") == tuple(knowledge.unknown_words("angry purple spaceship"))
    assert list(report.nearest) == knowledge.nearest(toy, "angry purple spaceship")
    assert report.doubtful and "the words “angry” or “spaceship”. Nearest that I know: purple " in report.warning
    assert knowledge.check(toy, "purple hair").warning == ""


def test_a_text_is_encoded_once_and_the_phrases_once_per_space(knowledge):
    class Counting(BagOfWords):
        texts = 0

        def encode_text(self, texts):
            self.texts += len(texts)
            return super().encode_text(texts)

    space = Counting()
    knowledge.check(space, "red hair")
    knowledge.check(space, "red nose")
    assert space.texts == len(knowledge.phrases) + 2


def test_warning_quotes_a_few_short_words():
    report = FamiliarityReport(0.0, ("x" * 200, "b", "c", "d"), ())
    assert report.warning.count("“") == 3 and len(report.warning) < 100
    assert FamiliarityReport(0.1, (), ("red hair",)).warning.endswith("together. Nearest that I know: red hair.")


def test_knowledge_survives_its_file(knowledge, toy, tmp_path):
    path = tmp_path / "knowledge.json"
    knowledge.save(path)
    again = TaughtFamiliarity.load(path)
    assert again == knowledge and again.score(toy, STRANGE) == knowledge.score(toy, STRANGE)
    dataclasses.replace(knowledge, kin={"ponytail": 0.7}).save(path)
    assert TaughtFamiliarity.load(path).kin == {"ponytail": 0.7}


@pytest.mark.parametrize("damage", ["missing", "cut", "list", "key", "number", "infinite", "no words", "extra"])
def test_a_damaged_file_is_named_with_the_remedy(knowledge, tmp_path, damage):
    path = tmp_path / "knowledge.json"
    knowledge.save(path)
    content = json.loads(path.read_text())
    if damage == "key":
        del content["phrases"]
    elif damage == "number":
        content["words"]["hair"] = "many"
    elif damage == "infinite":
        content["calibration"]["share"] = float("nan")
    elif damage == "no words":
        content["words"] = {}
    elif damage == "extra":
        content["calibration"]["more"] = 1
    path.write_text(json.dumps([1] if damage == "list" else content)[: 90 if damage == "cut" else None])
    if damage == "missing":
        path.unlink()
    with pytest.raises(WeightsError, match=r"knowledge\.json .*python -m train knowledge"):
        TaughtFamiliarity.load(path)


def test_report_is_that_of_phrases_the_fit_has_not_seen(knowledge):
    assert set(knowledge.report) == {"auc", "calibration_error", "recall", "false_alarm", "phrases"}
    assert knowledge.report["phrases"] == (len(PARAPHRASES) + len(STRANGE)) // 2
    assert knowledge.report["auc"] > 0.9 and knowledge.report["calibration_error"] < 0.2


def test_calibration_finds_the_probabilities_that_made_the_data():
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(10_000, 3, generator=generator, dtype=torch.float64)
    true = Calibration(2.0, 3.0, 1.0, -3.0)
    right = (torch.rand(10_000, generator=generator) < true.probability(features)).double()
    found = fit_calibration(features, right)
    assert dataclasses.astuple(found)[:3] == pytest.approx((2.0, 3.0, 1.0), abs=0.25)
    assert measure(found.probability(features), right)["calibration_error"] < 0.05


def test_more_of_a_feature_never_means_less_known():
    features = torch.rand(400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    right = (features[:, 0] - features[:, 2] > 0).double()
    found = fit_calibration(features, right)
    assert found.cosine == 0 and found.share > 1 and found.minimum >= 0


def test_calibration_stays_finite_where_words_part_the_lists_without_error():
    features = torch.tensor([[1.0, 1.0, 0.9]] * 5 + [[0.0, 0.0, 0.1]] * 50, dtype=torch.float64)
    found = fit_calibration(features, torch.tensor([1.0] * 5 + [0.0] * 50, dtype=torch.float64))
    assert all(0 <= value < 20 for value in (found.share, found.minimum, found.cosine))
    assert found.probability(features)[0] > 0.8 and found.probability(features)[-1] < 0.2


def test_figures_of_known_cases():
    perfect = measure(torch.tensor([1.0, 1.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 0.0, 0.0]))
    assert perfect == {"auc": 1, "calibration_error": 0, "recall": 1, "false_alarm": 0, "phrases": 4}
    blind = measure(torch.full((4,), 0.8), torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert blind["auc"] == 0.5 and blind["calibration_error"] == pytest.approx(0.3) and BINS == 10


@pytest.mark.parametrize("missing", ["captions", "phrases", "known", "unknown"])
def test_too_little_to_fit_on_is_refused(toy, missing):
    given = {"captions": CAPTIONS, "phrases": PHRASES, "known": PARAPHRASES, "unknown": STRANGE} | {missing: []}
    with pytest.raises(TrainingError, match="at least four"):
        fit_knowledge(toy, **given)


def test_a_published_clip_has_no_list_of_words(toy):
    found = familiarity_of(VIT_B_32)
    assert isinstance(found, OpenFamiliarity)
    assert found.score(toy, ["purple spaceship", "zxqv", "緑", "💄"]) == [1, 1, 0, 0]
    assert found.check(toy, "spaceship") == FamiliarityReport(1.0)
    assert found.check(toy, "緑").doubtful


def test_outside_phrases_are_many_and_different():
    assert len(set(OUTSIDE_PHRASES)) == len(OUTSIDE_PHRASES) >= 150


def test_shipped_knowledge_parts_the_world_of_faceclip_from_the_rest(space):
    found = familiarity_of(FACECLIP)
    assert isinstance(found, TaughtFamiliarity)
    known = ["green lipstick", "a woman with purple hair", "blue goatee", "her brows in teal"]
    assert min(found.score(space, known)) > 0.5
    low = found.score(space, OUTSIDE_PHRASES)
    assert sum(value >= 0.5 for value in low) <= 0.1 * len(low)
    assert found.unknown_words("purple spaceship") == ["spaceship"]
    assert any("lipstick" in phrase for phrase in found.nearest(space, "green lipstik"))
    assert found.report["auc"] > 0.9 and dataclasses.is_dataclass(found)


def test_words_related_to_known_nouns_count_by_their_cosine(knowledge, toy):
    strange, near = "green ponytail", dataclasses.replace(knowledge, kin={"ponytail": 0.7})
    assert knowledge.unknown_words(strange) == ["ponytail"] and near.unknown_words(strange) == []
    assert near.score(toy, [strange])[0] > knowledge.score(toy, [strange])[0]


def test_rare_nouns_are_known_as_their_usual_ones_are(space):
    knowledge = TaughtFamiliarity.load()
    rare, usual, odd = (knowledge.check(space, f"green {noun}") for noun in ("gnashers", "teeth", "gnashery"))
    assert rare.known == usual.known > 0.9 and not rare.unknown_words
    assert odd.unknown_words == ("gnashery",)
