"""What identifies the text tower of a CLIP weight file, whatever its image tower is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mcaclip.platform.digests import sha256_of

IMAGE_TOWER = "visual."
"""What the names of an image tower's tensors begin with in open_clip."""
SHARED = frozenset({"logit_scale", "logit_bias"})
"""Tensors that belong to no tower and change no text's code."""


def text_digest(path: Path) -> str:
    """sha256 of the tensors that turn words into codes; of the whole file where it is no safetensors file.

    A network that was taught the codes of words goes with this digest: the image tower may learn on.

    Args:
        path: weights of an open_clip model.
    """
    digest = hashlib.sha256()
    try:
        with safe_open(path, "numpy") as file:
            names = sorted(n for n in file.keys() if not n.startswith(IMAGE_TOWER) and n not in SHARED)  # noqa: SIM118
            for name in names:
                tensor = file.get_tensor(name)
                digest.update(f"{name} {tensor.dtype} {tensor.shape}\n".encode())
                digest.update(tensor.tobytes())
    except SafetensorError:
        return sha256_of(path)
    return digest.hexdigest()
