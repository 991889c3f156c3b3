"""`python -m mcaclip edit`: every photo into a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.change import PROMPT_HELP, ChangeOptions
from mcaclip.cli.many.run import run_photos
from mcaclip.cli.options import Arg
from mcaclip.cli.photos import PhotoOptions
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.types import EditSettings


@dataclass(frozen=True, kw_only=True)
class Options(ChangeOptions, PhotoOptions):
    """Edit the face in one or more photos.

    Each result has a folder of its own in DIR, named after the photo. Nothing is overwritten: another edit of the
    photo goes into NAME_2, NAME_3, ... A request that DIR holds already (the same photo, options and weights) is not
    made again. With --overwrite the folder NAME is replaced: the files of its result, and nothing else in it.
    """

    prompt: Annotated[tuple[str, ...], Arg(f"{PROMPT_HELP}; needed, unless the list has a column prompts")] = ()

    def check(self) -> None:
        """See `PhotoOptions.check`."""
        super().check()
        if self.prompt:
            self.parts()
        elif self.list is None:
            raise StudioError('Say what to change: --prompt "green lipstick" (see python -m mcaclip edit --help).')

    def settings_for(self, editor: FaceEditor) -> EditSettings:
        """See `PhotoOptions.settings_for`."""
        return self.settings(self.parts(), editor)

    def mask_file(self) -> Path | None:
        """See `PhotoOptions.mask_file`."""
        return self.mask

    def marked(self) -> bool:
        """See `PhotoOptions.marked`."""
        return self.mark


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Edits every photo; the exit status. Raises StudioError for options that cannot be used."""
    return run_photos(options, load)
