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
from mcaclip.errors import WeightsError
from mcaclip.generators.base import LayerSpec

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
    """

    network: Callable[[], MCANetwork] | None = None
    path: Path | None = None
    problem: str = "there is no universal network for this stack; fit the prompt with `python -m train prompt`"
    shipped: bool = False

    @property
    def there(self) -> bool:
        """Whether any prompt can be edited."""
        return self.network is not None


@dataclass(frozen=True)
class NetworkRequirements:
    """What a universal network has to fit.

    Attributes:
        generator: name of the stack's generator.
        layers: its layers.
        clip: name of the stack's space of words.
        words: digest of that space's text tower (`mcaclip.clip.text_digest`).
    """

    generator: str
    layers: Sequence[LayerSpec]
    clip: str
    words: str


def open_universal(path: Path, needed: NetworkRequirements, device: str | torch.device = "cpu") -> UniversalEdit:
    """The network of a file, which is looked at now and read at its first use.

    Raises:
        WeightsError: damaged, no universal network, or one for another generator or text encoder; says what to do.
    """
    header = read_header(path)
    if header.method != METHOD:
        raise WeightsError(f"{path} is no universal network (its method is {header.method}); use it with --edits")
    if (header.generator, header.layers) != (needed.generator, tuple(needed.layers)):
        raise WeightsError(
            f"{path} was trained on the generator {header.generator}, and this stack has {needed.generator}: "
            f"train one for it with `{TRAIN_COMMAND}`"
        )
    if header.clip != needed.clip:
        raise WeightsError(
            f"{path} was trained with clip {header.clip}, and this stack has {needed.clip}, to which words mean "
            f"something else: add --clip {header.clip}"
        )
    if header.words != needed.words:
        raise WeightsError(
            f"{path} was trained with another {header.clip} (text tower {header.words[:12] or 'not recorded'}) than "
            f"the one in use ({needed.words[:12]}), to which words mean something else: restore both with "
            f"`git checkout -- assets`, or train it again with `{TRAIN_COMMAND}`"
        )
    return UniversalEdit(cache(lambda: load_network(path, device).network), path, "")


def find_universal(
    shipped: Path | None, asked_for: Sequence[Path], needed: NetworkRequirements, device: str | torch.device = "cpu"
) -> UniversalEdit:
    """The universal network of a stack: the last one that was asked for, else the shipped one where it fits.

    Args:
        shipped: its file, None where there is none.
        asked_for: files that the user named: they must be usable.

    Raises:
        WeightsError: a file that was asked for cannot be used.
    """
    asked = [open_universal(path, needed, device) for path in asked_for]
    for edit in asked:
        assert edit.network is not None
        edit.network()  # now, so that a damaged file is told before any work is done
    if asked:
        return asked[-1]
    if shipped is None:
        return UniversalEdit(problem=MISSING)
    try:
        return replace(open_universal(shipped, needed, device), shipped=True)
    except WeightsError as error:
        log.warning("there is no universal mode: %s", error)
        return UniversalEdit(problem=f"there is no universal mode here: {error}")


def is_universal(path: Path) -> bool:
    """Whether a file is a universal network. Raises WeightsError for one that is no edit network at all."""
    return read_header(path).method == METHOD
