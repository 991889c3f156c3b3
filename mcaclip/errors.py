"""Errors a user can act on: every message says what to do next."""

from __future__ import annotations

MAX_QUOTED = 120


def quotable(text: str) -> str:
    """What a message may quote of a file, or of another program's error: printable, at most `MAX_QUOTED` long."""
    start = "".join(c if c.isprintable() else "?" for c in text[: MAX_QUOTED + 1])
    return start if len(start) <= MAX_QUOTED else f"{start[: MAX_QUOTED - 1]}…"


class StudioError(Exception):
    """Base of all expected failures; the message is shown to the user as it is."""


class ImageError(StudioError):
    """The file is no readable photo, or its size is outside the accepted range."""


class NoFaceError(StudioError):
    """No face was found, or the face number asked for does not exist."""


class PromptError(StudioError):
    """The prompt is empty, too long, in an unknown script, asks for what cannot be done, or has no fitted edit.

    Args:
        message: all of it, in words.
        problem: the same without the prompts that could be made instead.
        nearest: these prompts.
    """

    def __init__(self, message: str, problem: str = "", nearest: tuple[str, ...] = ()):
        super().__init__(message)
        self.problem, self.nearest = problem or message, nearest


class WeightsError(StudioError):
    """A weight file is missing, damaged or of the wrong layout."""


class TrainingError(StudioError):
    """A training run cannot start or go on with these settings."""
