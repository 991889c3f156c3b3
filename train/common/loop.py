"""The one training loop: time limit, resume, metrics.jsonl, averaged weights, checkpoints."""

from __future__ import annotations

import json
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mcaclip.errors import TrainingError
from mcaclip.evaluation.row_log import append_row
from train.common import ranks
from train.common.arrays import reason, unusable
from train.common.checkpoint import check_optimizer, check_weights, read_checkpoint, save_checkpoint

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class LoopSettings:
    """How long to train and what to keep.

    Attributes:
        steps: optimiser steps in all, over every resumed call.
        max_minutes: wall-clock limit of this call.
        seed: seeds the batches and torch.
        ema: decay of the averaged weights that are shipped; 0 keeps the last weights.
        checkpoint_seconds: time between checkpoints.
        log_every: steps between two lines of metrics.jsonl.
        sheet_every: steps between two calls of the sample sheet; 0 for none.
        warmup: steps of linear warm-up of the learning rate.
        clip_gradient: largest norm of the gradient; 0 for no limit.
    """

    steps: int
    max_minutes: float = 1e9
    seed: int = 0
    ema: float = 0.0
    checkpoint_seconds: float = 120.0
    log_every: int = 10
    sheet_every: int = 0
    warmup: int = 0
    clip_gradient: float = 1.0


StepFunction = Callable[[int, np.random.Generator], Mapping[str, Tensor]]
"""From the step's number and a random generator to named loss terms; `loss` is what is minimised."""


