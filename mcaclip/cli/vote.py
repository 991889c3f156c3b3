"""`vote`: a page on which many people rank the edits of comparisons, without the methods' names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Annotated

from mcaclip.cli import options as reading
from mcaclip.cli.arguments import EditorLoader, OutFolder
from mcaclip.cli.batch import check_folder
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import folder_written_whole
from mcaclip.platform.console import say


@dataclass(frozen=True, kw_only=True)
class Options:
    """Build a page on which many people rank edits, from folders of `compare`.

    DIR gets the folder page, which is what voters are given: index.html, which needs no network, and its pictures.
    The file key.json says which picture is of which method; it stays with you. `count-votes` reads the files that
    voters save.
    """

    comparisons: Annotated[tuple[Path, ...], Arg("folder that compare wrote", metavar="FOLDER", positional=True)]
    out: OutFolder
    seed: Annotated[
        int | None, Arg("of the order of the pictures (default: another order each time)", read=reading.seed)
    ] = None


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Builds the page; the exit status. Raises StudioError."""
    from mcaclip.evaluation import vote_folder

    edits = [one for folder in options.comparisons for one in vote_folder.read_comparison(folder)]
    if not edits:
        raise StudioError("No method made an edit in these comparisons; a vote needs the pictures of two or more.")
    check_folder(options.out)
    if any((options.out / name).exists() for name in (vote_folder.KEY, vote_folder.PAGE)):
        raise StudioError(f"{options.out} holds a vote already, whose answers need its key; choose another --out.")
    with folder_written_whole(options.out, lambda: options.out) as folder:
        random = SystemRandom() if options.seed is None else Random(options.seed)
        key = vote_folder.build(folder, edits, random)
    page = options.out / vote_folder.PAGE
    say(f"{len(key.questions)} questions: give voters {page}, and keep {options.out / vote_folder.KEY}.")
    return 0
