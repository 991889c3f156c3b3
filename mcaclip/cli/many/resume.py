"""What an earlier call has done already, found without loading any network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.cli.many.rows import PhotoRow, RowResult, digest_asked, record_of
from mcaclip.cli.many.work import read_photo
from mcaclip.cli.photos import PhotoOptions, digest_of
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from mcaclip.results.folder import ResultFolders


def already_there(rows: Sequence[PhotoRow]) -> Iterator[list[RowResult]]:
    """The rows whose results all are in the output folder already, as far as that shows without any network."""
    from mcaclip.results.folder import ResultFolders

    for row in rows:
        options = row.options
        if isinstance(options.out, str) or options.overwrite or not (options.out / row.stem).is_dir():
            continue
        try:
            found = _found(row, ResultFolders(options.out), options)
        except (StudioError, OSError):  # the one who does the row says what is wrong
            continue
        if found:
            yield found


def _found(row: PhotoRow, results: ResultFolders, options: PhotoOptions) -> list[RowResult]:
    """The records of a row whose results are all there; empty otherwise."""
    (digest, _), mask = read_photo(row.photo), digest_of(options.mask_file())

    def look(stem: str, face: int) -> tuple[Path, Mapping[str, Any]] | None:
        asked = digest_asked(options, face, digest, mask)
        same = ((f, r) for f, r in results.records(stem) if r.get("asked") == asked and _same_weights(r, options))
        return next(same, None)

    first = look(row.stem, options.face or 0)
    if first is None:
        return []
    found = {options.face or 0: first}
    if options.face is None:
        faces = first[1].get("faces")
        if not isinstance(faces, int) or (faces > 1 and first[1]["prompt"] and not _joined(first[0])):
            return []
        more = {face: look(f"{row.stem}_face{face}", face) for face in range(1, faces)}
        if not all(more.values()):
            return []
        found |= {face: place for face, place in more.items() if place is not None}
    return [
        record_of(row, "already there", face, record["prompt"], folder=str(folder))
        for face, (folder, record) in found.items()
    ]


def _joined(folder: Path) -> bool:
    return (folder / "all_faces.png").is_file()


def _same_weights(record: Mapping[str, Any], options: PhotoOptions) -> bool:
    """Whether a result was made with the weights that are here now, as far as files can tell."""
    from mcaclip import weights
    from mcaclip.editing.library import edit_files
    from mcaclip.platform.digests import sha256_of

    stored = dict(record.get("weights") or {})
    shared = {name: stored.pop(name) for name in list(stored) if name in weights.TABLE}
    own = [*edit_files(weights.WeightFolders.from_environment().edits), *options.edits]
    own += [options.generator_file.resolve()] if options.generator_file else []
    here = {f"{path.parent.name}/{path.name}": sha256_of(path) for path in own}
    return stored == here and weights.hashes(shared) == shared
