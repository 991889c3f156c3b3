"""What the page's canvas sends."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def data_url(layer: np.ndarray) -> str:
    """PNG data URL of `uint8 [h, w, 4]`."""
    data = io.BytesIO()
    Image.fromarray(layer).save(data, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
