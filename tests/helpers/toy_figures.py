"""A toy editor that edits by masks as the real one does, for the figures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import blend
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.render import prepare
from mcaclip.editing.request import EditRequest
from mcaclip.errors import NoFaceError, PromptError
from mcaclip.types import AlignedFace, DetectedFace, EditResult, EditSettings, Inversion
from tests.helpers.toy_editor import ToyEditor, fitted_edit


@dataclass
class FiguresEditor(ToyEditor):
    """Knows "green lipstick", "purple hair" and "smiling"; counts what it does."""

    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        network = self.library["green lipstick"].fitted().network
        self.library |= {prompt: fitted_edit(network, prompt) for prompt in ("purple hair", "smiling")}

    def check_settings(self, settings: EditSettings) -> EditSettings:
        if strange := [part.prompt for part in settings.parts if part.prompt not in self.library]:
            raise PromptError(f"no edit is fitted for {strange[0]}")
        return settings

    def edit(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        self.calls.append(f"edit {settings.title}")
        return self._make(inversion, settings)

    def preview(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        self.calls.append(f"preview {settings.title}")
        return self._make(inversion, settings)

    def resolve(self, settings: EditSettings) -> EditRequest:
        def prompted(words: str) -> PromptedNetwork:
            return self.library[words].prompted(words)

        return EditRequest.of_networks(self.check_settings(settings), prompted)

    def _make(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        prepared = prepare(source_of(self.models.generator, inversion), self.resolve(settings))
        return replace(blend(prepared), seconds=0.5)

    def find_faces(self, photo: np.ndarray) -> list[DetectedFace]:
        return [] if photo.max() < 16 else [DetectedFace((0, 0, 8, 8), np.arange(136.0).reshape(68, 2) ** 1.1)]

    def align(self, photo: np.ndarray, face: int = 0) -> AlignedFace:
        if not self.find_faces(photo):
            raise NoFaceError("There is no face in the photo.")
        brightness = torch.full((3, 8, 8), float(photo.mean()) / 255)
        return AlignedFace(brightness, None, np.ones((8, 8), bool), None, photo)

    def invert(self, aligned: AlignedFace, effort: str = "good") -> Inversion:
        self.calls.append(f"invert {effort}")
        return self.reconstruct(torch.randn(18, 512) + aligned.image.mean(), 0.75)
