"""The optimiser of the `paper` preset is the published Ranger, and a resumed run goes on with it exactly."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from train.common.loop import LoopSettings, TrainingLoop
from train.prompt.presets import PAPER_PRESET
from train.prompt.prompt import _optimizer


def problem() -> tuple[nn.Linear, Tensor, Tensor]:
    torch.manual_seed(0)
    return nn.Linear(6, 3), torch.randn(32, 6), torch.randn(32, 3)


def ranger(model: nn.Module, lr: float = 0.05) -> torch.optim.Optimizer:
    return _optimizer(model, replace(PAPER_PRESET, lr=lr))


def published_step(weights: list[Tensor], state: list[dict[str, Tensor]], step: int, lr: float) -> None:
    """Ranger as in StyleCLIP (Patashnik et al. 2021), mapper/training/ranger.py: betas (0.95, 0.999), no decay."""
    longest, decayed = 2 / (1 - 0.999) - 1, 0.999**step
    length = longest - 2 * step * decayed / (1 - decayed)
    for p, s in zip(weights, state, strict=True):
        grad = p.grad - p.grad.mean(1, keepdim=True) if p.dim() > 1 else p.grad
        s["first"] = 0.95 * s["first"] + 0.05 * grad
        s["second"] = 0.999 * s["second"] + 0.001 * grad**2
        size = lr / (1 - 0.95**step)
        if length > 5:
            rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            p.data -= size * math.sqrt((1 - decayed) * rectified) * s["first"] / (s["second"].sqrt() + 1e-5)
        else:
            p.data -= size * s["first"]
        if step % 6 == 0:
            s["slow"] = s["slow"] + 0.5 * (p.data - s["slow"])
            p.data.copy_(s["slow"])


def test_ten_steps_are_those_of_the_published_code():
    (model, x, y), (reference, _, _) = problem(), problem()
    optimizer, weights = ranger(model), list(reference.parameters())
    state = [{"first": 0 * p.data, "second": 0 * p.data, "slow": p.data.clone()} for p in weights]
    for step in range(1, 11):
        for net in (model, reference):
            net.zero_grad()
            (net(x) - y).square().mean().backward()
        optimizer.step()
        published_step(weights, state, step, 0.05)
        torch.testing.assert_close(list(model.parameters()), weights, atol=1e-6, rtol=1e-5)


def test_it_lowers_the_loss_and_leaves_alone_what_has_no_gradient():
    model, x, y = problem()
    model.register_parameter("unused", nn.Parameter(torch.ones(2)))
    optimizer, losses = ranger(model, 0.3), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0] and torch.equal(model.unused, torch.ones(2))


@pytest.mark.parametrize("stop", [4, 6, 9])  # before, at and after a pull towards the slow weights
def test_a_resumed_run_goes_on_exactly(stop, tmp_path):
    def run(out: str, until: int) -> tuple[dict[str, Tensor], dict]:
        model, x, y = problem()
        settings = LoopSettings(14, seed=3, checkpoint_seconds=0.0)
        loop = TrainingLoop(model, ranger(model), settings, tmp_path / out, {})

        def step(number: int, _) -> dict[str, Tensor]:
            if number == until:
                raise KeyboardInterrupt
            return {"loss": (model(x) - y).square().mean()}

        try:
            loop.run(step)
        except KeyboardInterrupt:
            assert loop.step == until
        return model.state_dict(), loop.optimizer.state_dict()

    run("parts", stop)
    weights, state = run("parts", 14)
    wanted, wanted_state = run("whole", 14)
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    assert state["param_groups"] == wanted_state["param_groups"]
    for number, values in wanted_state["state"].items():
        assert all(torch.equal(state["state"][number][name], value) for name, value in values.items())
