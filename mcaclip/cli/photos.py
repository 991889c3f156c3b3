"""What `edit`, `sample` and `invert` share: photos, their result folders, and the output about each."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli import options as reading
from mcaclip.cli.arguments import EditorLoader, EditorOptions, Effort, OutFolder, Overwrite
from mcaclip.cli.batch import PICTURES_HELP, check_folder, pictures, report
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from mcaclip.platform.console import problem_of, say

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.results.pipeline import Outcome
    from mcaclip.types import EditSettings, Progress, ProgressCallback

ALREADY_THERE = "(already there; --overwrite makes it again)"


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(EditorOptions):
    """Photos to work on, and how their faces are found and inverted."""

    photos: Annotated[
        tuple[Path, ...], Arg(f"image file with a face; {PICTURES_HELP}", metavar="PHOTO", positional=True)
    ]
    out: OutFolder
    overwrite: Overwrite = False
    face: Annotated[int, Arg("which face, 0 is the largest", read=reading.face)] = 0
    seed: Annotated[int, Arg("seed of the inversion", read=reading.seed)] = 0
    inversion: Effort = "good"


def each_photo(
    options: PhotoOptions,
    load: EditorLoader | None,
    process: Callable[[FaceEditor, Path, EditSettings | None], Outcome],
    settings_of: Callable[[FaceEditor], EditSettings | None] = lambda editor: None,
    mask: Path | None = None,
    mark: bool = False,
) -> int:
    """Runs `process` on every photo and writes its folder.

    Args:
        options: the photos and the folder of the results.
        load: stands in for the real loader; called once, and only when at least one photo exists.
        process: does the work for one photo.
        settings_of: the edit of every photo; raises StudioError when the editor cannot make it.
        mask: the file of a mask that the result depends on.
        mark: whether the pictures are marked visibly.

    Returns:
        The exit status.
    """
    asked = pictures(options.photos)
    failures = dict(asked.failures)
    if not asked.files:
        return report(failures, asked.asked)
    check_folder(options.out)
    editor = options.load_editor(load)
    settings = settings_of(editor)
    from mcaclip.platform.digests import sha256_of
    from mcaclip.platform.naming import safe_stem
    from mcaclip.results.folder import Provenance, ResultFolders

    hashes, digest = editor.weight_hashes(), digest_of(mask)
    folders = ResultFolders(options.out, options.overwrite)
    for path in asked.files:
        stem, own = safe_stem(path.stem), (options.inversion, path.name, options.face)
        try:
            origin = Provenance(editor.stack, hashes, options.seed, *own, sha256_of(path), digest, mark)
            if found := folders.find(stem, settings, origin):
                say(f"{found}  {ALREADY_THERE}")
                continue
            outcome = process(editor, path, settings)
            print_result(folders.write(stem, outcome, origin), outcome)
        except (StudioError, OSError) as error:
            failures[path] = problem_of(error)
    return report(failures, asked.asked)


def digest_of(path: Path | None) -> str | None:
    """sha256 of a file; None without one."""
    from mcaclip.platform.digests import sha256_of

    return None if path is None else sha256_of(path)


def print_result(folder: Path, outcome: Outcome) -> None:
    """Writes on stdout where a result is, how good and how fast, and its notes."""
    found = outcome.inversion
    likeness = "" if found.identity is None else f"likeness {found.identity:.2f}, "
    say(f"{folder}  ({likeness}{sum(outcome.seconds.values()):.1f} s)")
    for note in (*found.notes, *(outcome.result.notes if outcome.result else ())):
        say(f"  {note}")


@contextlib.contextmanager
def progress(name: str) -> Iterator[ProgressCallback]:
    """A progress bar on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f} % |{bar:24}| {elapsed}"
    with tqdm(total=1.0, desc=name, disable=not sys.stderr.isatty(), leave=False, bar_format=layout) as bar:

        def update(step: Progress) -> None:
            bar.set_description(f"{name}, {step.stage}", refresh=False)
            bar.n = step.fraction
            bar.refresh()

        yield update
