"""Training of the network that reads wishes."""
