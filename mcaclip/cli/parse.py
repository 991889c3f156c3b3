"""`python -m mcaclip parse`: the parts of faces as label maps and coloured pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mcaclip.cli import options as reading
from mcaclip.cli.aligned_input import aligned_face, load_aligner
from mcaclip.cli.arguments import Device, EditorLoader, OutFolder, Overwrite
from mcaclip.cli.batch import PICTURES_HELP, check_folder, pictures, report
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import write_text
from mcaclip.platform.console import problem_of, say

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from mcaclip.perception.face_parser import FaceParser

LARGEST_MAP = 512
"""Side in pixels of a label map, unless the aligned picture is smaller."""

LABELS_END, OVERLAY_END, CLASSES = "_labels.png", "_overlay.png", "classes.json"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Label the parts of the face in one or more images.

    For each image DIR gets NAME_labels.png (8 bit, a class number per pixel: 0-18 are CelebAMask-HQ's, 19 beard,
    20 moustache, 21 goatee) and NAME_overlay.png, both of the aligned face at up to 512 px; classes.json names the
    numbers and holds each image's shares of area. A square image of 1024, 512 or 256 px is taken for an aligned face
    as it is; in any other the face is found and aligned first. Another image of the same name becomes NAME_2, NAME_3,
    ...; classes.json keeps what it holds.
    """

    images: Annotated[
        tuple[Path, ...], Arg(f"aligned face, or photo with a face; {PICTURES_HELP}", "IMAGE", positional=True)
    ]
    out: OutFolder
    overwrite: Overwrite = False
    align: Annotated[bool, Arg("find and align the face in every image")] = False
    face: Annotated[int, Arg("which face of a photo, 0 is the largest", read=reading.face)] = 0
    device: Device = "cpu"


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes label maps, overlays and classes.json; the exit status.

    Raises:
        StudioError: no result can be written.
        WeightsError: a weight file is missing or damaged.
    """
    asked = pictures(options.images)
    failures = dict(asked.failures)
    if not asked.files:
        return report(failures, asked.asked)
    check_folder(options.out)
    from mcaclip import weights
    from mcaclip.perception.face_parser import FaceParser
    from mcaclip.platform.device import choose_device
    from mcaclip.platform.digests import sha256_of

    records = [] if options.overwrite else _read_classes(options.out / CLASSES)
    earlier, used = {_key(record): record for record in records}, set[str]()
    device = choose_device(options.device)
    parser = FaceParser.load(weights.get("face_parser"), device)
    try:
        for path in asked.files:
            try:
                origin = {"file": path.name, "sha256": sha256_of(path), "align": options.align, "face": options.face}
                same = earlier.pop(_key(origin), None)
                name = _name_of(same) if same else _free_name(path, options.out, used, options.overwrite)
                face, found = aligned_face(path, load_aligner, options.align, options.face)
                record = {**origin, "found": found, **_write(options.out, name, _picture(face), parser, device)}
                used.add(name.casefold())
                records = [*(one for one in records if _name_of(one) != name), record]
                say(f"{options.out / name}{LABELS_END}")
            except (StudioError, OSError) as error:
                failures[path] = problem_of(error)
    finally:
        _write_classes(options.out / CLASSES, records)
    return report(failures, asked.asked)


def _free_name(path: Path, out: Path, used: set[str], overwrite: bool) -> str:
    """A name that no picture of this call has, nor, unless they may be overwritten, of an earlier one."""
    from mcaclip.platform.naming import numbered, safe_stem

    return next(
        name
        for name in numbered(safe_stem(path.stem))
        if name.casefold() not in used
        and (overwrite or not any((out / f"{name}{end}").exists() for end in (LABELS_END, OVERLAY_END)))
    )


def _key(record: dict[str, Any]) -> tuple[Any, ...]:
    """What the pictures of a face follow from: the same picture parsed alike is not written twice."""
    return tuple(record.get(name) for name in ("sha256", "align", "face"))


def _name_of(record: dict[str, Any]) -> str:
    return str(record["labels"]).removesuffix(LABELS_END)


def _read_classes(path: Path) -> list[dict[str, Any]]:
    """The images that an earlier call put into classes.json; none where there is no such file.

    Raises:
        StudioError: the file is another one, which must not be lost.
    """
    if not path.exists():
        return []
    try:
        images = json.loads(path.read_text(encoding="utf-8"))["images"]
        if not all(Path(one["labels"]).name == one["labels"] and one["overlay"] for one in images):
            raise ValueError("its images are none of this command")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudioError(
            f"{path} is there and was not written by this command; choose another --out, or add --overwrite."
        ) from error
    return list(images)


def _picture(face: Tensor) -> np.ndarray:
    """An aligned face as `uint8 [S, S, 3]` with S at most `LARGEST_MAP`."""
    import cv2
    import numpy as np

    from mcaclip.types import to_uint8

    picture = to_uint8(face)
    side = min(len(picture), LARGEST_MAP)
    if side < len(picture):
        picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))
    return picture


def _write(folder: Path, name: str, face: np.ndarray, parser: FaceParser, device: torch.device) -> dict[str, Any]:
    """Writes the pictures of one face; what classes.json says of it."""
    import numpy as np

    from mcaclip.imaging.label_colours import label_overlay
    from mcaclip.perception.face_parser import LABELS
    from mcaclip.perception.label_map import label_map
    from mcaclip.results.export import save_png
    from mcaclip.types import from_uint8

    probabilities = parser.probabilities(from_uint8(face)[None].to(device), len(face), mirrored=True)
    labels = label_map(probabilities[0].cpu())
    files = {"labels": f"{name}{LABELS_END}", "overlay": f"{name}{OVERLAY_END}"}
    save_png(folder / files["labels"], labels)
    try:
        save_png(folder / files["overlay"], label_overlay(face, labels))
    except BaseException:
        (folder / files["labels"]).unlink(missing_ok=True)  # half a result is none
        raise
    counts = np.bincount(labels.ravel(), minlength=len(LABELS))
    shares = {label: round(float(count / labels.size), 5) for label, count in zip(LABELS, counts, strict=True)}
    return {**files, "side": len(face), "shares": shares}


def _write_classes(path: Path, records: list[dict[str, Any]]) -> None:
    """classes.json: what the numbers mean, and what each image showed."""
    from mcaclip.imaging.label_colours import LABEL_COLOURS
    from mcaclip.perception.face_parser import LABELS
    from mcaclip.perception.parsing_head import CLASSES

    classes = {
        str(number): {
            "name": name,
            "set": "CelebAMask-HQ" if name in CLASSES else "MCA-CLIP Studio",
            "overlay": "#{:02x}{:02x}{:02x}".format(*LABEL_COLOURS[name]),
        }
        for number, name in enumerate(LABELS)
    }
    write_text(path, json.dumps({"classes": classes, "images": records}, indent=1, ensure_ascii=False) + "\n")
