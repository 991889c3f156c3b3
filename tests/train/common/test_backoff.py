"""Batches in parts: the same gradient, fewer samples at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from train.common.backoff import MicroBatches
from train.common.loop import LoopSettings, TrainingLoop


class Task:
    """A loss over five samples that draws a number a sample, on a device with room for `limit` samples."""

    def __init__(self, limit: int = 5):
        self.limit, self.sizes = limit, []
        self.weight = torch.tensor([1.0, -2.0], requires_grad=True)
        self.x = torch.arange(10.0).view(5, 2)

    def __call__(self, part: slice, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        x = self.x[part]
        self.sizes.append(len(x))
        noise = torch.from_numpy(rng.standard_normal(len(x))).float()
        if len(x) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        fit = (x @ self.weight + noise).square().mean()
        return {"fit": fit, "loss": fit + (0.1 * self.weight.square()).sum()}

    def run(self, rng: np.random.Generator) -> tuple[dict[str, torch.Tensor], MicroBatches]:
        def reset() -> None:
            self.weight.grad = None

        batches = MicroBatches(torch.Tensor.backward, reset)
        return batches.run(5, lambda part: self(part, rng), rng), batches


@pytest.mark.parametrize(("limit", "parts"), [(5, 1), (3, 2), (2, 4), (1, 5)])
def test_parts_give_the_gradient_the_terms_and_the_draws_of_the_whole(limit, parts):
    whole, split = Task(), Task(limit)
    one_rng, other_rng = np.random.default_rng(3), np.random.default_rng(3)
    expected, _ = whole.run(one_rng)
    terms, batches = split.run(other_rng)
    assert batches.parts == parts and max(split.sizes[-parts:]) <= limit
    torch.testing.assert_close(split.weight.grad, whole.weight.grad)
    torch.testing.assert_close(terms, expected)
    assert not terms["loss"].requires_grad
    assert one_rng.bit_generator.state == other_rng.bit_generator.state


def test_the_number_of_parts_stays_for_the_next_batch():
    task, rng = Task(2), np.random.default_rng(0)
    batches = MicroBatches(torch.Tensor.backward, lambda: None)
    for _ in range(2):
        batches.run(5, lambda part: task(part, rng), rng)
    assert task.sizes[-4:] == [1, 1, 2, 1]
    assert sum(size > 2 for size in task.sizes) == 2, "only the first batch was too large: 5, then 3"


def test_one_face_that_does_not_fit_says_what_to_do():
    with pytest.raises(TrainingError, match="full-size"):
        Task(0).run(np.random.default_rng(0))


def test_a_loop_trains_alike_whoever_goes_backward(tmp_path):
    results = []
    for name in ("loop", "parts"):
        torch.manual_seed(1)
        model = torch.nn.Linear(4, 1)
        x = torch.randn(6, 4)
        loop = TrainingLoop(model, torch.optim.Adam(model.parameters(), 0.1), LoopSettings(5), tmp_path / name, {})
        batches = MicroBatches(loop.backward, loop.optimizer.zero_grad)

        def terms(part: slice, model=model, x=x) -> dict[str, torch.Tensor]:
            return {"loss": (model(x[part]) - 1).square().mean()}

        def whole(_, rng, terms=terms) -> dict[str, torch.Tensor]:
            return terms(slice(None))

        def parts(_, rng, terms=terms, batches=batches) -> dict[str, torch.Tensor]:
            return batches.run(6, terms, rng)

        loop.run(whole if name == "loop" else parts)
        results.append(model.weight.detach().clone())
    assert torch.equal(*results)


def test_a_scaled_loss_takes_the_same_step(tmp_path):
    results = []
    for scaled in (False, True):
        torch.manual_seed(1)
        model, x = torch.nn.Linear(4, 1), torch.randn(6, 4)
        settings = LoopSettings(3, clip_gradient=1.0)
        out = tmp_path / str(scaled)
        loop = TrainingLoop(model, torch.optim.SGD(model.parameters(), 0.1), settings, out, {}, scaled)
        loop.run(lambda *_, model=model, x=x: {"loss": (model(x) - 1).square().mean()})
        results.append(model.weight.detach().clone())
    torch.testing.assert_close(*results)
