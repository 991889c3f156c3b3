"""Stand-in methods for the Compare tab: quick, deterministic, held where a test asks for it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import torch

from mcaclip.config import STACKS
from mcaclip.evaluation.compare import CompareRow, Figures
from mcaclip.methods.base import MethodEdit, fit_command
from mcaclip.types import Inversion, Progress, ProgressCallback

READY = ("mca-universal", "mca", "cf-clip")
MASKED = ("mca-universal", "mca")


def made_row(name: str, prompt: str, masks: int = 0) -> CompareRow:
    """A row with an edit, brighter than its source on the left, and figures."""
    source = torch.zeros(3, 64, 64)
    edited = source.clone()
    edited[:, :, :32] = 0.25
    mask = torch.zeros(1, 8, 8)
    mask[:, :, :4] = 1
    edit = MethodEdit(edited, source, tuple(mask for _ in range(masks)), None, None, 2.0)
    return CompareRow(name, "face", prompt, edit, Figures(True, 0.8, 1.25, 0.97, 0.5 if masks else None, 2.0))


@dataclass(frozen=True)
class FakeMethods:
    """Three methods are fitted, the others say how to fit them; implements `mcaclip.ui.lab.method_set.MethodSet`.

    Attributes:
        editor: is not asked for anything.
        hold: while this event is not set, CF-CLIP keeps reporting and never ends.
    """

    editor: object
    hold: threading.Event | None = None

    def known(self) -> tuple[str, ...]:
        return (*READY, "styleclip-optimisation")

    def ready(self, prompt: str) -> tuple[str, ...]:
        return self.known() if "hair" in prompt else ("mca-universal", "styleclip-optimisation")

    def row(self, name: str, face: Inversion, prompt: str, callback: ProgressCallback) -> CompareRow:
        callback(Progress("editing", 0.25))
        while name == "cf-clip" and self.hold is not None and not self.hold.is_set():
            callback(Progress("editing", 0.5))
            time.sleep(0.02)
        callback(Progress("editing", 0.75))
        if name not in self.ready(prompt):
            command = fit_command(name, prompt, STACKS["compact"])
            return CompareRow(name, "face", prompt, problem=f"Fit it with: {command}")
        return made_row(name, prompt, masks=2 if name in MASKED else 0)
