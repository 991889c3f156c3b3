"""Training of the small heads on the generator's features."""
