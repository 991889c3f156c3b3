from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from torch import nn

from mcaclip.errors import TrainingError
from train.loop import LoopSettings, TrainingLoop


def make(out, steps: int, **changes):
    torch.manual_seed(5)
    model = nn.Linear(3, 1)
    settings = LoopSettings(steps=40, ema=0.9, log_every=1, **changes)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    loop = TrainingLoop(model, optimizer, settings, out, {"task": "sum"})

    def step(_, rng):
        x = torch.from_numpy(rng.standard_normal((8, 3))).float()
        if loop.step >= steps:
            raise KeyboardInterrupt
        return {"loss": (model(x + 0.01 * torch.randn_like(x)) - x.sum(1, keepdim=True)).square().mean()}

    return loop, step


def test_a_step_lowers_the_loss_and_every_term_is_logged(tmp_path):
    loop, step = make(tmp_path, 40)
    loop.run(step)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 40
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]


def test_a_resumed_run_ends_where_an_unbroken_one_does(tmp_path):
    whole, step = make(tmp_path / "whole", 40)
    whole.run(step)
    first, step = make(tmp_path / "parts", 17, checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        first.run(step)
    second, step = make(tmp_path / "parts", 40)
    assert second.step == 17
    second.run(step)
    for name, value in whole.averaged_state().items():
        torch.testing.assert_close(second.averaged_state()[name], value, atol=1e-7, rtol=1e-6)


def test_run_that_is_asked_to_end_goes_on_where_it_was(tmp_path):
    whole, step = make(tmp_path / "whole", 40)
    whole.run(step)
    first, step = make(tmp_path / "parts", 40)

    def ended(number, rng):
        if number == 11:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(number, rng)

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        first.run(ended)
    assert signal.getsignal(signal.SIGTERM) is handler
    second, step = make(tmp_path / "parts", 40)
    assert second.step == 12
    second.run(step)
    for name, value in whole.averaged_state().items():
        torch.testing.assert_close(second.averaged_state()[name], value, atol=1e-7, rtol=1e-6)


def test_other_settings_are_refused(tmp_path):
    loop, step = make(tmp_path, 40)
    loop.run(step)
    model = nn.Linear(3, 1)
    with pytest.raises(TrainingError, match="other settings"):
        TrainingLoop(model, torch.optim.Adam(model.parameters()), LoopSettings(4), tmp_path, {"task": "other"})


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    loop, _ = make(tmp_path, 40)
    with pytest.raises(TrainingError, match="loss is nan"):
        loop.run(lambda *_: {"loss": loop.model.weight.sum() * float("nan")})


def test_the_time_limit_ends_a_run_with_a_checkpoint(tmp_path):
    loop, step = make(tmp_path, 40, max_minutes=0.0)
    assert loop.run(step) == 0
    assert (tmp_path / "checkpoint.pt").exists()
