"""Ranger: rectified Adam that looks ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Ranger(torch.optim.RAdam):
    """RAdam whose weights are pulled, every k steps, towards slow weights (Lookahead).

    Every k steps: `slow += alpha * (fast - slow); fast = slow`. The slow weights start as the weights before
    the first step and live in the optimiser's state (key "slow"), so `state_dict` carries them and a resumed
    run goes on exactly where it stopped.

    Source: Liu et al. 2020 (RAdam), Zhang et al. 2019 (Lookahead, Algorithm 1); defaults of CF-CLIP and
    StyleCLIP, which use lr 0.5 because of their mappers' lr_mul 0.01.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        *,
        k: int = 6,
        alpha: float = 0.5,
    ) -> None:
        """Creates the optimiser.

        Args:
            params: parameters or parameter groups.
            lr: learning rate of RAdam.
            betas: decay of the first and second moment.
            eps: added to the root of the second moment.
            weight_decay: L2 penalty.
            k: steps between two pulls, at least 1.
            alpha: how far the slow weights follow, in (0, 1]; 1 is plain RAdam.

        Raises:
            ValueError: when k or alpha is out of range.
        """
        if k < 1 or not 0 < alpha <= 1:
            raise ValueError(f"k must be at least 1 and alpha in (0, 1], not k={k}, alpha={alpha}")
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        self.defaults.update(k=k, alpha=alpha)
        for group in self.param_groups:
            group.setdefault("k", k)
            group.setdefault("alpha", alpha)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes one RAdam step and, every k-th time, the lookahead step.

        Args:
            closure: evaluates the model again and returns the loss (rarely needed).

        Returns:
            The closure's loss, or None.
        """
        # RAdam initialises a parameter's state only while it is empty, so new slow weights wait outside.
        fresh = {
            p: p.detach().clone()
            for group in self.param_groups
            for p in group["params"]
            if "slow" not in self.state[p]
        }
        loss = super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "step" not in state:  # never had a gradient
                    continue
                slow = state.setdefault("slow", fresh.get(p))
                if int(state["step"]) % group["k"] == 0 and p.grad is not None:
                    slow.lerp_(p, group["alpha"])
                    p.copy_(slow)
        return loss
