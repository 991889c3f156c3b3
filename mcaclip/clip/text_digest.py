"""The digest of the text tower in a CLIP weight file, independent of its image tower."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mcaclip.platform.digests import sha256_of

IMAGE_TOWER = "visual."
"""Prefix of the image tower's tensors in open_clip."""
SHARED = frozenset({"logit_scale", "logit_bias"})
"""Tensors that belong to neither tower and do not affect text codes."""


def text_digest(path: Path) -> str:
    """sha256 of the text tower's tensors in the weights of an open_clip model; of a whole file of another format.

    A network that was trained on text codes records this digest, so that the image tower can be trained further.
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
