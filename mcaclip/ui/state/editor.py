"""What the page needs of an editor; `mcaclip.editor.FaceEditor` and the tests' stand-in implement it."""

# ruff: noqa: D102 - the methods are documented in `FaceEditor`

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.editing.reader import Answer, Reading
from mcaclip.editing.request import EditRequest
from mcaclip.language.wishes import Wish
from mcaclip.types import (
    AlignedFace,
    DetectedFace,
    EditResult,
    EditSettings,
    Inversion,
    MovingEdit,
    ProgressCallback,
    Residual,
)


class EditorProtocol(Protocol):
    """The methods do what those of the same names in `mcaclip.editor.FaceEditor` do."""

    stack: str

    @property
    def has_universal(self) -> bool: ...

    def weight_hashes(self) -> dict[str, str]: ...

    def prompts(self) -> tuple[str, ...]: ...

    def offered(self) -> tuple[LibraryPrompt, ...]: ...

    def metrics_file(self, prompt: str) -> Path | None: ...

    def add_edits(self, path: Path) -> tuple[str, ...]: ...

    def read_prompt(self, text: str, mode: str | None = None) -> Answer: ...

    def wish(self, text: str) -> Wish: ...

    def find_faces(self, photo: np.ndarray) -> list[DetectedFace]: ...

    def align(self, photo: np.ndarray, face: int | DetectedFace = 0) -> AlignedFace: ...

    def invert(
        self, aligned: AlignedFace, effort: str = "good", callback: ProgressCallback | None = None
    ) -> Inversion: ...

    def refine(
        self, aligned: AlignedFace, inversion: Inversion, callback: ProgressCallback | None = None
    ) -> Inversion: ...

    def sample(self, seed: int, truncation_psi: float = 0.7) -> Inversion: ...

    def reconstruct(
        self,
        w_plus: Tensor,
        identity: float | None = None,
        residual: Residual | None = None,
        photo: Tensor | None = None,
    ) -> Inversion: ...

    def resolve(self, settings: EditSettings, readings: Sequence[Reading] | None = None) -> EditRequest: ...

    def render(
        self, inversion: Inversion, request: EditRequest, callback: ProgressCallback | None = None
    ) -> EditResult: ...

    def preview(self, inversion: Inversion, settings: EditSettings) -> EditResult: ...

    def moving(self, inversion: Inversion, request: EditRequest) -> MovingEdit: ...

    def strip(
        self,
        inversion: Inversion,
        settings: EditSettings,
        factors: Sequence[float],
        callback: ProgressCallback | None = None,
    ) -> list[EditResult]: ...

    def variations(
        self,
        inversion: Inversion,
        settings: EditSettings,
        numbers: Sequence[int],
        callback: ProgressCallback | None = None,
    ) -> list[EditResult]: ...
