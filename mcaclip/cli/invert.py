"""`python -m mcaclip invert`: reconstructions and latents of photos."""

from __future__ import annotations

from dataclasses import dataclass

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.many.run import run_photos
from mcaclip.cli.photos import PhotoOptions


@dataclass(frozen=True, kw_only=True)
class Options(PhotoOptions):
    """Reconstruct the face in one or more photos, without an edit.

    Each result has a folder of its own in DIR, named after the photo. Nothing is overwritten: another inversion of
    the photo goes into NAME_2, NAME_3, ... A request that DIR holds already (the same photo, options and weights) is
    not made again. With --overwrite the folder NAME is replaced: the files of its result, and nothing else in it.
    """


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Inverts every photo; the exit status."""
    return run_photos(options, load)
