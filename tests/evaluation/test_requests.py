from __future__ import annotations

import pytest
import torch

from mcaclip.errors import PromptError, StudioError
from mcaclip.evaluation.requests import NATURAL, Subject, read_settings, requests_of, subjects_of
from mcaclip.generators.synthesis import Synthesis
from mcaclip.language.grammar import PART_NOUNS
from mcaclip.perception.regions import REGIONS
from tests.helpers.toy_space import ToyParser


def names_of(prompt: str) -> list[str]:
    """Each request as "colour part", an attribute's name, or "?"."""
    return [
        f"{a.colour.colour} {a.colour.part}" if a.colour else a.attribute.name if a.attribute else "?"
        for a in requests_of(prompt)
    ]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("green lipstick", ["green lips"]),
        ("green lipstick and purple hair", ["green lips", "purple hair"]),
        ("Green lipstick, purple hair + pink eyebrows", ["green lips", "purple hair", "pink brows"]),
        ("a woman with green lipstick", ["green lips"]),
        ("smiling with red lipstick", ["smiling", "red lips"]),
        ("black and white hair", ["white hair"]),
        ("a blue beard", ["blue beard"]),
        ("a beard", ["beard"]),
        ("zombie", ["?"]),
        ("green lipstick and a zombie look", ["green lips", "?"]),
        ("hair with green tips", ["green hair"]),
    ],
)
def test_a_prompt_is_read_part_by_part(prompt, expected):
    assert names_of(prompt) == expected


@pytest.mark.parametrize("prompt", ["green lipstick", "blue goatee", "silver skin", "pink eyebrows", "purple hair",
                                    "red irises", "smiling and green lips", "avocado hair"])  # fmt: skip
def test_colours_that_a_part_never_has_are_counterfactual(prompt):
    assert Subject.of(read_settings(prompt)).counterfactual


@pytest.mark.parametrize("prompt", ["red lipstick", "blonde hair", "smiling", "blue eyes", "chestnut hair", "zombie",
                                    "green shirt", "green lipstick and a zombie look"])  # fmt: skip
def test_natural_colours_and_what_cannot_be_measured_are_not(prompt):
    assert not Subject.of(read_settings(prompt)).counterfactual


def test_every_part_has_natural_colours_and_a_region():
    assert set(NATURAL) == set(PART_NOUNS) <= set(REGIONS)


def test_several_edits_at_once_have_strengths():
    subject = Subject.of(read_settings("green lipstick + purple hair:0.7"))
    assert subject.title == "green lipstick + purple hair:0.7"
    assert subject.words == "green lipstick and purple hair"
    assert [part.strength for part in subject.settings.parts] == [1, 0.7]
    assert len(subject.requests) == 2 and subject.counterfactual


def test_a_recipe_is_measured_part_by_part():
    recipes = {"joker": [("green hair", 1.0), ("red lipstick", 0.5)]}
    joker = Subject.of(read_settings("Joker:0.8"), recipes)
    assert joker.title == "Joker:0.8" and joker.words == "Joker"
    assert [(one.prompt, one.strength) for one in joker.ingredients] == [("green hair", 0.8), ("red lipstick", 0.4)]
    assert [case.colour.part for case in joker.requests] == ["hair", "lips"] and joker.counterfactual
    assert not Subject.of(read_settings("joker")).measurable


def test_networks_get_the_changes_of_a_prompt_one_by_one():
    def parts(text: str) -> list[str]:
        return [one.prompt for one in Subject.of(read_settings(text)).ingredients]

    assert parts("green lips and purple hair") == ["green lips", "purple hair"]
    assert parts("a woman with green lips") == ["a woman with green lips"]
    assert parts("green lips and a zombie look") == ["green lips and a zombie look"]


def test_an_edit_that_is_named_twice_is_measured_once():
    found = subjects_of([read_settings(text) for text in ("green lipstick", "bald", "green lipstick")])
    assert [one.title for one in found] == ["green lipstick", "bald"]


@pytest.mark.parametrize("text", ["", "green lipstick + ", "purple hair + purple hair"])
def test_bad_prompts_are_refused(text):
    with pytest.raises(PromptError):
        read_settings(text)
    with pytest.raises(StudioError):
        read_settings("purple hair:9")


@pytest.fixture(scope="module")
def parsed() -> torch.Tensor:
    return ToyParser().parse(Synthesis(torch.zeros(1, 3, 8, 8), {}), 256)


def test_several_requests_may_change_the_union_of_their_regions(parsed):
    alone = [Subject.of(read_settings(text)).allowed(parsed) for text in ("green lipstick", "purple hair")]
    both = Subject.of(read_settings("green lipstick and purple hair")).allowed(parsed)
    assert torch.equal(both, torch.maximum(*alone))
    assert both.sum() > max(one.sum() for one in alone) and 0 < both.mean() < 1


def test_a_smile_may_change_the_face_and_the_area_of_a_zombie_is_unknown(parsed):
    lips, smile = (Subject.of(read_settings(text)).allowed(parsed) for text in ("green lipstick", "smiling"))
    assert (smile >= (lips > 0).float()).float().mean() > 0.95 and smile.sum() > lips.sum()
    assert Subject.of(read_settings("zombie")).allowed(parsed) is None
    assert Subject.of(read_settings("green lipstick and a zombie look")).allowed(parsed) is None
