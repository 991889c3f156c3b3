"""Makes open_clip importable where torchvision was built for CUDA and torch for the CPU.

torchvision then fails with "operator torchvision::nms does not exist": the schemas that it decorates are missing
because its compiled library did not load. Defining the two schemas lets its Python part import; nothing here uses
the operators themselves. A healthy torchvision is left alone.
"""

from __future__ import annotations

import sys

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[torch.library.Library] = []


def ensure_torchvision() -> None:
    """Import torchvision, mending the one known failure; call before open_clip or timm."""
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            library.define(schema)
        # schemas live as long as the library object
        _libraries.append(library)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torchvision  # noqa: F401
