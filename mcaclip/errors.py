"""Errors a user can act on: every message says what to do next."""

from __future__ import annotations


class StudioError(Exception):
    """Base of all expected failures; the message is shown to the user as it is."""


class ImageError(StudioError):
    """The file is no readable photo, or its size is outside the accepted range."""


class NoFaceError(StudioError):
    """No face was found, or the face number asked for does not exist."""


class PromptError(StudioError):
    """The prompt is empty, too long, in an unknown script, or has no fitted edit."""


class WeightsError(StudioError):
    """A weight file is missing, damaged or of the wrong layout."""


class TrainingError(StudioError):
    """A training run cannot start or go on with these settings."""
