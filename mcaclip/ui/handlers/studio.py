"""What happens on every event, without any layout."""

from __future__ import annotations

from mcaclip.ui.handlers.edit import EditHandlers
from mcaclip.ui.handlers.face import FaceHandlers


class Studio(EditHandlers, FaceHandlers):
    """All handlers of the page's first tab, see `Desk`."""
