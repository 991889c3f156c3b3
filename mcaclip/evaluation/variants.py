"""The variants of the method that are measured: the full method, without Feature Fusion, without the masks of PRE.

Source: MCA-CLIP's ablation. "Without FF" is a network of its own, with CF-CLIP's text module in place of Feature
Fusion; "without PRE" is G(w + delta_w).
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from mcaclip.editing.face_source import FaceCache, FaceSource, source_of
from mcaclip.editing.finish import carried_over
from mcaclip.editing.library import find_fitted
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import EditHeader, load_network, read_header
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.render import PreparedEdit, draw, prepare
from mcaclip.editing.request import EditRequest
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import METHOD as UNIVERSAL
from mcaclip.editing.universal import TRAIN_COMMAND
from mcaclip.errors import PromptError, StudioError, WeightsError
from mcaclip.generators.base import Generator
from mcaclip.loading import words_digest
from mcaclip.methods.base import MethodEdit
from mcaclip.types import Inversion

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.evaluation.requests import Subject

FULL, WITHOUT_FF, WITHOUT_PRE = "full", "without-ff", "without-pre"
VARIANTS = (FULL, WITHOUT_FF, WITHOUT_PRE)
FULL_SIZE = 1024


@dataclass(frozen=True)
class Edited:
    """One edit of one variant.

    Attributes:
        image: `float32 [3, S, S]` in [-1, 1], on the CPU.
        area: share of the picture that may change; 1 with open masks. NaN where it is not known, as seconds may be.
        seconds: wall time.
    """

    image: Tensor
    area: float
    seconds: float

    @classmethod
    def of(cls, edit: MethodEdit) -> Edited:
        """The edit of a method of the family."""
        return cls(edit.image, float(edit.masks[-1].mean()) if edit.masks else math.nan, edit.seconds)


class Variant(ABC):
    """Makes the edits of one variant.

    Attributes:
        name: one of `VARIANTS`, or in the paper's table a method or another system.
        file: its weights, or None for the editor's.
        note: how its edits are made, for people.
    """

    name: str
    file: Path | None = None
    note: str

    @abstractmethod
    def edit(self, inversion: Inversion, subject: Subject, face: str = "") -> Edited:
        """Edit a face of this name. Raises PromptError for prompts that the variant cannot edit with."""


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
        size: `FULL_SIZE`, or 256 for edits through the preview.

    Raises:
        StudioError: a variant is named twice.
        WeightsError: a file does not fit the stack or the variant.
    """
    names = [name for name, _ in named]
    if twice := [name for name in VARIANTS if names.count(name) > 1]:
        raise StudioError(f"--column {twice[0]} is given twice: give it once")
    variants: list[Variant] = []
    for name, path in named:
        if path is not None:
            variants.append(NetworkVariant(name, path, editor, size))
        else:
            variants.append((EditorVariant if name == FULL else OpenVariant)(editor, size))
    return variants


def generator_of(editor: FaceEditor, size: int) -> Generator:
    """The generator that makes pictures of this size."""
    return editor.models.generator if size == FULL_SIZE else editor.models.preview


def _finished(prepared: PreparedEdit, started: float) -> Edited:
    """The edit on the face and nothing else, without dyes."""
    picture = carried_over(prepared, draw(prepared))
    area = float(picture.masks[-1].mean()) if picture.masks else 1.0
    return Edited(picture.image[0].clamp(-1, 1).cpu(), area, time.monotonic() - started)


class EditorVariant(Variant):
    """The editor as people use it."""

    name = FULL
    note = "the studio's own networks"

    def __init__(self, editor: FaceEditor, size: int):
        self.make = editor.edit if size == FULL_SIZE else editor.preview

    def edit(self, inversion: Inversion, subject: Subject, face: str = "") -> Edited:
        """See `Variant.edit`."""
        result = self.make(inversion, subject.settings)
        return Edited(result.image, float(result.combined_mask.mean()), result.seconds)


class OpenVariant(Variant):
    """The editor's networks without their masks: the shifts of all prompts in one pass through the generator."""

    name = WITHOUT_PRE
    note = "the same networks with all masks open; its seconds are those of one pass through the generator"

    def __init__(self, editor: FaceEditor, size: int):
        self.editor, self.generator = editor, generator_of(editor, size)
        self._sources: FaceCache[FaceSource] = FaceCache(most=1)

    def edit(self, inversion: Inversion, subject: Subject, face: str = "") -> Edited:
        """See `Variant.edit`; the seconds are those of the one pass, without the shift's."""
        request = self.editor.resolve(subject.settings)
        shares = [replace(one, prompted=one.prompted.maskless) for one in request.shares if one.prompted]
        source = self._sources.get(inversion, lambda: source_of(self.generator, inversion))
        prepared = prepare(source, replace(request, shares=tuple(shares)))
        return _finished(prepared, time.monotonic())


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
        opened = ", its masks open" if name == WITHOUT_PRE and self.header.config.masks is not None else ""
        self.note = f"the network {path.name} ({self.header.method}){opened}"

    def edit(self, inversion: Inversion, subject: Subject, face: str = "") -> Edited:
        """See `Variant.edit`."""
        started, settings = time.monotonic(), subject.settings.with_parts(subject.ingredients)
        request = EditRequest.of_networks(settings, self._prompted)
        parser = self.editor.models.photo_parser if inversion.photo is not None else None
        return _finished(prepare(source_of(self.generator, inversion, parser), request), started)

    def _prompted(self, prompt: str) -> PromptedNetwork:
        """The network as the variant uses it. Raises PromptError for a prompt that it was not fitted to."""
        prompted = self._of_file(prompt)
        return prompted.maskless if self.name == WITHOUT_PRE else prompted

    def _of_file(self, prompt: str) -> PromptedNetwork:
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
