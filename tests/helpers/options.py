"""What a command's options allow."""

from __future__ import annotations

import typing


def choices(options: type, name: str) -> tuple[str, ...]:
    """The values that an option takes, in whatever it is wrapped."""
    waiting = [typing.get_type_hints(options)[name]]
    while waiting:
        hint = waiting.pop()
        if typing.get_origin(hint) is typing.Literal:
            return typing.get_args(hint)
        waiting += typing.get_args(hint)
    raise AssertionError(f"{name} takes any value")
