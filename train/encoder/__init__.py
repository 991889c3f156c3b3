"""Training and figures of the encoder that inversions start from."""
