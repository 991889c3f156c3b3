"""MCA-CLIP Studio: text-guided counterfactual face editing with a learned mask at every generator layer."""

from mcaclip.version import __version__

__all__ = ["FaceEditor", "__version__", "load_editor"]


def __getattr__(name: str) -> object:
    # torch takes seconds to import: `python -m mcaclip --help` should not wait for it
    if name in ("FaceEditor", "load_editor"):
        from mcaclip import editor

        return getattr(editor, name)
    raise AttributeError(f"module 'mcaclip' has no attribute {name!r}")
