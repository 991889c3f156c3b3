"""An edit that is understood: its prompts are read, and the network that makes each of them is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcaclip.editing.network.prompted import ReadyEdit
from mcaclip.editing.reader import Ingredient, PromptReader, Reading, check_parts
from mcaclip.types import EditSettings
from mcaclip.validate import FITTED


@dataclass(frozen=True)
class NetworkShare:
    """What one network adds to an edit.

    Attributes:
        part: number of the prompt in `settings.parts` that it belongs to.
        ingredient: what the network is asked for, and how strongly.
        prompted: the network; None for a retouch, which needs none.
    """

    part: int
    ingredient: Ingredient
    prompted: ReadyEdit | None


@dataclass(frozen=True)
class EditRequest:
    """An edit before any face is known.

    Attributes:
        settings: what was asked for, every prompt in its own wording.
        shares: at least one per prompt, in the order of `settings.parts`.
        notes: warnings in plain words.
    """

    settings: EditSettings
    shares: tuple[NetworkShare, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of_networks(cls, settings: EditSettings, prompted: Callable[[str], ReadyEdit]) -> EditRequest:
        """The request for prompts that each have one network, whatever the prompt library says of them."""
        words = [part.prompt for part in settings.parts]
        shares = [NetworkShare(n, Ingredient(one, 1.0, FITTED), prompted(one)) for n, one in enumerate(words)]
        return cls(settings, tuple(shares))


def resolve(
    settings: EditSettings,
    reader: PromptReader,
    prompted: Callable[[Ingredient], ReadyEdit | None],
    readings: Sequence[Reading] | None = None,
) -> EditRequest:
    """Read the prompts of an edit, once, and find their networks.

    Args:
        readings: of `settings.parts`, one each, where the prompts have been read already.

    Raises:
        PromptError: see `PromptReader.check`.
    """
    if readings is None:
        settings, readings = reader.check(settings)
    else:
        check_parts(settings)
    shares = [
        NetworkShare(part, one, prompted(one)) for part, reading in enumerate(readings) for one in reading.ingredients
    ]
    return EditRequest(settings, tuple(shares), tuple(reading.note for reading in readings if reading.note))
