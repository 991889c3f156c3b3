"""Two processes learn what one learns from twice the batch, end together, and write once."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.train.common.test_loop import make
from train.common import ranks
from train.common.checkpoint import read_checkpoint
from train.common.loop import CHECKPOINT, METRICS, LoopSettings, TrainingLoop

STEPS, BATCH, PROCESSES = 6, 4, 2


class Sums(nn.Module):
    """Two layers; only whoever sees a large first number uses the second one."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.rare, self.idle = nn.Linear(3, 1), nn.Linear(3, 1), nn.Linear(3, 1)

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        rare = x[x[:, 0] > 1.0]
        error = (self.plain(x) - x.sum(1, keepdim=True)).square().sum()
        return (error + self.rare(rare).square().sum() if len(rare) else error) / len(x)


def fit(out: Path, batch: int) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The weights after some steps on parts of fixed samples, and the losses on the way."""
    samples = torch.randn(STEPS * BATCH * PROCESSES, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(ranks.rank())  # the first process's weights count
    model = Sums()
    loop = TrainingLoop(model, torch.optim.Adam(model.parameters(), 0.05), LoopSettings(STEPS, log_every=1), out, {})

    def step(number: int, _: np.random.Generator) -> dict[str, torch.Tensor]:
        first = (number * ranks.count() + ranks.rank()) * batch
        return {"loss": model.loss(samples[first : first + batch])}

    loop.run(step)
    rows = (out / METRICS).read_text().splitlines() if ranks.is_first() else []
    return loop.averaged_state(), [json.loads(row)["loss"] for row in rows]


def stop_and_go_on(out: Path) -> None:
    """Only the second process is asked to end; then the run goes on until its time is up in one of them."""
    loop, step = make(out, 40)

    def ended(number: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        if number == 2 and not ranks.is_first():
            os.kill(os.getpid(), signal.SIGTERM)
        return step(number, rng)

    with pytest.raises(SystemExit):
        loop.run(ended)
    ranks.wait()
    again, step = make(out, 40, max_minutes=1e9 if ranks.is_first() else 1e-9)
    assert again.step == loop.step == 3 == again.run(step)
    assert float(ranks.mean(torch.tensor(float(again.rng.random())))) != again.rng.random(), "batches of their own"


def process(rank: int, port: int, out: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(PROCESSES)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with ranks.joined():
        weights, losses = fit(out / "fit", BATCH)
        torch.save((weights, losses), out / f"{rank}.pt")
        stop_and_go_on(out / "stopped")


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """The folder of what two processes made."""
    out = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(process, (port, out), PROCESSES)
    return out


def test_two_processes_learn_what_one_does_from_twice_the_batch(together, tmp_path):
    wanted, losses = fit(tmp_path, PROCESSES * BATCH)
    for rank in range(PROCESSES):
        weights, logged = torch.load(together / f"{rank}.pt")
        torch.testing.assert_close(weights, wanted)
        if rank == 0:
            assert logged == pytest.approx(losses, abs=2e-6)


def test_a_process_that_is_asked_to_end_ends_all_after_the_same_step(together):
    assert read_checkpoint(together / "stopped" / CHECKPOINT)["step"] == 3
    steps = [json.loads(row)["step"] for row in (together / "stopped" / METRICS).read_text().splitlines()]
    assert steps == [1, 2, 3], "one process writes"
