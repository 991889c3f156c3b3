"""The fitted edits that a stack can use: which prompts there are, and the network behind each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from mcaclip.editing.network.mca import MCA, EditHeader, FittedNetwork, load_network, read_header
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.stack_fit import StackFit
from mcaclip.errors import WeightsError
from mcaclip.language.grammar import understand

log = logging.getLogger(__name__)
KEPT_NETWORKS = 8


@dataclass(frozen=True)
class FittedEdit:
    """One prompt that has a network.

    Attributes:
        record: what was noted when it was fitted.
        fitted: gives the network and the text codes of its prompts; the file is read at its first use and kept.
        own_masks: whether its mask nets fit the generator. Otherwise it was fitted on another one, and only its
            shift can be used.
        path: its file, or None for a network that is in no file.
        shipped: whether it came with the studio; any other one was fitted by the user.
        imported: name of the published file that it was imported from; empty for one that was fitted here.
        words: its prompt in its file, where that is another one than its name in the library.
    """

    record: dict
    fitted: Callable[[], FittedNetwork]
    own_masks: bool = True
    path: Path | None = None
    shipped: bool = False
    imported: str = ""
    words: str = ""

    def prompted(self, prompt: str) -> PromptedNetwork:
        """The network, asked for one of the prompts it was fitted to."""
        network, _, codes = self.fitted()
        return PromptedNetwork(network, codes[self.words or prompt], self.own_masks, self.imported)


Library = Mapping[str, FittedEdit]
"""Fitted edits by prompt."""


def collect(
    files: Iterable[Path],
    asked_for: Sequence[Path],
    fit: StackFit,
    device: str | torch.device,
    method: str = MCA,
    shipped: Path | None = None,
) -> dict[str, FittedEdit]:
    """The edits of several files, the later ones before those of the same prompt.

    An imported mapper fits every stack. Edits (the method `MCA`) have it under the name of its card alone, its own
    method under its prompt as well.

    Args:
        files: files to use where they fit; those of another generator or space of words are left out, and damaged
            ones are named in the log.
        asked_for: files that the user named: they must be usable. One of another generator is used without its masks,
            since W codes mean the same to all generators here.
        fit: what the stack needs.
        method: only what was fitted for this method counts, and for `MCA` what was imported.
        shipped: the file among them that came with the studio.

    Raises:
        WeightsError: a file that was asked for is missing, damaged, or was fitted in another space of words or for
            another method.
    """

    @lru_cache(maxsize=KEPT_NETWORKS)
    def fitted(path: Path) -> FittedNetwork:
        return load_network(path, device)

    library: dict[str, FittedEdit] = {}
    for path in files:
        try:
            header = read_header(path)
        except WeightsError as error:
            log.warning("%s is left out: %s", path, error)
            continue
        if _is_of(header, method) and (header.imported or (header.clip == fit.clip and fit.has_masks(header))):
            library |= _entries(path, header, method, True, fitted, path == shipped)
    for path in asked_for:
        header = read_header(path)
        if not header.imported:
            fit.check_clip(path, header.clip)
        if not _is_of(header, method):
            raise WeightsError(
                f"{path} was fitted for the method {header.method}, not {method}: use it with "
                f"`python -m mcaclip compare --weights {path}`"
            )
        fitted(path)  # now, so that a damaged file is told before any work is done
        library |= _entries(path, header, method, fit.has_masks(header), fitted)
    return library


def _is_of(header: EditHeader, method: str) -> bool:
    return header.method == method or (bool(header.imported) and method == MCA)


def find_fitted(prompts: Collection[str], text: str) -> str | None:
    """The fitted prompt that says the same, letter by letter or by part and colour; None where there is none."""
    words, meaning = " ".join(text.lower().split()), understand(text)
    same = (prompt for prompt in prompts if prompt.lower() == words)
    alike = (prompt for prompt in prompts if meaning is not None and understand(prompt) == meaning)
    return next(same, None) or next(alike, None)


def edit_files(place: Path) -> list[Path]:
    """A file itself, or the safetensors files of a folder by name; none when nothing is there."""
    return [place] if place.is_file() else sorted(place.glob("*.safetensors"))


def _entries(
    path: Path,
    header: EditHeader,
    method: str,
    own_masks: bool,
    fitted: Callable[[Path], FittedNetwork],
    shipped: bool = False,
) -> dict[str, FittedEdit]:
    if header.imported:
        return _imported(path, header, method, fitted)
    return {
        prompt: FittedEdit(record, partial(fitted, path), own_masks, path, shipped)
        for prompt, record in header.prompts.items()
    }


def _imported(
    path: Path, header: EditHeader, method: str, fitted: Callable[[Path], FittedNetwork]
) -> dict[str, FittedEdit]:
    """The entries of an imported file; edits see its missing masks as open ones."""
    entries: dict[str, FittedEdit] = {}
    for prompt, record in header.prompts.items():
        edit = FittedEdit(record, partial(fitted, path), method != MCA, path, imported=header.imported, words=prompt)
        name = record.get("name")
        entries |= {} if method == MCA else {prompt: edit}
        entries[name if isinstance(name, str) and name else prompt] = edit
    return entries
