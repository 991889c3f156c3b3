"""Batches that are computed in as many parts as memory requires, with the same gradient."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import TrainingError

log = logging.getLogger(__name__)
Terms = Mapping[str, Tensor]


class MicroBatches:
    """Computes a batch in parts and adds their gradients up; twice as many parts each time memory runs out.

    The loss terms are means over the batch, so parts weighted by their share give the gradient of the whole.

    Args:
        backward: adds the gradient of a loss.
        reset: drops all gradients.
    """

    def __init__(self, backward: Callable[[Tensor], None], reset: Callable[[], None]):
        self.backward, self.reset = backward, reset
        self.parts = 1

    def run(self, batch: int, terms_of: Callable[[slice], Terms], rng: np.random.Generator) -> dict[str, Tensor]:
        """Accumulate the gradient of a whole batch.

        Args:
            batch: number of samples.
            terms_of: from a range of samples to named terms; `loss` is differentiated.
            rng: what `terms_of` draws from; reset before another attempt.

        Returns:
            The terms of the whole batch, detached; a term that only some parts have is the mean over those.

        Raises:
            TrainingError: not even one sample fits.
        """
        state = rng.bit_generator.state
        while (terms := self._try(batch, terms_of)) is None:
            if self.parts >= batch:
                raise TrainingError(
                    "not even one face fits into the device's memory: train through the preview (no --full-size), "
                    "choose --precision bf16 or fp16, or close other programs that use the device"
                )
            self.reset()
            rng.bit_generator.state = state
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.parts = min(2 * self.parts, batch)
            log.warning("out of memory: a batch is now computed in %d parts", self.parts)
        return terms

    def _try(self, batch: int, terms_of: Callable[[slice], Terms]) -> dict[str, Tensor] | None:
        """The terms, or None when memory ran out; nothing holds memory any more when this returns."""
        sums: dict[str, Tensor] = {}
        shares: dict[str, float] = {}
        try:
            edges = np.linspace(0, batch, self.parts + 1).round().astype(int).tolist()
            for part in (slice(first, last) for first, last in pairwise(edges) if last > first):
                share = (part.stop - part.start) / batch
                terms = terms_of(part)
                self.backward(terms["loss"] * share)
                for name, value in terms.items():
                    sums[name] = sums.get(name, 0) + value.detach() * share
                    shares[name] = shares.get(name, 0.0) + share
        except torch.OutOfMemoryError:
            return None
        return {name: value / shares[name] for name, value in sums.items()}
