"""Hostile input and many visitors; see `__main__`."""
