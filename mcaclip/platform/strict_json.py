"""JSON from outside, without the values that plain `json` accepts beyond the standard."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DIGITS = 20
"""Of a whole number; none in a file of this studio is longer."""


def loads(text: str, max_letters: int) -> Any:
    """The value of a JSON text.

    Args:
        text: the JSON.
        max_letters: a longer text is refused unread.

    Returns:
        Its value. All numbers are finite, every key occurs once, every string can be written as UTF-8.

    Raises:
        ValueError: the text is too long, or no such JSON; the message quotes nothing of it.
    """
    if len(text) > max_letters:
        raise ValueError("its text is too long")
    try:
        value = json.loads(
            text,
            parse_constant=_refused,
            parse_int=_whole,
            parse_float=_finite,
            object_pairs_hook=_distinct,
        )
        json.dumps(value, ensure_ascii=False).encode()  # lone surrogates cannot be encoded
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError("its text is no proper JSON") from error
    return value


def _refused(constant: str) -> NoReturn:
    """For NaN and the infinities, which JSON does not have."""
    raise ValueError(constant)


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("too large a number")
    return number


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found
