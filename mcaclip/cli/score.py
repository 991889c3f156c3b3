"""`python -m mcaclip score`: how well each of some texts fits each of some faces, and how well it is known."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.cli.aligned_input import aligned_face, load_aligner
from mcaclip.cli.batch import EXIT_BAD_INPUT, PICTURES_HELP, check_folder, complain, pictures, report
from mcaclip.config import DEFAULT_STACK, SLOTS, STACKS, choose
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import write_text
from mcaclip.platform.console import problem_of, say
from mcaclip.validate import MAX_PROMPT_LENGTH, has_latin_letters

if TYPE_CHECKING:
    from torch import Tensor

    from mcaclip.clip.clip_space import ClipSpace

DIGITS = 6

DESCRIPTION = """Compare faces with texts. OUT gets {"images": [...], "texts": [...], "similarity": [[cosine]],
"known": [0..1 a text]}: a row of similarity an image, a column a text. A square image of 1024, 512 or 256 px is taken
for an aligned face as it is; in any other the face is found and aligned first. "known" is how likely FaceCLIP
understands the text; a published CLIP has no list of its words, so with --clip ViT-B-32-quickgelu it is 1 for every
text in Latin letters."""


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command `score`."""
    parser = commands.add_parser("score", help="compare faces with texts", description=DESCRIPTION)
    parser.add_argument(
        "images", nargs="+", type=Path, metavar="IMAGE", help=f"aligned face, or photo with a face; {PICTURES_HELP}"
    )
    parser.add_argument("--texts", type=Path, required=True, metavar="FILE", help="one text a line, in UTF-8")
    parser.add_argument(
        "--clip",
        choices=tuple(SLOTS["clip"]),
        default=STACKS[DEFAULT_STACK].clip,
        help="what compares; a file of its weights is found in the folder MCACLIP_WEIGHTS (default FaceCLIP)",
    )
    parser.add_argument("--align", action="store_true", help="find and align the face in every image")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="file for the result")
    parser.set_defaults(run=lambda args, _: run(args))


def run(args: argparse.Namespace) -> int:
    """`score`: the exit status; images that cannot be scored are named on stderr and left out.

    Raises:
        StudioError: the texts cannot be read, or the result cannot be written.
        WeightsError: a weight file is missing or damaged.
    """
    texts = read_texts(args.texts)
    asked = pictures(args.images)
    failures = dict(asked.failures)
    if not asked.files:
        report(failures, asked.asked)
        return EXIT_BAD_INPUT
    check_folder(args.json.parent)
    if os.path.isdir(args.json):
        raise StudioError(f"--json {args.json} is a folder; name a file.")
    from mcaclip.clip.familiarity import encode, familiarity_of
    from mcaclip.loading import load_space

    knowledge, space = familiarity_of(args.clip), load_space(choose(clip=args.clip), "cpu")
    embedded = encode(space, texts)
    images: list[str] = []
    rows: list[list[float]] = []
    for path in asked.files:
        try:
            rows.append(_rounded(_compare(space, aligned_face(path, load_aligner, args.align)[0], embedded)))
            images.append(str(path))
        except (StudioError, OSError) as error:
            failures[path] = problem_of(error)
    if not images:
        report(failures, asked.asked)
        return EXIT_BAD_INPUT
    known = _rounded(knowledge.score(space, texts))
    write_json(args.json, {"images": images, "texts": texts, "similarity": rows, "known": known})
    for image, row in zip(images, rows, strict=True):
        best = max(range(len(texts)), key=row.__getitem__)
        say(f"{image}  best of {len(texts)}: {texts[best]} ({row[best]:.3f})")
    return report(failures, asked.asked)


def read_texts(path: Path) -> list[str]:
    """The lines of a file that are not blank, without space at their ends.

    A line without Latin letters is named on stderr: no model here can know it.

    Raises:
        StudioError: no such file, not UTF-8, no text in it, or a line of more than `MAX_PROMPT_LENGTH` characters.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise StudioError(f"--texts {path} is no text in UTF-8; save it as plain text with this encoding.") from error
    except OSError as error:
        advice = "give a file with one text a line."
        raise StudioError(f"--texts {path} cannot be read ({error.strerror}); {advice}") from error
    texts = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if len(line) > MAX_PROMPT_LENGTH:
            raise StudioError(
                f"--texts {path}: line {number} has {len(line)} characters, the limit is {MAX_PROMPT_LENGTH}. "
                "Write one short text a line."
            )
        if line and not has_latin_letters(line):
            complain(f"--texts {path}: line {number} has no words in Latin letters, so nothing is known of it.")
        texts += [line] if line else []
    if not texts:
        raise StudioError(f"--texts {path} holds no text; write one a line.")
    return texts


def write_json(path: Path, content: object) -> None:
    """Write the whole file or nothing.

    Raises:
        StudioError: it cannot be written.
    """
    try:
        write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StudioError(f"--json {path} cannot be written ({error.strerror}); choose another file.") from error


def _compare(space: ClipSpace, face: Tensor, embedded: Tensor) -> Sequence[float]:
    """Cosines of a face to texts `[T, D]`."""
    import torch

    with torch.no_grad():
        return (space.encode_image(face[None]).float().cpu() @ embedded.T)[0].tolist()


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, DIGITS) for value in values]
