"""Layers that generators, encoders and edit networks share."""
