"""What tests ask of a prompt that was read."""

from __future__ import annotations

from mcaclip.editing.reader import Reading


def modes(reading: Reading) -> set[str]:
    """How what it is made of is made: "universal", "fitted", or both."""
    return {part.mode for part in reading.ingredients}
