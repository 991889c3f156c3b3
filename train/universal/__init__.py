"""Training of the network that takes any prompt."""
