"""The variants of the method that are measured: the full method, without Feature Fusion, without the masks of PRE.

Source: MCA-CLIP's ablation. "Without FF" is a network of its own, with CF-CLIP's text module in place of Feature
Fusion; "without PRE" is G(w + delta_w).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import carried_over
from mcaclip.editing.library import find_fitted
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import EditHeader, load_network, read_header
from mcaclip.editing.network.no_text import NoMasks
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.photo_blend import carry_over
from mcaclip.editing.render import draw, kept_share, prepare
from mcaclip.editing.request import EditRequest
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import METHOD as UNIVERSAL
from mcaclip.editing.universal import TRAIN_COMMAND
from mcaclip.errors import PromptError, StudioError, WeightsError
from mcaclip.generators.base import Generator
from mcaclip.generators.compose import MaskedShift, compose
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.loading import words_digest
from mcaclip.types import EditResult, EditSettings, Inversion

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.evaluation.requests import Subject

FULL, WITHOUT_FF, WITHOUT_PRE = "full", "without-ff", "without-pre"
VARIANTS = (FULL, WITHOUT_FF, WITHOUT_PRE)
FULL_SIZE, PREVIEW_SIZE = 1024, 256


@dataclass(frozen=True)
class Edited:
    """One edit of one variant.

    Attributes:
        image: `float32 [3, S, S]` in [-1, 1], on the CPU.
        area: share of the picture that may change; 1 without masks.
        seconds: wall time.
    """

    image: Tensor
    area: float
    seconds: float


class Variant(ABC):
    """Makes the edits of one variant.

    Attributes:
        name: one of `VARIANTS`.
        file: its weights, or None for the editor's.
        note: how its edits are made, for people.
    """

    name: str
    file: Path | None = None
    note: str

    @abstractmethod
    def edit(self, inversion: Inversion, subject: Subject) -> Edited:
        """Edit a face. Raises PromptError for prompts that the variant cannot edit with."""


def parse_variant(text: str) -> tuple[str, Path | None]:
    """From `"without-ff=FILE"` to the variant and its file. Raises StudioError for what cannot be used."""
    name, _, file = text.partition("=")
    if name not in VARIANTS:
        raise StudioError(f"--column {name!r} does not exist: choose {', '.join(VARIANTS)}")
    if name == WITHOUT_FF and not file:
        raise StudioError(
            "--column without-ff needs its own weights, fitted with CF-CLIP's text module: "
            "--column without-ff=FILE (see `python -m train prompt --method mca-without-ff`)"
        )
    if file and not Path(file).is_file():
        raise StudioError(f"--column {name}: there is no file {file}")
    return name, Path(file) if file else None


def build_variants(editor: FaceEditor, named: Sequence[tuple[str, Path | None]], size: int) -> list[Variant]:
    """The variants that a table compares.

    Args:
        named: results of `parse_variant`, each name once.
        size: `FULL_SIZE`, or `PREVIEW_SIZE` for edits through the preview.

    Raises:
        StudioError: a variant is named twice.
        WeightsError: a file does not fit the stack or the variant.
    """
    names = [name for name, _ in named]
    if twice := [name for name in VARIANTS if names.count(name) > 1]:
        raise StudioError(f"--column {twice[0]} is given twice: give it once")
    whole = EditorVariant(editor, size)
    variants: list[Variant] = []
    for name, path in named:
        if path is not None:
            variants.append(NetworkVariant(name, path, editor, size))
        else:
            variants.append(whole if name == FULL else OpenVariant(whole))
    return variants


def generator_of(editor: FaceEditor, size: int) -> Generator:
    """The generator that makes pictures of this size."""
    return editor.models.generator if size == FULL_SIZE else editor.models.preview


class EditorVariant(Variant):
    """The editor as people use it; the last edit is cached, since a variant without masks starts from it."""

    name = FULL
    note = "the studio's own networks"

    def __init__(self, editor: FaceEditor, size: int):
        self.editor, self.size = editor, size
        self._last: tuple[Inversion, EditSettings, EditResult] | None = None

    def result(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        """The whole edit, for this variant and `OpenVariant`. Raises PromptError."""
        last = self._last
        if last is None or last[0] is not inversion or last[1] != settings:
            make = self.editor.edit if self.size == FULL_SIZE else self.editor.preview
            last = self._last = (inversion, settings, make(inversion, settings))
        return last[2]

    def edit(self, inversion: Inversion, subject: Subject) -> Edited:
        """See `Variant.edit`."""
        result = self.result(inversion, subject.settings)
        return Edited(result.image, float(result.combined_mask.mean()), result.seconds)


class OpenVariant(Variant):
    """The editor's networks with all masks open: their shifts in one pass through the generator."""

    name = WITHOUT_PRE
    note = "the same networks with all masks open; its seconds are those of one pass through the generator"

    def __init__(self, whole: EditorVariant):
        self.whole = whole

    @torch.no_grad()
    def edit(self, inversion: Inversion, subject: Subject) -> Edited:
        """See `Variant.edit`; the seconds are those of the one pass, without the shift's."""
        result = self.whole.result(inversion, subject.settings)
        started, editor = time.monotonic(), self.whole.editor
        parts = zip(result.settings.parts, result.shifts, strict=True)
        deltas = [part.strength * own.to(editor.device)[None] for part, own in parts]
        shifts = [MaskedShift(delta, (), kept_share(delta, result.settings.likeness)) for delta in deltas]
        code = inversion.w_plus[None].to(editor.device)
        generator = of_face(generator_of(editor, self.whole.size), inversion.residual)
        source = synthesize(generator, code).image
        image = carry_over(inversion.photo, source, compose(generator, code, shifts, source))
        return Edited(image[0].clamp(-1, 1).cpu(), 1.0, time.monotonic() - started)


