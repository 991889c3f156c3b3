"""A small, fast, deterministic stand-in for the editor.

The photo decides about its faces: a black photo has none, a photo at least twice as wide as high has two (the left
one is larger), every other photo has one.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mcaclip.config import STACKS
from mcaclip.editing.library import FittedEdit
from mcaclip.editing.mask_tools import refine_masks
from mcaclip.editing.network.mca import FittedNetwork
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.editing.reader import Answer, PromptReader, Reading
from mcaclip.editing.request import EditRequest, resolve
from mcaclip.errors import NoFaceError, StudioError
from mcaclip.generators.compose import union
from mcaclip.language.colours import srgb_of
from mcaclip.language.concepts import Concept, Side
from mcaclip.language.grammar import understand
from mcaclip.language.wishes import Wish, plain_wish
from mcaclip.types import (
    AlignedFace,
    DetectedFace,
    EditResult,
    EditSettings,
    Inversion,
    MovingEdit,
    Progress,
    ProgressCallback,
    Residual,
    StopEarly,
    from_uint8,
    to_uint8,
)
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.validate import clean_prompt

PROMPTS = ("green lipstick", "blue goatee", "purple hair")
MASK_SIDES = (4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512, 512, 1024)
REGIONS = {  # centre x, centre y, radius x, radius y, colour; fractions of the side
    "green lipstick": (0.5, 0.72, 0.13, 0.05, (40, 150, 60)),
    "blue goatee": (0.5, 0.84, 0.12, 0.08, (40, 70, 190)),
    "purple hair": (0.5, 0.16, 0.38, 0.16, (140, 50, 170)),
}
ENTRIES = (
    LibraryPrompt("green lipstick", "Lips", (), (0.4, 1.2), 0.8),
    LibraryPrompt("purple hair", "Hair"),
    LibraryPrompt("smiling", "Expression"),
    LibraryPrompt("zombie", "Characters", (("green skin", 0.7), ("grey hair", 0.5)), (0.5, 1.5), 1.0),
)
"""A small prompt library."""
SKIN_AREAS = {"lips": PROMPTS[0], "goatee": PROMPTS[1], "beard": PROMPTS[1], "hair": PROMPTS[2], "brows": PROMPTS[2]}
NO_NETWORK, NO_NETWORKS = cast(PromptedNetwork, None), cast(FittedNetwork, None)
WORDS = "green blue purple red grey pink and lipstick lips goatee hair skin eyebrows smiling nose zombie"
"""The words that the fake with a universal network knows."""


class FakeEditor:
    """Draws coloured ellipses where the real editor runs networks.

    Args:
        hold: while this event exists and is not set, a good inversion keeps calling back and never ends.
        hold_edits: likewise for edits at full size.
        steps: callbacks of one inversion.
        universal: whether it has a network for any prompt.
        entries: its prompt library.
    """

    stack = "fake"

    def __init__(
        self,
        hold: threading.Event | None = None,
        steps: int = 3,
        universal: bool = False,
        entries: Sequence[LibraryPrompt] = (),
    ):
        self.has_universal, self.entries = universal, tuple(entries)
        self.hold = hold
        self.hold_edits: threading.Event | None = None
        self.steps = steps
        self.calls: list[str] = []
        self.resolved: list[str] = []
        self.added: tuple[str, ...] = ()

    def weight_hashes(self) -> dict[str, str]:
        return {"fake": hashlib.sha256(b"fake").hexdigest()}

    def prompts(self) -> tuple[str, ...]:
        return PROMPTS + self.added

    def _reader(self) -> PromptReader:
        fitted = {p: FittedEdit({}, lambda: NO_NETWORKS, shipped=p in PROMPTS) for p in self.prompts()}
        problem = "" if self.has_universal else "there is no universal network here; train one"
        return PromptReader(fitted, self.entries, problem, self._wish, STACKS["compact"], Path("edits"))

    def read_prompt(self, text: str, mode: str | None = None) -> Answer:
        return self._reader().read_all(text, mode)

    def offered(self) -> tuple[LibraryPrompt, ...]:
        return self._reader().offered()

    def modes(self, entry: LibraryPrompt) -> tuple[str, ...]:
        return self._reader().modes(entry)

    def wish(self, text: str) -> Wish:
        return self._wish(clean_prompt(text))

    def _wish(self, text: str) -> Wish:
        if plain := plain_wish(text):
            return plain
        words = text.lower().split()
        strange = tuple(word for word in words if word not in " ".join(PROMPTS).split())
        if self.has_universal:
            strange = tuple(word for word in words if word not in WORDS.split())
            if 0 < len(strange) < len(words):
                return Wish(text, 0.9, Concept("doubtful", wanted=Side(text, fulfilled=0.5)))
        return Wish(text, 0.1 if strange else 0.9, nearest=PROMPTS[:2])

    def find_faces(self, photo: np.ndarray) -> list[DetectedFace]:
        self.calls.append("find faces")
        return self._faces(photo)

    def _faces(self, photo: np.ndarray) -> list[DetectedFace]:
        height, width = photo.shape[:2]
        if photo.max() < 16:
            return []
        if width < 2 * height:
            return [_face(width / 2, height / 2, 0.3 * min(width, height))]
        return [_face(width / 4, height / 2, 0.3 * height), _face(3 * width / 4, height / 2, 0.25 * height)]

    def align(self, photo: np.ndarray, face: int | DetectedFace = 0) -> AlignedFace:
        self.calls.append("align")
        if not isinstance(face, DetectedFace):
            faces = self._faces(photo)
            if face >= len(faces):
                raise NoFaceError(
                    f"Face {face} was asked for; the photo has {len(faces)}. Use a clear frontal photo."
                )
            face = faces[face]
        left, top, right, bottom = (float(value) for value in face.box)
        margin = 0.3 * (right - left)
        box = (left - margin, top - margin, right + margin, bottom + margin)
        quad = np.array([[box[0], box[1]], [box[0], box[3]], [box[2], box[3]], [box[2], box[1]]])
        corners = np.array([[0, 0], [0, 1024], [1024, 1024]], np.float32)
        matrix = cv2.getAffineTransform(corners, quad[:3].astype(np.float32))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = cv2.warpAffine(photo, matrix, (1024, 1024), flags=flags, borderMode=cv2.BORDER_REFLECT)
        valid = np.ones((1024, 1024), bool)
        return AlignedFace(from_uint8(image), quad, valid, face.landmarks, photo)

    def invert(
        self,
        aligned: AlignedFace,
        effort: str = "good",
        callback: ProgressCallback | None = None,
        seed: int = 0,
    ) -> Inversion:
        self.calls.append(f"invert {effort} {seed}")
        if effort not in ("instant", "good", "best"):
            raise StudioError(f"No inversion {effort}")
        small = F.interpolate(aligned.image[None], size=256, mode="area")[0]
        step = 0
        hold = None if effort == "instant" else self.hold
        while step < self.steps or (hold is not None and not hold.wait(0.05)):
            step += 1
            if callback is not None:
                try:
                    callback(Progress("reconstructing", min(step / self.steps, 0.9), small * 0.9))
                except StopEarly:
                    break
        soft = F.interpolate(small[None], size=1024, mode="bilinear")[0]
        w_plus = torch.full((18, 512), float(aligned.image.mean()))
        identity = 0.7 if effort == "instant" else 0.78
        return Inversion(w_plus, soft, identity, 0.01, likeness=0.86, photo=aligned.image)

    def sample(self, seed: int, truncation_psi: float = 0.7) -> Inversion:
        self.calls.append(f"sample {seed}")
        noise = torch.Generator().manual_seed(seed)
        w_plus = torch.randn(18, 512, generator=noise) * truncation_psi
        return Inversion(w_plus, _face_of(w_plus), None, 0.01)

    def reconstruct(
        self,
        w_plus: Tensor,
        identity: float | None = None,
        residual: Residual | None = None,
        photo: Tensor | None = None,
    ) -> Inversion:
        self.calls.append("reconstruct")
        return Inversion(w_plus, _face_of(w_plus), identity, 0.01, residual=residual, photo=photo)

    def metrics_file(self, prompt: str) -> Path | None:
        return None

    def add_edits(self, path: Path) -> tuple[str, ...]:
        self.calls.append(f"add {path.name}")
        self.added = (*self.added, path.stem)
        return (path.stem,)

    def refine(
        self, aligned: AlignedFace, inversion: Inversion, callback: ProgressCallback | None = None
    ) -> Inversion:
        better = self.invert(aligned, "best", callback)
        self.calls[-1] = "refine"
        return replace(better, w_plus=inversion.w_plus, identity=0.86)

    def check_settings(self, settings: EditSettings) -> EditSettings:
        return self.resolve(settings).settings

    def resolve(self, settings: EditSettings, readings: Sequence[Reading] | None = None) -> EditRequest:
        self.resolved.append(settings.title)
        request = resolve(settings, self._reader(), lambda wanted: NO_NETWORK, readings)
        return replace(request, notes=(*request.notes, *request.settings.left_out))

    def render(
        self, inversion: Inversion, request: EditRequest, callback: ProgressCallback | None = None
    ) -> EditResult:
        self.calls.append(f"edit {request.settings.strength:g} {request.settings.mask_threshold:g}")
        if callback is not None:
            callback(Progress("editing", 0.5))
            while self.hold_edits is not None and not self.hold_edits.wait(0.05):
                callback(Progress("editing", 0.5))
        return _draw(inversion, request, 1024, identity=(inversion.identity or 0.78) + 0.15)

    def moving(self, inversion: Inversion, request: EditRequest) -> MovingEdit:
        made = self.render(inversion, request)
        return MovingEdit(made.image, made.combined_mask)

    def edit(
        self, inversion: Inversion, settings: EditSettings, callback: ProgressCallback | None = None
    ) -> EditResult:
        return self.render(inversion, self.resolve(settings), callback)

    def preview(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        self.calls.append(f"preview {settings.title}")
        return _draw(inversion, self.resolve(settings), 256)

    def strip(
        self,
        inversion: Inversion,
        settings: EditSettings,
        factors: Sequence[float],
        callback: ProgressCallback | None = None,
    ) -> list[EditResult]:
        self.calls.append("strip")
        request = self.resolve(settings)
        parts = [[replace(p, strength=p.strength * factor) for p in request.settings.parts] for factor in factors]
        return _draw_all(inversion, request, [request.settings.with_parts(some) for some in parts], callback)

    def variations(
        self,
        inversion: Inversion,
        settings: EditSettings,
        numbers: Sequence[int],
        callback: ProgressCallback | None = None,
    ) -> list[EditResult]:
        self.calls.append("variations")
        request = self.resolve(settings)
        return _draw_all(inversion, request, [replace(request.settings, variation=n) for n in numbers], callback)


if TYPE_CHECKING:
    _: EditorProtocol = FakeEditor()


def _draw_all(
    inversion: Inversion, request: EditRequest, settings: list[EditSettings], callback: ProgressCallback | None
) -> list[EditResult]:
    """The small pictures of a request with each of the settings."""
    results = []
    for one in settings:
        results.append(_draw(inversion, replace(request, settings=one), 256))
        if callback is not None:
            callback(Progress("rendering", len(results) / len(settings)))
    return results


def _draw(inversion: Inversion, request: EditRequest, side: int, identity: float | None = None) -> EditResult:
    image = F.interpolate(inversion.original[None], size=side, mode="area")[0]
    settings, masks = request.settings, list[list[Tensor]]()
    for share in request.shares:
        x, y, radius_x, radius_y, colour = _region(share.ingredient.words)
        layers = [_ellipse(s, x, y, radius_x, radius_y)[None] for s in (*MASK_SIDES, side)]
        layers = refine_masks(layers, settings)
        target = torch.tensor(colour).view(3, 1, 1) * 0.85**settings.variation / 127.5 - 1
        shaded = target + 0.6 * (image.mean(0, keepdim=True) - image.mean())
        strength = settings.parts[share.part].strength * share.ingredient.factor
        image = image + (layers[-1][0] * strength * 0.6).clamp(0, 1) * (shaded - image)
        masks.append(layers)
    united = [union(same)[0] for same in zip(*masks, strict=True)]
    shifts = tuple(torch.full((18, 512), 0.1) for _ in settings.parts)
    modes = [[s.ingredient.mode for s in request.shares if s.part == part] for part in range(len(settings.parts))]
    return EditResult(
        image=image.clamp(-1, 1),
        masks=tuple(united[:-1]),
        mask_names=tuple(f"layer {index} ({s} px)" for index, s in enumerate(MASK_SIDES)),
        combined_mask=united[-1],
        delta_w=torch.stack(shifts).sum(0),
        settings=settings,
        identity=identity,
        seconds=0.01,
        notes=request.notes,
        shifts=shifts,
        modes=tuple(" and ".join(dict.fromkeys(names)) for names in modes),
        feature_change=tuple(0.01 * index for index in range(len(MASK_SIDES))),
        generated=None if inversion.photo is None else image.clamp(-1, 1),
    )


def _region(words: str) -> tuple[float, float, float, float, tuple[int, int, int]]:
    """Where and in which colour a prompt is drawn."""
    if words in REGIONS:
        return REGIONS[words]
    meaning = understand(words)
    x, y, radius_x, radius_y, _ = REGIONS[SKIN_AREAS.get(meaning.part if meaning else "", PROMPTS[0])]
    return x, y, radius_x, radius_y, srgb_of(meaning.colour) if meaning else (200, 160, 120)


def _face_of(w_plus: Tensor) -> Tensor:
    """A code has one picture."""
    return draw_face(int(w_plus.abs().sum() * 10) % 1000)


def _face(x: float, y: float, reach: float) -> DetectedFace:
    box = (round(x - reach), round(y - reach), round(x + reach), round(y + reach))
    angle = np.linspace(0, 2 * np.pi, 68)
    return DetectedFace(box, np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], axis=1))


def _ellipse(side: int, x: float, y: float, radius_x: float, radius_y: float) -> Tensor:
    """Soft ellipse `[1, side, side]` in [0, 1]; arguments are fractions of the side."""
    axis = (torch.arange(side) + 0.5) / side
    distance = ((axis[None, :] - x) / radius_x) ** 2 + ((axis[:, None] - y) / radius_y) ** 2
    return torch.sigmoid((1 - distance) * 6)[None]


def write_photo(path: Path, faces: int = 1, seed: int = 1) -> str:
    """Saves a drawn photo with so many faces; returns its path."""
    face = to_uint8(draw_face(seed))[::4, ::4]
    picture = np.zeros_like(face) if faces == 0 else np.concatenate([face] * faces, axis=1)
    Image.fromarray(picture).save(path)
    return str(path)


def draw_face(seed: int) -> Tensor:
    """A cartoon face `float32 [3, 1024, 1024]` in [-1, 1]; its colours follow from the seed."""
    colours = np.random.default_rng(seed).integers(60, 230, (2, 3))
    image = np.full((1024, 1024, 3), colours[0], np.uint8)
    cv2.ellipse(image, (512, 300), (400, 280), 0, 0, 360, tuple(int(c) // 3 for c in colours[1]), -1)
    cv2.ellipse(image, (512, 560), (310, 400), 0, 0, 360, (224, 180, 150), -1)
    for eye in (400, 624):
        cv2.ellipse(image, (eye, 480), (60, 30), 0, 0, 360, (250, 250, 250), -1)
        cv2.circle(image, (eye, 480), 26, tuple(int(c) // 2 for c in colours[1]), -1)
    cv2.ellipse(image, (512, 737), (110, 40), 0, 0, 360, (176, 80, 84), -1)
    return from_uint8(cv2.GaussianBlur(image, (0, 0), 2))


def load_fake(stack: object, edits: Sequence[Path]) -> FakeEditor:
    """A loader of editors that can be sent to another process."""
    return FakeEditor()
