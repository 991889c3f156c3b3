from __future__ import annotations

from dataclasses import replace

import pytest

from mcaclip.evaluation.measuring import MeasuredEdit
from mcaclip.evaluation.requests import Subject, read_settings
from mcaclip.evaluation.summary import COUNTERFACTUAL, FIGURES, OTHER, as_markdown, means, summarise, table

ROW = MeasuredEdit(
    "seed_0", "generated", "", "green lipstick", "full", hit=True, leak=1.0, ssim_background=0.99, identity=0.9,
    score=0.2, area=0.1, seconds=2.0, moved={"green lipstick": 0.8},
)  # fmt: skip
PROMPTS = {"green lipstick": True, "smiling": False}


def column(name: str, **changes) -> list[MeasuredEdit]:
    """A column on two faces, at its worse on the second."""
    row = replace(ROW, column=name, **changes)
    return [row, replace(row, face="seed_1", leak=row.leak + 2)]


def test_a_mean_weighs_prompts_alike_and_leaves_out_what_is_not_measured():
    rows = [ROW, replace(ROW, face="seed_1", leak=3.0, hit=False),
            replace(ROW, prompt="smiling", leak=None, hit=None, identity=0.5)]  # fmt: skip
    found = means(rows)
    assert found["hit"] == 0.5 and found["leak"] == 2.0 and found["identity"] == pytest.approx(0.7)
    assert found["edits"] == 3 and found["judged"] == 2 and found["judge"] is None


def test_variants_are_compared_on_the_faces_that_all_have_edited():
    rows = [*column("full"), *column("without-pre", leak=9.0)[:1]]
    found = table("all", rows)
    assert found.columns["full"]["edits"] == 1 and found.columns["full"]["leak"] == 1.0


def test_full_is_best_only_when_it_beats_every_other_column():
    worse = {"leak": 9.0, "identity": 0.3, "seconds": 1.0, "ssim_background": 0.99}
    found = table("all", [*column("full"), *column("without-ff"), *column("without-pre", **worse)])
    assert found.best("leak") == found.best("identity") == "equal", "without-ff is as good"
    found = table("all", [*column("full"), *column("without-pre", **worse)])
    assert found.best("leak") == found.best("identity") == "yes"
    assert found.best("seconds") == "no" and found.best("ssim_background") == "equal" and found.best("judge") == "-"
    assert table("all", column("full")).best("leak") == "-"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [("hit", 0.9, 0.899), ("leak", 2.0, 2.01), ("identity", 0.8, 0.79), ("ssim_background", 0.97, 0.969)],
)
def test_targets_are_those_of_the_issue(name, good, bad):
    assert (FIGURES[name].met(good), FIGURES[name].met(bad), FIGURES[name].met(None)) == ("yes", "no", "-")


def test_only_counterfactual_prompts_have_targets():
    rows = [ROW, replace(ROW, prompt="smiling", photo="12", face="anna", kind="photo")]
    found = summarise(rows, PROMPTS)
    assert [one.title for one in found.totals] == [COUNTERFACTUAL, OTHER]
    assert list(found.prompts) == [("green lipstick", "generated", "full"), ("smiling", "photo", "full")]
    assert found.as_json["totals"][COUNTERFACTUAL]["met"]["full"] == {
        "hit": "yes", "leak": "yes", "ssim_background": "yes", "identity": "yes",
    }  # fmt: skip


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_markdown_says_for_every_target_whether_it_is_met():
    rows = [*column("full", hit=False), *column("without-pre", leak=50.0)]
    subjects = [Subject.of(read_settings(prompt)) for prompt in (*PROMPTS, "zombie")]
    text = as_markdown(summarise(rows, PROMPTS), subjects, 1024, ["full: as it is."])
    lines = text.splitlines()
    assert cells(lines[2]) == ["mean over prompts", "full", "w/o PRE", "target", "met", "full is best"]
    by_name = {cells(line)[0]: cells(line)[1:] for line in lines if line.startswith("|")}
    assert by_name["hit rate"] == ["0 %", "100 %", "≥ 90 %", "no", "no"]
    assert by_name["leak outside (0-255)"] == ["2.000", "51.000", "≤ 2.000", "yes", "yes"]
    assert by_name["score gained"][2:] == ["-", "-", "equal"]
    assert "independent identity" not in by_name, "there is no such network"
    assert "- smiling: smile rises by 0.06 or more" in text and "- Cannot be measured: zombie." in text
    assert "- full: as it is." in text and "preview" not in text


def test_markdown_names_the_preview_and_has_no_comparison_of_a_single_variant():
    text = as_markdown(summarise([ROW], {"green lipstick": True}), [], 256)
    assert "256 px, through the preview" in text and "full is best" not in text
