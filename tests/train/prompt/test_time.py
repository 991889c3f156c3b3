"""`train prompt` keeps to its time, the stages behind the steps included."""

from __future__ import annotations

import dataclasses

import pytest

from tests.train.methods.test_methods import objective_for
from train.prompt import prompt


@pytest.fixture
def stages(monkeypatch):
    """Minutes that the stages at full size were given, the generator standing in for a preview."""
    given = {}
    monkeypatch.setattr(prompt, "PreviewGenerator", object)
    monkeypatch.setattr(prompt, "MobileStyleGAN", object)
    monkeypatch.setattr(prompt, "fit_full_size_rows", lambda *parts: given.update(rows=parts[-1], folder=parts[-3]))
    return given


def test_the_stages_take_their_time_out_of_the_calls(stages, tmp_path):
    objective = objective_for("mca")
    prompt.fit_prompts(objective, objective.generator, prompt.FitRun(tmp_path, 1000.0, sheet_every=0))
    assert 900 < stages["rows"] <= 1000, "the steps ended early and left their time"


def test_finishing_makes_no_steps_and_leaves_all_the_time_to_the_stages(stages, tmp_path):
    objective = objective_for("mca")
    objective.settings = dataclasses.replace(objective.settings, steps=50)
    path = prompt.fit_prompts(
        objective, objective.generator, prompt.FitRun(tmp_path, 1000.0, sheet_every=0, finish=True)
    )
    assert path.exists() and not (tmp_path / "metrics.jsonl").exists() and stages["rows"] > 900


def test_a_stage_of_an_earlier_call_is_gone_after_new_steps(stages, tmp_path):
    objective = objective_for("mca")
    (tmp_path / "upper_rows").mkdir()
    prompt.fit_prompts(objective, objective.generator, prompt.FitRun(tmp_path, sheet_every=0))
    assert not (tmp_path / "upper_rows").exists() and stages["folder"] == tmp_path / "upper_rows"
    (tmp_path / "upper_rows").mkdir()
    prompt.fit_prompts(objective, objective.generator, prompt.FitRun(tmp_path, sheet_every=0))
    assert (tmp_path / "upper_rows").exists(), "nothing was learned since"
