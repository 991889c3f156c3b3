"""Training of the pixel parser."""
