from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from train.common.ranger import Ranger


def make_problem() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Linear(6, 3), torch.randn(32, 6), torch.randn(32, 3)


def train(model: nn.Linear, optimiser: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, steps: int):
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_defaults_are_those_of_the_method():
    group = Ranger(make_problem()[0].parameters()).param_groups[0]
    assert (group["k"], group["alpha"], group["betas"], group["eps"]) == (6, 0.5, (0.95, 0.999), 1e-5)


def test_equals_radam_with_a_hand_written_lookahead():
    model, x, y = make_problem()
    reference = copy.deepcopy(model)
    slow = [p.detach().clone() for p in reference.parameters()]
    radam = torch.optim.RAdam(reference.parameters(), lr=0.05, betas=(0.95, 0.999), eps=1e-5)
    ranger = Ranger(model.parameters(), lr=0.05, k=3, alpha=0.25)
    for step in range(1, 14):
        train(model, ranger, x, y, 1)
        train(reference, radam, x, y, 1)
        if step % 3 == 0:
            with torch.no_grad():
                for index, p in enumerate(reference.parameters()):
                    slow[index] = slow[index] + 0.25 * (p - slow[index])
                    p.copy_(slow[index])
        for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-6)


def test_alpha_one_is_plain_radam():
    model, x, y = make_problem()
    reference = copy.deepcopy(model)
    train(model, Ranger(model.parameters(), lr=0.05, alpha=1.0), x, y, 13)
    train(reference, torch.optim.RAdam(reference.parameters(), 0.05, (0.95, 0.999), 1e-5), x, y, 13)
    torch.testing.assert_close(model.weight, reference.weight)


def test_lowers_the_loss():
    model, x, _ = make_problem()
    reachable = x @ torch.randn(6, 3) + 1
    losses = train(model, Ranger(model.parameters(), lr=0.3), x, reachable, 150)
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("first", [4, 6, 9])  # before, at and after a pull
def test_resume_goes_on_exactly(first, tmp_path):
    model, x, y = make_problem()
    optimiser = Ranger(model.parameters(), lr=0.05)
    train(model, optimiser, x, y, first)
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict()}, tmp_path / "run.pt")
    expected = train(model, optimiser, x, y, 11)

    stored = torch.load(tmp_path / "run.pt", weights_only=True)
    resumed, _, _ = make_problem()
    again = Ranger(resumed.parameters(), lr=1.0, k=2)  # settings come back from the state, too
    resumed.load_state_dict(stored["model"])
    again.load_state_dict(stored["optimiser"])
    assert train(resumed, again, x, y, 11) == expected
    assert torch.equal(resumed.weight, model.weight)
    for p, q in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(optimiser.state[p]["slow"], again.state[q]["slow"])


def test_slow_weights_start_before_the_first_step():
    parameter = nn.Parameter(torch.tensor([2.0]))
    optimiser = Ranger([parameter], lr=0.1)
    parameter.grad = torch.ones(1)
    optimiser.step()
    assert optimiser.state[parameter]["slow"].item() == 2.0
    assert parameter.item() < 2.0


def test_parameters_without_gradient_and_later_groups():
    used, unused, late = (nn.Parameter(torch.ones(2)) for _ in range(3))
    optimiser = Ranger([used, unused], lr=0.1, k=2)
    optimiser.add_param_group({"params": [late]})
    assert optimiser.param_groups[1]["k"] == 2
    for _ in range(4):
        used.grad = late.grad = torch.ones(2)
        optimiser.step()
    assert torch.equal(unused, torch.ones(2))
    assert torch.equal(used, late) and used.max() < 1


@pytest.mark.parametrize("settings", [{"k": 0}, {"alpha": 0.0}, {"alpha": 1.5}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match="alpha"):
        Ranger([nn.Parameter(torch.ones(1))], **settings)
