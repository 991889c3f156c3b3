"""File names made of text from outside: uploads, session files, photos on a disk, prompts."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence

MAX_LETTERS = 60
MAX_BYTES = 120
"""Of a stem in UTF-8: with any ending used here it stays below the 255 bytes that file systems take."""

_DEVICE = re.compile(r"^(con|prn|aux|nul|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?=\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices, with or without an ending."""


def safe_stem(text: str, fallback: str = "face") -> str:
    """A file name's stem that is a name and nothing else, on every system, whatever the text is.

    Letters and digits of all scripts, inner spaces, dots, dashes and underscores stay; anything else (path
    separators, control characters, lone surrogates, symbols) becomes an underscore. Dots, dashes, spaces and
    underscores at the ends are removed, so that the name is neither hidden, nor an option, nor a parent folder.

    Args:
        text: a name without its ending, not a path: `Path(...).stem` where it is one.
        fallback: the stem where nothing of the text can stay.

    Returns:
        1 to `MAX_LETTERS` characters, at most `MAX_BYTES` bytes in UTF-8. A stem comes back as it is.
    """
    letters = unicodedata.normalize("NFC", text[: 8 * MAX_LETTERS])
    kept = re.sub("_{2,}", "_", "".join(c if _harmless(c) else "_" for c in letters))
    if not any(c.isalnum() for c in kept):
        return fallback
    stem = _DEVICE.sub(r"\1-file", _trimmed(kept))
    return _trimmed(stem[:MAX_LETTERS].encode()[:MAX_BYTES].decode(errors="ignore"))


def slug(prompt: str) -> str:
    """A file name's stem for a prompt: letters, digits and underscores, at most 60."""
    return re.sub(r"[^a-z0-9]+", "_", prompt.lower()).strip("_")[:60] or "edit"


def distinct_stems(names: Sequence[str], fallback: str = "face") -> list[str]:
    """`safe_stem` of every name; a repeated one gets `_2`, `_3`, ...

    Case does not tell two names apart, because it does not on every file system.

    Returns:
        As many stems as names, in order, all different.
    """
    taken: set[str] = set()
    stems = []
    for name in names:
        stem = next(one for one in numbered(safe_stem(name, fallback)) if one.casefold() not in taken)
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def numbered(stem: str) -> Iterator[str]:
    """The stem itself, then with `_2`, `_3`, ... without end."""
    yield stem
    yield from (f"{stem}_{number}" for number in itertools.count(2))


def _harmless(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LNM" or character in " .-_"


def _trimmed(stem: str) -> str:
    return stem.strip(" .-_")
