"""The edit networks that a stack finds on this machine: fitted ones, and the universal one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from mcaclip import weights
from mcaclip.config import Stack
from mcaclip.editing.library import Library, collect, edit_files
from mcaclip.editing.network.mca import FIRST_CLIP, FIRST_GENERATOR
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import UniversalEdit, find_universal
from mcaclip.errors import WeightsError
from mcaclip.generators.base import Generator
from mcaclip.clip.clip_space import WEIGHTS_NAMES
from mcaclip.clip.text_digest import text_digest

log = logging.getLogger(__name__)
SHIPPED_EDITS, SHIPPED_UNIVERSAL = "edits", "universal"


def library_of(stack: Stack, generator: Generator, device: torch.device, edits: Sequence[Path] = ()) -> Library:
    """The edits that were fitted for a stack's generator and space of words.

    They are the shipped ones, the user's own (the file or folder `MCACLIP_EDITS`, else the folder `edits` of the
    cache), and the named files. Of several for one prompt the last one counts.

    Raises:
        WeightsError: the shipped file is damaged, or a named one cannot be used.
    """
    shipped = weights.get(SHIPPED_EDITS)
    files = [shipped, *edit_files(weights.Places.from_environment().edits)]
    return collect(files, edits, StackFit.of(stack, generator.layers), device, shipped=shipped)


def universal_of(
    stack: Stack, generator: Generator, device: torch.device, files: Sequence[Path] = ()
) -> UniversalEdit:
    """The network for any prompt: the last of the named files, else the shipped one where it fits the stack.

    Raises:
        WeightsError: a named file cannot be used.
    """
    words = text_digest(weights.get(WEIGHTS_NAMES[stack.clip]))
    fit = StackFit.of(stack, generator.layers, words)
    if not files and (stack.generator, stack.clip) != (FIRST_GENERATOR, FIRST_CLIP):
        return UniversalEdit()
    try:
        shipped = None if files else weights.local(SHIPPED_UNIVERSAL)
    except WeightsError as error:  # a damaged file costs this mode only
        log.warning("there is no universal mode: %s", error)
        return UniversalEdit(problem=f"there is no universal mode here: {error}")
    return find_universal(shipped, files, fit, device)
