"""Captions of painted faces."""
