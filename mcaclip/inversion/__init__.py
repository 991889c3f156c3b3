"""From an aligned face to a W+ code."""
