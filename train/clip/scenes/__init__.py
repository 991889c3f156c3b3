"""Painted faces that FaceCLIP learns from."""
