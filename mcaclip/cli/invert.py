"""`python -m mcaclip invert`: reconstructions and latents of photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.photos import PhotoOptions, each_photo, progress

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.results.pipeline import Outcome
    from mcaclip.types import EditSettings


@dataclass(frozen=True, kw_only=True)
class Options(PhotoOptions):
    """Reconstruct the face in one or more photos, without an edit.

    Each result has a folder of its own in DIR, named after the photo. Nothing is overwritten: another inversion of
    the photo goes into NAME_2, NAME_3, ... A request that DIR holds already (the same photo, options and weights) is
    not made again. With --overwrite the folder NAME is replaced: the files of its result, and nothing else in it.
    """


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Inverts every photo; the exit status."""

    def process(editor: FaceEditor, path: Path, _: EditSettings | None) -> Outcome:
        from mcaclip.imaging import align
        from mcaclip.results import pipeline

        photo = align.load_photo(path)
        with progress(path.name) as callback:
            how = (options.face, options.inversion, options.seed, callback)
            return pipeline.edit_photo(editor, photo, None, *how)

    return each_photo(options, load, process)
