"""The universal network: one edit network that takes any prompt, through the words of the text encoder it learned.

It is an `MCANetwork` like a fitted one, but its file has no prompts: the text code comes from the text encoder at the
moment of the edit. So it goes with one text encoder only, whose digest it records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch

from mcaclip.editing.network.mca import MCANetwork, load_network, read_header
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.stack_fit import StackFit
from mcaclip.errors import WeightsError
from mcaclip.generators.base import Generator
from mcaclip.types import TextCode

log = logging.getLogger(__name__)
METHOD = "universal"
"""`EditHeader.method` of such a file."""
TRAIN_COMMAND = "python -m train universal"
MISSING = (
    "there is no universal network here: restore assets/universal.safetensors, or train one with "
    f"`{TRAIN_COMMAND}` and name it with --edits FILE"
)


@dataclass(frozen=True)
class UniversalEdit:
    """A universal network that fits the stack, or why there is none.

    Attributes:
        network: gives the network, which is read at its first use and kept; None where there is none.
        path: its file, or None for a network that is in no file.
        problem: why there is none and what to do, in plain words; empty where there is one.
        shipped: whether it came with the studio.
        text_code: reads its words on a stack with another space of words; None: the stack's own space does.
        twin: gives the generator that it learned on, on a stack with another one; see `PromptedNetwork`.
        brings: names of the weight files of these two.
    """

    network: Callable[[], MCANetwork] | None = None
    path: Path | None = None
    problem: str = "there is no universal network for this stack; fit the prompt with `python -m train prompt`"
    shipped: bool = False
    text_code: Callable[[str], TextCode] | None = None
    twin: Callable[[], Generator] | None = None
    brings: tuple[str, ...] = ()

    @property
    def there(self) -> bool:
        """Whether any prompt can be edited."""
        return self.network is not None

    def prompted(self, words: str, text_code: Callable[[str], TextCode]) -> PromptedNetwork:
        """The network with some words, which `text_code` of the stack's own space reads unless it brings another.

        Raises:
            WeightsError: there is none, or a file of it cannot be read.
        """
        if self.network is None:
            raise WeightsError(self.problem)
        text = (self.text_code or text_code)(words)
        return PromptedNetwork(self.network(), text, twin=self.twin() if self.twin else None)


def open_universal(path: Path, fit: StackFit, device: str | torch.device = "cpu") -> UniversalEdit:
    """The network of a file, which is looked at now and read at its first use.

    Raises:
        WeightsError: damaged, no universal network, or one for another generator or text encoder; says what to do.
    """
    header = read_header(path)
    if header.method != METHOD:
        raise WeightsError(f"{path} is no universal network (its method is {header.method}); use it with --edits")
    fit.check_masks(path, header, TRAIN_COMMAND)
    fit.check_clip(path, header.clip)
    fit.check_words(path, header, TRAIN_COMMAND)
    return UniversalEdit(cache(lambda: load_network(path, device).network), path, "")


def find_universal(
    shipped: Path | None, asked_for: Sequence[Path], fit: StackFit, device: str | torch.device = "cpu"
) -> UniversalEdit:
    """The universal network of a stack: the last one that was asked for, else the shipped one where it fits.

    Args:
        shipped: its file, None where there is none.
        asked_for: files that the user named: they must be usable.

    Raises:
        WeightsError: a file that was asked for cannot be used.
    """
    asked = [open_universal(path, fit, device) for path in asked_for]
    for edit in asked:
        assert edit.network is not None
        edit.network()  # now, so that a damaged file is told before any work is done
    if asked:
        return asked[-1]
    if shipped is None:
        return UniversalEdit(problem=MISSING)
    try:
        return replace(open_universal(shipped, fit, device), shipped=True)
    except WeightsError as error:
        log.warning("there is no universal mode: %s", error)
        return UniversalEdit(problem=f"there is no universal mode here: {error}")


def is_universal(path: Path) -> bool:
    """Whether a file is a universal network. Raises WeightsError for one that is no edit network at all."""
    return read_header(path).method == METHOD
