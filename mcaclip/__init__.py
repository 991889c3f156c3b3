"""MCA-CLIP Studio: text-guided counterfactual face editing with a learned mask at every generator layer.

The public names are imported when they are first used, so that `import mcaclip` takes no seconds for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"
"""The only place where it is written."""

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor, load_editor
    from mcaclip.errors import PromptError, StudioError
    from mcaclip.imaging.photo import load_photo
    from mcaclip.types import AlignedFace, EditResult, EditSettings, Inversion

__all__ = [
    "AlignedFace",
    "EditResult",
    "EditSettings",
    "FaceEditor",
    "Inversion",
    "PromptError",
    "StudioError",
    "__version__",
    "load_editor",
    "load_photo",
]

_HOMES = {
    "AlignedFace": "mcaclip.types",
    "EditResult": "mcaclip.types",
    "EditSettings": "mcaclip.types",
    "FaceEditor": "mcaclip.editor",
    "Inversion": "mcaclip.types",
    "PromptError": "mcaclip.errors",
    "StudioError": "mcaclip.errors",
    "load_editor": "mcaclip.editor",
    "load_photo": "mcaclip.imaging.photo",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'mcaclip' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
