"""Several processes that train one network, each on faces of its own: `accelerate launch -m train ...`, or torchrun.

The launcher starts the processes and tells them by environment variables who they are; torch.distributed averages
their gradients. In a process that no launcher has started every function here does nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def joined() -> Iterator[None]:
    """Within this context the processes of the launcher work together, each on a GPU of its own where there are any.

    Only the first one logs what is not a warning.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group()  # gloo for tensors of the CPU, NCCL for those of GPUs
    if not is_first():
        logging.getLogger().setLevel(logging.WARNING)
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """How many processes work together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    return rank() == 0


def wait() -> None:
    """Wait until all processes are here."""
    if count() > 1:
        dist.barrier()


def random_generator(seed: int, step: int) -> np.random.Generator:
    """The generator of this process for a run that starts, or goes on, at a step."""
    return np.random.default_rng(seed if is_first() else [seed, rank(), step])


def largest(value: float) -> float:
    """The largest of all processes' values, so that all of them decide alike."""
    if count() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return shared.item()


def mean(value: Tensor) -> Tensor:
    """The mean of all processes' tensors, without a graph."""
    shared = value.detach().clone()
    if count() > 1:
        dist.all_reduce(shared)
    return shared / count()


@torch.no_grad()
def share_state(model: nn.Module) -> None:
    """Give every process the first one's weights and buffers."""
    if count() > 1:
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes; one that some process lacks counts there as 0."""
    if count() == 1:
        return
    learning = list(parameters)
    used = torch.tensor([parameter.grad is not None for parameter in learning], dtype=torch.uint8)
    dist.all_reduce(used, dist.ReduceOp.MAX)
    gradients = []
    for parameter, is_used in zip(learning, used.tolist(), strict=True):
        if is_used:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            gradients.append(parameter.grad)
    if gradients:
        nn.utils.vector_to_parameters(mean(nn.utils.parameters_to_vector(gradients)), gradients)
