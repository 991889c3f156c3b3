"""The one way in which a row becomes results, whoever does it: this process, another one, or a cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.many.rows import PhotoRow, RowResult, digest_asked, name_of, record_of
from mcaclip.cli.photos import PhotoOptions, digest_of, notes_of, progress
from mcaclip.errors import StudioError
from mcaclip.platform.console import problem_of

if TYPE_CHECKING:
    import numpy as np

    from mcaclip.editor import FaceEditor
    from mcaclip.results.folder import Provenance, ResultFolders
    from mcaclip.results.pipeline import Outcome
    from mcaclip.results.remote import RemoteResults
    from mcaclip.types import EditSettings, ProgressCallback

log = logging.getLogger(__name__)
Follow = Callable[[str], AbstractContextManager["ProgressCallback"]]
"""From the name of a photo to what shows the progress on it."""


@dataclass(frozen=True)
class WorkMaker:
    """Makes what does rows; it can be sent to another process, which then does so with networks of its own.

    Attributes:
        options: of the whole command.
        load: stands in for the real loader of editors.
        reserved: see `ResultFolders`.
        threads: of each process; None leaves them as they are.
    """

    options: PhotoOptions
    load: EditorLoader | None = None
    reserved: frozenset[str] = frozenset()
    threads: int | None = None

    def __call__(self, follow: Follow = progress) -> Work:
        """Loads the networks. Raises StudioError."""
        from mcaclip.platform.memory import keep_freed_memory

        keep_freed_memory()
        if self.threads is not None:
            import cv2
            import torch

            torch.set_num_threads(self.threads)
            cv2.setNumThreads(self.threads)
        return Work(self, follow)


class Work:
    """An editor and the place of the results. Raises StudioError when the networks cannot be loaded."""

    def __init__(self, maker: WorkMaker, follow: Follow):
        self._editor = maker.options.load_editor(maker.load)
        self._hashes = self._editor.weight_hashes()
        self._results = results_of(maker.options, maker.reserved)
        self._follow = follow

    def check(self, rows: Sequence[PhotoRow]) -> dict[int, str]:
        """What the editor refuses of these rows' edits, by the number of the row."""
        problems = {}
        for row in rows:
            try:
                row.options.settings_for(self._editor)
            except StudioError as error:
                problems[row.number] = str(error)
        return problems

    def do(self, row: PhotoRow) -> list[RowResult]:
        """One photo: a record per face. Whatever is wrong with it stands in the record."""
        try:
            return self._faces(row)
        except (StudioError, OSError) as error:
            return [record_of(row, "failed", reason=problem_of(error))]
        except Exception as error:  # the other photos go on
            log.exception("%s failed unexpectedly", row.place)
            return [record_of(row, "failed", reason=f"failed unexpectedly ({type(error).__name__}: {error}).")]

    def _faces(self, row: PhotoRow) -> list[RowResult]:
        from mcaclip.imaging.photo import load_photo

        digest, source = read_photo(row.photo)
        settings = row.options.settings_for(self._editor)
        if row.options.face is not None:
            return [self._face(row, settings, digest, source, row.options.face)[0]]
        photo = load_photo(source)
        count = len(self._editor.find_faces(photo))
        made = []
        for face in range(max(1, count)):
            try:
                made.append(self._face(row, settings, digest, photo, face, count))
            except (StudioError, OSError) as error:
                made.append((record_of(row, "failed", face, reason=problem_of(error)), None))
        if settings is not None and count > 1 and any(record.status == "done" for record, _ in made):
            self._join(row, photo, [(record, place) for record, place in made if place is not None])
        return [record for record, _ in made]

    def _face(
        self,
        row: PhotoRow,
        settings: EditSettings | None,
        digest: str,
        source: Path | bytes | np.ndarray,
        face: int,
        faces: int | None = None,
    ) -> tuple[RowResult, Any]:
        """The record of one face, and the place of its result."""
        from mcaclip.imaging.photo import load_photo

        title = settings.title if settings else None
        stem, named = (f"{row.stem}_face{face}", False) if faces and face else (row.stem, True)
        editor = self._editor
        origin = replace(origin_of(row.options, digest, face), stack=editor.stack, weights=self._hashes, faces=faces)
        if found := self._results.find(stem, settings, origin):
            return record_of(row, "already there", face, title, folder=str(found)), found
        started = time.perf_counter()
        with self._follow(stem) as callback:
            outcome = edit_face(row.options, editor, load_photo(source), face, settings, callback)
        folder = self._results.write(stem, outcome, origin, named)
        more = {"folder": str(folder), "likeness": outcome.inversion.identity, "notes": notes_of(outcome)}
        return record_of(row, "done", face, title, seconds=time.perf_counter() - started, **more), folder

    def _join(self, row: PhotoRow, photo: np.ndarray, made: Sequence[tuple[RowResult, Any]]) -> None:
        """Adds the photo with all its edited faces to the result of the first one."""
        from mcaclip.results.export import MARK

        joined = photo.copy()
        for _, folder in made:
            pasted = self._results.read(folder, "pasted.png")
            changed = (pasted != photo).any(2)
            joined[changed] = pasted[changed]
        record = {"note": MARK, "prompt": made[0][0].prompt, "photo": name_of(row.photo), "faces": len(made)}
        self._results.add(made[0][1], "all_faces.png", joined, record)


def edit_face(
    options: PhotoOptions,
    editor: FaceEditor,
    photo: np.ndarray,
    face: int,
    settings: EditSettings | None,
    callback: ProgressCallback,
) -> Outcome:
    """One face of a photo `uint8 [H, W, 3]`, inverted and edited; raises as `pipeline.edit_photo` does."""
    from mcaclip.results import pipeline

    how = (face, options.inversion, options.seed, callback)
    aligned = options.already_aligned
    return pipeline.edit_photo(editor, photo, settings, *how, painted=options.painter(), already_aligned=aligned)


def origin_of(options: PhotoOptions, digest: str, face: int) -> Provenance:
    """Where a result of the photo with this digest comes from, without the networks."""
    from mcaclip.results.folder import Provenance

    mask = digest_of(options.mask_file())
    return Provenance(
        stack="",
        weights={},
        seed=options.seed,
        effort=options.inversion,
        photo=name_of(options.photos[0]),
        face=face,
        photo_sha256=digest,
        mask_sha256=mask,
        marked=options.marked(),
        asked=digest_asked(options, face, digest, mask),
    )


def results_of(options: PhotoOptions, reserved: frozenset[str] = frozenset()) -> ResultFolders | RemoteResults:
    """Where the results of a command are kept. Raises StudioError for a URL that cannot be used."""
    if isinstance(options.out, str):
        from mcaclip.results.remote import RemoteResults

        return RemoteResults(options.out, options.overwrite)
    from mcaclip.results.folder import ResultFolders

    return ResultFolders(options.out, options.overwrite, reserved)


def read_photo(photo: Path | str) -> tuple[str, Path | bytes]:
    """The digest of a photo, and what `load_photo` reads it from: its path, or of a URL its bytes.

    Raises:
        StudioError: there is nothing at the URL.
        OSError: the file cannot be read.
    """
    if isinstance(photo, Path):
        from mcaclip.platform.digests import sha256_of

        return sha256_of(photo), photo
    import hashlib

    from mcaclip.results.remote import read_bytes

    data = read_bytes(photo)
    return hashlib.sha256(data).hexdigest(), data
