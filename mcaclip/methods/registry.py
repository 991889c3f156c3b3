"""From a stack's editor and weight files to the methods themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch

from mcaclip.config import Stack
from mcaclip.editing.library import Library, collect, edit_files
from mcaclip.editing.network import mca
from mcaclip.editing.networks import EditNetworks
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import METHOD as UNIVERSAL
from mcaclip.errors import StudioError, WeightsError
from mcaclip.generators.base import Generator
from mcaclip.methods import delta_mapper, style_table
from mcaclip.methods.base import METHODS, EditMethod, Fitter, MethodContext
from mcaclip.methods.deltaedit import DeltaEditMethod
from mcaclip.methods.fitted import FittedMethod
from mcaclip.methods.global_direction import GlobalDirectionMethod
from mcaclip.methods.optimisation import OptimisationMethod
from mcaclip.methods.universal import UniversalMethod
from mcaclip.nn.header import read_weights_header
from mcaclip.platform.digests import sha256_of
from mcaclip.weights import WeightFolders
from mcaclip.weights.store import read_asset_sums

log = logging.getLogger(__name__)
FORMATS = {
    mca.FORMAT: "network",
    style_table.FORMAT: "styleclip-global",
    delta_mapper.FORMAT: "deltaedit",
}
SINGLE: Mapping[str, Callable[[MethodContext], EditMethod]] = {
    "styleclip-optimisation": OptimisationMethod,
    "styleclip-global": GlobalDirectionMethod,
    "deltaedit": DeltaEditMethod,
    "mca-universal": UniversalMethod,
}
"""The methods that do not fit one network per prompt."""


class Editor(Protocol):
    """What methods use of an editor; `mcaclip.editor` itself is above them and is not imported."""

    @property
    def models(self) -> EditNetworks:
        """Its networks."""

    @property
    def slots(self) -> Stack:
        """The stack that they are from."""

    @property
    def device(self) -> torch.device:
        """Where they are."""

    @property
    def library(self) -> Library:
        """The fitted edits by prompt."""


def build_methods(context: MethodContext, names: Sequence[str]) -> list[EditMethod]:
    """The methods of these names, in this order.

    Raises:
        StudioError: see `check_names`.
    """
    check_names(names)
    return [SINGLE[name](context) if name in SINGLE else FittedMethod(name, context) for name in names]


def check_names(names: Sequence[str]) -> None:
    """Raises StudioError for an unknown method, one that is named twice, or none at all."""
    known = ", ".join(METHODS)
    if not names:
        raise StudioError(f"name at least one method: {known}")
    for name in names:
        if name not in METHODS:
            raise StudioError(f"there is no method {name!r}: choose from {known}")
        if names.count(name) > 1:
            raise StudioError(f"the method {name} is named twice: name it once")


def method_context(
    editor: Editor,
    weights: Iterable[Path] = (),
    fitter: Fitter | None = None,
    optimisation_steps: int = 300,
) -> MethodContext:
    """What the methods work with, on an editor's networks.

    Args:
        weights: files of any method, in addition to the shipped ones, those in the cache's folder `methods`, and
            what the editor has imported.
        fitter: see `MethodContext`.
        optimisation_steps: see `MethodContext`.

    Raises:
        WeightsError: a named file that cannot be used on this stack.
    """
    slots, models = editor.slots, editor.models
    fit = StackFit.of(slots, models.generator.layers)
    asked = list(weights)
    for path in asked:
        _check_named(path, fit, models.generator)
    folders = WeightFolders.from_environment()
    found = [*shipped_methods(folders), *edit_files(folders.methods)]
    imported = {edit.path: None for edit in editor.library.values() if edit.imported and edit.path}
    every = [*(path for path in found if _fits(path, fit)), *imported, *asked]
    networks = [path for path in every if file_kind(path) == "network"]
    libraries: dict[str, Library] = {
        name: collect(networks, [], fit, editor.device, name) for name in METHODS if name not in SINGLE
    }
    own = {**editor.library, **libraries[mca.MCA]}
    libraries[mca.MCA] = {prompt: edit for prompt, edit in own.items() if not edit.imported}
    return MethodContext(
        generator=models.generator,
        preview=models.preview,
        space=models.space,
        identity=models.identity,
        slots=slots,
        device=editor.device,
        libraries=libraries,
        files={kind: path for path in every if (kind := file_kind(path)) in SINGLE},
        fitter=fitter,
        optimisation_steps=optimisation_steps,
        universal=models.universal,
        photo_parser=models.photo_parser,
    )


def shipped_methods(folders: WeightFolders) -> list[Path]:
    """The files of `assets/methods` that are those of `assets/SHA256SUMS`; any other is named in the log."""
    sums, good = read_asset_sums(folders.assets), []
    for path in edit_files(folders.assets / "methods"):
        if sums.get(f"methods/{path.name}") == sha256_of(path):
            good.append(path)
        else:
            log.warning(
                "%s is left out: it is not the shipped file; get it again with `git checkout -- assets`", path
            )
    return good


def file_kind(path: Path) -> str:
    """ "network", or the method that the file is of. Raises WeightsError."""
    kind = FORMATS.get(_metadata(path).get("format", ""))
    if kind is None:
        raise WeightsError(f"{path} holds no weights of a method; `python -m mcaclip compare --help` names them")
    return kind


def _metadata(path: Path) -> Mapping[str, str]:
    return read_weights_header(path, "name a file of weights of a method").metadata


def _check(path: Path, fit: StackFit) -> None:
    """Raises WeightsError for a file that was made for another generator or space of words."""
    kind, made = file_kind(path), _metadata(path)
    if made.get("imported"):
        return
    name = kind if kind in METHODS else made.get("method", mca.MCA)
    command = f"python -m train {METHODS.get(name, METHODS[mca.MCA]).fit}"
    fit.check_generator(path, made.get("generator", mca.FIRST_GENERATOR), command)
    fit.check_clip(path, made.get("clip", mca.FIRST_CLIP))


def _check_named(path: Path, fit: StackFit, generator: Generator) -> None:
    """Reads a file that the user named. Raises WeightsError where it cannot be used."""
    kind = file_kind(path)
    if kind == "network" and mca.read_header(path).method == UNIVERSAL:
        raise WeightsError(f"{path} is a universal network: name it with --edits")
    _check(path, fit)
    if kind == "network":
        mca.load_network(path)
        return
    slots = generator.style_slots
    if kind == "deltaedit":
        fits = delta_mapper.load_delta(path).config.widths == tuple(slot.channels for slot in slots if not slot.rgb)
    else:
        fits = len(style_table.load_table(path).std) <= sum(slot.channels for slot in slots)
    if not fits:
        raise WeightsError(f"{path} is for the style channels of another generator: make it again")


def _fits(path: Path, fit: StackFit) -> bool:
    try:
        _check(path, fit)
    except WeightsError as error:
        log.info("%s is left out: %s", path, error)
        return False
    return True
