"""How often the wishes of the table are fulfilled."""

from __future__ import annotations

import json

import pytest

from mcaclip.errors import StudioError
from mcaclip.evaluation.concepts import FEWEST, concept_settings, promise, prompts_of, shares, write_concepts
from mcaclip.evaluation.measuring import MeasuredEdit
from mcaclip.language.concepts import FULFILLED_FILE, concepts


def row(prompt: str, hit: bool | None, identity: float = 0.9) -> MeasuredEdit:
    return MeasuredEdit("face", "photo", "", prompt, "full", hit, 0.0, 1.0, identity, 0.0, 0.1, 0.1)


def test_every_wish_that_can_be_asked_for_and_measured_is_measured_also_one_that_fails():
    asked = {one.prompt for one in concept_settings()}
    assert {"green lipstick", "red skin", "glasses", "no glasses", "bangs"} <= asked
    assert not any(prompts_of(concepts()[name], 1) for name in ("hat", "zombie")), "they ask nothing, or lack one"
    assert len(concept_settings()) == len(asked), "each prompt once"
    assert [one.prompt for one in concept_settings(["bangs", "green lipstick"])] == ["green lipstick", "bangs"]
    with pytest.raises(StudioError, match="no wish is measured by 'a hat'"):
        concept_settings(["bangs", "a hat"])


def test_another_person_is_no_fulfilled_wish_and_few_edits_say_nothing():
    angry = "an angry look"
    rows = [row(angry, True), row(angry, True, 0.3), row(angry, False), row(angry, None), *[row(angry, True)] * 2]
    old = f"an old face:{concepts()['old age'].wanted.strength:g}"
    rows += [row(old, True, 0.3)] * FEWEST + [row("closed eyes", True)] * (FEWEST - 1)
    assert shares(rows) == {"anger": (0.6, 5), "old age": (1.0, FEWEST)}


def test_edits_are_counted_at_the_strength_of_the_wish():
    strong = [row("green skin:1.3", True)] * FEWEST
    assert shares([*strong, *[row("green skin", False)] * 9]) == {"colour of skin": (1.0, FEWEST)}


def test_the_table_is_written_as_assets_have_it(tmp_path):
    table = write_concepts([row("an angry look", True)] * FEWEST, tmp_path)
    assert json.loads((tmp_path / "fulfilled.json").read_text())["share"] == {"anger": 1.0}
    assert (
        f"| anger | an angry look | 1.00 | {FEWEST} | can be edited |" in table
        and "| bangs | bangs | - | 0 |" in table
    )
    assert (tmp_path / "concepts.md").read_text().strip() == table


def test_wishes_that_are_not_measured_keep_their_shares(tmp_path):
    shipped = json.loads(FULFILLED_FILE.read_text())
    write_concepts([row("an angry look", False)] * FEWEST, tmp_path, some=True)
    made = json.loads((tmp_path / "fulfilled.json").read_text())
    assert made["share"] == {**shipped["share"], "anger": 0.0}
    assert made["number"] == {**shipped["number"], "anger": FEWEST}


@pytest.mark.parametrize(("share", "said"), [(0.8, "can be edited"), (0.79, "often works"), (0.39, "refused")])
def test_promises(share, said):
    assert promise(share) == said
