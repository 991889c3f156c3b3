"""A generator of the user's own: read where it lies, converted into the cache, never changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mcaclip.config import GeneratorFile, Stack, with_fitting_parser
from mcaclip.errors import StudioError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.sources import Source, SourceFile, WeightEntry, reader
from mcaclip.weights.store import Located, WeightFolders


@dataclass(frozen=True, kw_only=True)
class OwnSource(Source):
    """A file that the user named.

    Attributes:
        original: where it is.
    """

    original: Path

    def find(self, entry: WeightEntry, folders: WeightFolders) -> Located:
        """The file; its digest is recorded beside what is made of it."""
        return Located(self.original, "your own file", sha256_of(self.original), self.name)

    def remedy(self, entry: WeightEntry) -> str:
        """See `Source`."""
        return f"Name a file that is there: --generator-file {self.original}."


def own_generator(file: GeneratorFile) -> WeightEntry:
    """The entry of a generator of the user's own. Its digest is in its name: a changed file is another one."""
    return WeightEntry(
        f"generator-{file.sha256[:16]}",
        file.path.name,
        "Those of its makers",
        "Your own file",
        OwnSource((SourceFile(file.path.name, None),), original=file.path),
        reader("mcaclip.generators.stylegan2_weights:read_own_stylegan2"),
    )


def with_generator_file(stack: Stack, path: Path) -> Stack:
    """A stack whose generator is a StyleGAN2 of the user's own.

    Raises:
        StudioError: there is no such file.
    """
    if not path.is_file():
        raise StudioError(f"--generator-file: there is no file {path}")
    path = path.resolve()
    own = replace(stack, generator="stylegan2", generator_file=GeneratorFile(path, sha256_of(path)))
    return with_fitting_parser(own)
