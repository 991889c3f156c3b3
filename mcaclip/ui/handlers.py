"""What happens on every event, without any layout."""

from __future__ import annotations

from mcaclip.ui.edit_handlers import EditHandlers
from mcaclip.ui.face_handlers import FaceHandlers


class Studio(EditHandlers, FaceHandlers):
    """All handlers of the page's first tab, see `Desk`."""