class NetworkVariant(Variant):
    """The network of a file, universal or fitted.

    Args:
        name: the variant; "without-pre" leaves out the masks of the file, if it has any.
        path: a file that `save_network` wrote.

    Raises:
        WeightsError: the file is for another generator or CLIP, or has the part that the variant must not have.
    """

    def __init__(self, name: str, path: Path, editor: FaceEditor, size: int):
        self.name, self.file, self.editor = name, path, editor
        self.generator = generator_of(editor, size)
        self.header = read_header(path)
        _check(self.header, name, path, editor)
        self.fitted = load_network(path, editor.device)
        opened = name == WITHOUT_PRE and self.header.config.masks is not None
        if opened:
            self.fitted.network.coral = NoMasks(self.header.layers)
        self.note = f"the network {path.name} ({self.header.method}){', its masks open' if opened else ''}"

    def edit(self, inversion: Inversion, subject: Subject) -> Edited:
        """See `Variant.edit`."""
        started, settings = time.monotonic(), subject.settings.with_parts(subject.ingredients)
        request = EditRequest.of_networks(settings, self._prompted)
        parser = self.editor.models.photo_parser if inversion.photo is not None else None
        prepared = prepare(source_of(self.generator, inversion, parser), request)
        picture = carried_over(prepared, draw(prepared))
        area = float(picture.masks[-1].mean()) if picture.masks else 1.0
        return Edited(picture.image[0].clamp(-1, 1).cpu(), area, time.monotonic() - started)

    def _prompted(self, prompt: str) -> PromptedNetwork:
        """The network with a prompt's text code. Raises PromptError for a prompt that it was not fitted to."""
        if self.header.method == UNIVERSAL:
            text = self.editor.models.space.text_code(prompt).to(self.editor.device)
            return PromptedNetwork(self.fitted.network, text)
        known = find_fitted(self.fitted.prompts, prompt)
        if known is None:
            raise PromptError(
                f'{self.file} was not fitted for "{prompt}". It knows: {", ".join(self.fitted.prompts)}'
            )
        return PromptedNetwork(self.fitted.network, self.fitted.codes[known])


def _check(header: EditHeader, name: str, path: Path, editor: FaceEditor) -> None:
    """Raises WeightsError for weights that do not fit the stack or the variant."""
    fit = StackFit.of(editor.slots, editor.models.generator.layers)
    fit.check_generator(path, header.generator, TRAIN_COMMAND)
    fit.check_clip(path, header.clip)
    if header.words:
        replace(fit, words=words_digest(fit.clip)).check_words(path, header, TRAIN_COMMAND)
    if name == WITHOUT_FF and isinstance(header.config.fusion, FeatureFusionConfig):
        raise WeightsError(
            f"{path} has Feature Fusion, so it is no network without it: name one that was trained with CF-CLIP's "
            "text module (--without-ff, or --method mca-without-ff)"
        )
