"""Edits by systems that do not run here, as picture files: `evaluate --table paper --results NAME=DIR`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcaclip.errors import StudioError
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.variants import Edited, Variant
from mcaclip.imaging.photo import load_photo
from mcaclip.methods.base import METHODS
from mcaclip.platform.digests import sha256_of
from mcaclip.types import Inversion, from_uint8


@dataclass(frozen=True)
class ResultPictures(Variant):
    """A system's edits, `folder/PROMPT/FACE.png`. Prompts without a folder were not made.

    Attributes:
        name: the system's, in tables.
    """

    name: str
    folder: Path

    @classmethod
    def parse(cls, text: str) -> ResultPictures:
        """From `"NAME=DIR"`. Raises StudioError for what cannot be used."""
        name, _, folder = text.partition("=")
        if not name.strip() or not folder:
            raise StudioError(f'--results {text!r}: write it as "NAME=DIR", such as "Stable Diffusion=results/sd"')
        if name.strip() in METHODS:
            raise StudioError(f"--results {name}: that is a method of the studio, choose another name")
        if not Path(folder).is_dir():
            raise StudioError(f"--results {name}: there is no folder {folder}")
        return cls(name.strip(), Path(folder))

    def ready(self, prompt: str) -> bool:
        """Whether there are edits of this prompt."""
        return (self.folder / prompt).is_dir()

    def how_to_fit(self, prompt: str) -> str:
        """What the table says of a prompt without edits."""
        return f"put pictures into {self.folder / prompt}"

    def digests(self, prompts: Sequence[str], faces: Sequence[str], originals: Path) -> dict[str, str]:
        """sha256 of every picture by "NAME: PROMPT/FACE.png".

        Args:
            originals: the folder of the faces, for the error.

        Raises:
            StudioError: a picture is missing, or there is none at all.
        """
        made = [prompt for prompt in prompts if self.ready(prompt)]
        files = {f"{prompt}/{face}.png": self.folder / prompt / f"{face}.png" for prompt in made for face in faces}
        missing = [name for name, file in files.items() if not file.is_file()]
        if missing or not made:
            what = f"{len(missing)} pictures are missing, first {missing[0]}" if missing else "no prompt has a folder"
            raise StudioError(
                f"--results {self.name}: {what}. Edit the faces of {originals} and save them at the same size as "
                f"{self.folder}/PROMPT/FACE.png, then run the same command again."
            )
        return {f"{self.name}: {name}": sha256_of(file) for name, file in files.items()}

    def edit(self, inversion: Inversion, subject: Subject, face: str = "") -> Edited:
        """The picture of a face. Raises StudioError for one that cannot be used."""
        file = self.folder / subject.words / f"{face}.png"
        image = from_uint8(load_photo(file))
        if image.shape != inversion.original.shape:
            height, width = image.shape[1:]
            side = inversion.original.shape[-1]
            raise StudioError(
                f"{file} has {width} x {height} pixels, and its face {side} x {side}: save it at that size"
            )
        return Edited(image, area=math.nan, seconds=math.nan)
