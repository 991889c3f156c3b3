"""Gradio's import without its type stubs, which take nearly half of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_stubs() -> Iterator[None]:
    """While it is open, Gradio makes no stubs (`.pyi`) for its components, which only editors of code read.

    For every component that is defined, Gradio parses that component's module to write a stub beside it, unless
    `inspect.getfile` raises OSError, as it does here for Gradio's own classes.
    """
    getfile = inspect.getfile

    def of_others(of: Any) -> str:
        if getattr(of, "__module__", "").startswith("gradio."):
            raise OSError("no stub is wanted")
        return getfile(of)

    inspect.getfile = of_others  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = getfile