class _Ending:
    """Which signal asked the process to end, if one has.

    A second Ctrl-C does not wait for the step. Launchers pass on to their processes what the terminal has sent these
    already, so one of several processes always waits.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, *_: object) -> None:
        if self.signal == number == signal.SIGINT and ranks.count() == 1:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def _asked_to_end() -> Iterator[_Ending]:
    """Notes SIGTERM and Ctrl-C instead of ending the process. Only the main thread can listen for them."""
    ending = _Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.signal(number, ending) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class TrainingLoop:
    """Trains `model` with `optimizer`, its learning rate falling by a cosine to 2 % of where it starts.

    The schedule follows the larger of the share of steps and the share of this call's time, so a run that is cut
    by `max_minutes` still ends with a small learning rate.

    Processes of a launcher (see `train.common.ranks`) train together: every one has its own random generator and thus
    its own batches, gradients are averaged, and the first one writes the files. All read the checkpoint.

    Args:
        model: what is trained.
        optimizer: of its parameters.
        settings: how long.
        out: the run's folder; a run that it holds is resumed.
        fingerprint: the settings that a resumed run must share.
        scaled: scale the loss, as gradients in float16 need it.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: LoopSettings,
        out: Path,
        fingerprint: Mapping[str, object],
        scaled: bool = False,
    ):
        self.model, self.optimizer, self.settings, self.out = model, optimizer, settings, out
        self.fingerprint = json.dumps(fingerprint, sort_keys=True, default=str)
        ranks.share_state(model)
        self.averaged = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.scaler = torch.amp.GradScaler(next(model.parameters()).device.type, enabled=scaled)
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.step, self.seconds_before = 0, 0.0
        self.rng = ranks.random_generator(settings.seed, 0)
        torch.manual_seed(settings.seed + ranks.rank())
        out.mkdir(parents=True, exist_ok=True)
        if (out / CHECKPOINT).exists():
            self._resume()
        ranks.wait()  # nobody writes a checkpoint before all have read it

    def run(self, step_function: StepFunction, sheet: Callable[[int], None] | None = None) -> int:
        """Train until the steps or the minutes are used up; after SIGTERM or Ctrl-C save a checkpoint and exit.

        Returns:
            The number of steps done so far, earlier calls included.

        Raises:
            TrainingError: the loss is no longer finite, or the disk cannot be written.
            SystemExit: the process was asked to end.
        """
        with _asked_to_end() as ending:
            return self._run(step_function, sheet, ending)

    def _run(self, step_function: StepFunction, sheet: Callable[[int], None] | None, ending: _Ending) -> int:
        s, started, saved = self.settings, time.monotonic(), time.monotonic()
        limit, unsaved = 60 * s.max_minutes, not (self.out / CHECKPOINT).exists()
        while self.step < s.steps and (share := _share_of(limit, started)) < 1:
            self._set_learning_rate(max(self.step / s.steps, share))
            self.optimizer.zero_grad(set_to_none=True)
            terms = dict(step_function(self.step, self.rng))
            self._update(terms["loss"])
            terms["loss"] = ranks.mean(terms["loss"])
            self.step, unsaved = self.step + 1, True
            if self.step % s.log_every == 0 or self.step == 1:
                self._log(terms, self.seconds_before + time.monotonic() - started)
            if sheet and ranks.is_first() and s.sheet_every and self.step % s.sheet_every == 0:
                sheet(self.step)
            asked = int(ranks.largest(ending.signal or 0))
            if asked or time.monotonic() - saved > s.checkpoint_seconds:
                self._save(started)
                saved, unsaved = time.monotonic(), False
            if asked:
                log.info("stopped at step %d; the same command goes on there", self.step)
                raise SystemExit(128 + asked)
        if unsaved:
            self._save(started)
        return self.step

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss. For step functions that do so part by part; their `loss` then has no graph."""
        self.scaler.scale(loss).backward()

    def averaged_state(self) -> dict[str, Tensor]:
        """The weights to ship: averaged if `ema` is set, else the last."""
        source = self.averaged if self.settings.ema else self.model.state_dict()
        return {name: tensor.detach().clone().contiguous() for name, tensor in source.items()}

    def _set_learning_rate(self, done: float) -> None:
        factor = 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * min(done, 1.0))))
        if self.settings.warmup:
            factor *= min(1.0, (self.step + 1) / self.settings.warmup)
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base * factor

    def _update(self, loss: Tensor) -> None:
        if not ranks.mean(loss).isfinite():
            raise TrainingError(f"the loss is {loss.item()} at step {self.step}: lower the learning rate and resume")
        if loss.requires_grad:
            self.backward(loss)
        ranks.average_gradients(self.model.parameters())
        if self.settings.clip_gradient:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.settings.ema:
            decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.averaged[name].lerp_(value.detach(), 1 - decay)
                else:
                    self.averaged[name].copy_(value)

    def _log(self, terms: Mapping[str, Tensor], seconds: float) -> None:
        if not ranks.is_first():
            return
        row = {"step": self.step, "seconds": round(seconds, 1)}
        row |= {name: round(float(torch.as_tensor(value).detach()), 6) for name, value in terms.items()}
        append_row(self.out / METRICS, row)
        if self.step % (10 * self.settings.log_every) == 0 or self.step == 1:
            log.info("%s", "  ".join(f"{k} {v:.4g}" for k, v in row.items()))

    def _save(self, started: float) -> None:
        if not ranks.is_first():
            return
        state = {
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "seconds": self.seconds_before + time.monotonic() - started,
            "torch_rng": torch.get_rng_state(),
            "numpy_rng": json.dumps(self.rng.bit_generator.state),
            "fingerprint": self.fingerprint,
        }
        save_checkpoint(state, self.out / CHECKPOINT)

    def _resume(self) -> None:
        """Takes everything over from the checkpoint, which is checked first. Raises TrainingError."""
        path = self.out / CHECKPOINT
        state = read_checkpoint(path)
        if state["fingerprint"] != self.fingerprint:
            raise TrainingError(
                f"{self.out} holds a run with other settings ({state['fingerprint']}, now {self.fingerprint}): "
                "choose another --out, or the same settings, to resume"
            )
        own = self.model.state_dict()
        model, averaged = (check_weights(path, state[name], own) for name in ("model", "averaged"))
        optimizer = check_optimizer(path, state["optimizer"], self.optimizer)
        step, seconds = state["step"], state["seconds"]
        if type(step) is not int or step < 0 or type(seconds) not in (int, float) or not 0 <= seconds < math.inf:
            raise unusable(path, "its count of steps or seconds is damaged")
        try:
            self.model.load_state_dict(model)
            self.optimizer.load_state_dict(optimizer)
            self.scaler.load_state_dict(state.get("scaler", {}))
            torch.set_rng_state(state["torch_rng"])
            self.rng.bit_generator.state = json.loads(state["numpy_rng"])
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise unusable(path, f"its state is damaged: {reason(error)}") from error
        self.averaged = {name: value.to(self.averaged[name]) for name, value in averaged.items()}
        self.step, self.seconds_before = step, seconds
        if not ranks.is_first():
            self.rng = ranks.random_generator(self.settings.seed, step)
            torch.manual_seed(self.settings.seed + step + ranks.rank())
        log.info("resuming %s at step %d", self.out, self.step)


def _share_of(limit: float, started: float) -> float:
    """The share of a time limit in seconds that is used up; the same for all processes."""
    return ranks.largest((time.monotonic() - started) / limit if limit else 1.0)


class Budget:
    """Gives every stage its share of the time that is left.

    A stage that ends early, or was done by an earlier call, leaves its time to those after it; one that overruns
    takes it from them.

    Args:
        minutes: of the whole call, from now on.
        shares: part of the time by stage, in their order.
        clock: gives seconds.
    """

    def __init__(self, minutes: float, shares: Mapping[str, float], clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._end = clock() + 60 * minutes
        self._shares = dict(shares)

    def minutes(self, stage: str) -> float:
        """Minutes that a stage which begins now may take; 0 when the time is used up.

        Raises:
            ValueError: no such stage.
        """
        names = list(self._shares)
        coming = sum(self._shares[name] for name in names[names.index(stage) :])
        return max(0.0, self._end - self._clock()) / 60 * self._shares[stage] / coming
