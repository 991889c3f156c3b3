from __future__ import annotations

import pytest

from mcaclip.evaluation.attributes import ATTRIBUTES, find_attribute
from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import REGIONS


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Smiling!", "smiling"), ("not smiling", "serious"), ("no beard", "clean-shaven"),
        ("a smiling person", "smiling"),
        ("a full beard", "beard"), ("clean-shaven", "clean-shaven"), ("without glasses", "no glasses"),
        ("sunglasses", "glasses"), ("long hair", "long hair"), ("an old man", "old"), ("bald", "bald"),
        ("with bangs", "bangs"), ("no makeup", "no makeup"), ("heavy make-up", "makeup"), ("a chin beard", "goatee"),
    ],
)  # fmt: skip
def test_attributes_are_found_by_their_longest_phrase(text, name):
    found = find_attribute(text)
    assert found is not None and found.name == name


@pytest.mark.parametrize("text", ["young", "a zombie", "golden", "hair", "", "a bolder look"])
def test_what_cannot_be_measured_is_no_attribute(text):
    assert find_attribute(text) is None


def test_a_step_the_right_way_is_half_of_the_way_and_a_face_may_show_it_already():
    smile, serious = find_attribute("smiling"), find_attribute("serious")
    assert smile.moved(0.05, 0.05 + smile.step) == pytest.approx(0.5)
    assert smile.moved(0.05, 0.0) < 0 < serious.moved(0.05, 0.0)
    assert smile.there(0.3) and not smile.there(0.05)
    assert serious.there(-0.1) and not serious.there(0.3)


def test_a_sum_of_measures_is_one_measure():
    assert find_attribute("surprised").value({"eyes open": 0.3, "mouth open": 0.2, "smile": 9.0}) == pytest.approx(
        0.5
    )


def test_every_attribute_names_regions_that_exist_and_its_opposite_is_not_there_too():
    for one in ATTRIBUTES:
        assert set(one.regions) <= {*REGIONS, *CLASSES}, one.name
        assert one.step != 0 and one.rule
    phrases = [phrase for one in ATTRIBUTES for phrase in one.phrases]
    assert len(phrases) == len(set(phrases))
    by_measure = {}
    for one in ATTRIBUTES:
        by_measure.setdefault(one.measure, []).append(one)
    for group in by_measure.values():
        rising = [one.shown for one in group if one.step > 0]
        falling = [one.shown for one in group if one.step < 0]
        assert not rising or not falling or max(falling) < min(rising)
