"""`python -m mcaclip parse`: the parts of faces as label maps and coloured pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.commands.aligned import aligned_face, load_aligner
from mcaclip.commands.several import check_folder, missing, report
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from mcaclip.perception.face_parser import FaceParser

LARGEST_MAP = 512
"""Side in pixels of a label map, unless the aligned picture is smaller."""

DESCRIPTION = f"""Find the parts of a face. For each image DIR gets NAME_labels.png (8 bit, a class number
a pixel: 0-18 are CelebAMask-HQ's, 19 beard, 20 moustache, 21 goatee) and NAME_overlay.png, both of the aligned face
at up to {LARGEST_MAP} px; classes.json names the numbers and holds each image's shares of area. A square image of
1024, 512 or 256 px is taken for an aligned face as it is; in any other the face is found and aligned first."""


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command `parse`."""
    help_text = "label the parts of the face in one or more images"
    parser = commands.add_parser("parse", help=help_text, description=DESCRIPTION)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="aligned face, or photo with a face")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--align", action="store_true", help="find and align the face in every image")
    parser.add_argument("--face", type=int, default=0, help="which face of a photo, 0 is the largest (default 0)")
    parser.set_defaults(run=lambda args, _: run(args))


def run(args: argparse.Namespace) -> int:
    """`parse`: label maps, overlays and classes.json; the exit status.

    Raises:
        StudioError: no result can be written, or a face number below 0.
        WeightsError: a weight file is missing or damaged.
    """
    if args.face < 0:
        raise StudioError("The face number starts at 0, the largest face.")
    failures = {path: error for path in args.images if (error := missing(path))}
    if len(failures) == len(set(args.images)):
        return report(failures, len(args.images))
    check_folder(args.out)
    from mcaclip import weights
    from mcaclip.output import folder_names
    from mcaclip.perception.face_parser import FaceParser

    parser = FaceParser.load(weights.get("face_parser"))
    records = []
    for path, name in zip(args.images, folder_names([path.stem for path in args.images]), strict=True):
        if path in failures:
            continue
        try:
            face, found = aligned_face(path, load_aligner, args.align, args.face)
            records.append({"file": path.name, "found": found, **_write(args.out, name, _picture(face), parser)})
            sys.stdout.write(f"{args.out / name}_labels.png\n")
        except (StudioError, OSError) as error:
            failures[path] = str(error)
    _write_classes(args.out / "classes.json", records)
    return report(failures, len(args.images))


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


def _write(folder: Path, name: str, face: np.ndarray, parser: FaceParser) -> dict[str, Any]:
    """Writes the pictures of one face; what classes.json says of it."""
    import numpy as np

    from mcaclip.label_colours import label_overlay
    from mcaclip.output import save_png
    from mcaclip.perception.face_parser import LABELS
    from mcaclip.perception.label_map import label_map
    from mcaclip.types import from_uint8

    probabilities = parser.probabilities(from_uint8(face)[None], len(face), mirrored=True)
    labels = label_map(probabilities[0])
    files = {"labels": f"{name}_labels.png", "overlay": f"{name}_overlay.png"}
    save_png(folder / files["labels"], labels)
    save_png(folder / files["overlay"], label_overlay(face, labels))
    counts = np.bincount(labels.ravel(), minlength=len(LABELS))
    shares = {label: round(float(count / labels.size), 5) for label, count in zip(LABELS, counts, strict=True)}
    return {**files, "side": len(face), "shares": shares}


def _write_classes(path: Path, records: list[dict[str, Any]]) -> None:
    """classes.json: what the numbers mean, and what each image showed."""
    from mcaclip.label_colours import LABEL_COLOURS
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
    text = json.dumps({"classes": classes, "images": records}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
