"""A few Adam steps that keep the best that was seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from mcaclip.inversion.report import Report

Found = TypeVar("Found")
LAST_PACE = 0.05
"""Share of the learning rates at the end of their cosine."""


def descend(
    rates: list[tuple[list[Tensor], float]],
    steps: int,
    attempt: Callable[[], tuple[Found, Tensor, Tensor]],
    report: Report,
    live_every: int,
) -> tuple[Found, bool]:
    """Lower a loss by Adam, whose learning rates fall by a cosine.

    Args:
        rates: tensors to move, with their learning rate at the start.
        steps: at least one.
        attempt: gives a solution, its picture `[1, 3, S, S]`, and its loss as a scalar with gradients.
        live_every: steps between two live frames.

    Returns:
        The solution of the lowest loss, and whether the callback asked to stop.
    """
    optimizer = torch.optim.Adam([{"params": moved, "lr": rate} for moved, rate in rates], betas=(0.9, 0.99))
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: LAST_PACE + (1 - LAST_PACE) * 0.5 * (1 + math.cos(math.pi * step / steps))
    )
    best_loss, best = math.inf, None
    for step in range(steps):
        found, picture, loss = attempt()
        if best is None or loss.item() < best_loss:
            best_loss, best = loss.item(), found
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        pace.step()
        last = step == steps - 1
        if (last or step % live_every == 0) and report((step + 1) / steps, picture):
            return best, True
    assert best is not None
    return best, False
