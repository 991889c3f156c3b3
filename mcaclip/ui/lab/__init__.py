"""The pages beside the studio: comparing and training."""
