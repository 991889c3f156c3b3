"""Wishes that need no generator: they are done to the picture itself, where the parser finds the part.

A generator cannot make what is finer or wider than its features: freckles, the grain of skin, a line along the
lashes, the sharpness of a background, the light of a picture. Each of these is a function of the finished picture,
with a mask like that of any other edit. The words are those of `asks` in `assets/words/concepts.toml`.
"""

from mcaclip.editing.retouch.table import RETOUCHES, Retouch, retouch_mask, retouched

__all__ = ["RETOUCHES", "Retouch", "retouch_mask", "retouched"]
