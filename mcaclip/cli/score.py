"""`python -m mcaclip score`: how well each of some texts fits each of some faces, and how well it is known."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli.aligned_input import aligned_face, load_aligner
from mcaclip.cli.arguments import Device, EditorLoader
from mcaclip.cli.batch import PICTURES_HELP, check_folder, pictures, report
from mcaclip.cli.options import Arg
from mcaclip.config import DEFAULT_STACK, SLOTS, STACKS, choose
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import write_text
from mcaclip.platform.console import EXIT_BAD_INPUT, complain, problem_of, say
from mcaclip.validate import MAX_PROMPT_LENGTH, has_latin_letters

if TYPE_CHECKING:
    from torch import Tensor

    from mcaclip.clip.clip_space import ClipSpace

CHUNK = 256
"""Texts that are encoded together."""
DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compare faces with texts.

    OUT gets {"images": [...], "texts": [...], "similarity": [[cosine]], "known": [0..1 per text]}: a row of
    similarity per image, a column per text. A square image of 1024, 512 or 256 px is taken for an aligned face as it
    is; in any other the face is found and aligned first. "known" is how likely FaceCLIP understands the text; a
    published CLIP has no list of its words, so with --clip ViT-B-32-quickgelu it is 1 for every text in Latin
    letters.
    """

    images: Annotated[
        tuple[Path, ...], Arg(f"aligned face, or photo with a face; {PICTURES_HELP}", "IMAGE", positional=True)
    ]
    texts: Annotated[Path, Arg("one text per line, in UTF-8", metavar="FILE")]
    json: Annotated[Path, Arg("file for the result", metavar="OUT")]
    clip: Annotated[
        str,
        Arg(
            "what compares; a file of its weights is found in the folder MCACLIP_WEIGHTS",
            choices=tuple(SLOTS["clip"]),
        ),
    ] = STACKS[DEFAULT_STACK].clip
    align: Annotated[bool, Arg("find and align the face in every image")] = False
    device: Device = "cpu"


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Scores the images; the exit status. Images that cannot be scored are named on stderr and left out.

    Raises:
        StudioError: the texts cannot be read, or the result cannot be written.
        WeightsError: a weight file is missing or damaged.
    """
    texts = read_texts(options.texts)
    asked = pictures(options.images)
    failures = dict(asked.failures)
    if not asked.files:
        report(failures, asked.asked)
        return EXIT_BAD_INPUT
    check_folder(options.json.parent)
    if os.path.isdir(options.json):
        raise StudioError(f"--json {options.json} is a folder; name a file.")
    from mcaclip.loading import load_space, wishes_of
    from mcaclip.platform.device import choose_device

    stack, device = choose(clip=options.clip), choose_device(options.device)
    space, wish = load_space(stack, device), wishes_of(stack)
    embedded = _encoded(space, texts)
    images: list[str] = []
    rows: list[list[float]] = []
    for path in asked.files:
        try:
            face, _ = aligned_face(path, load_aligner, options.align)
            rows.append(_rounded(_compare(space, face.to(device), embedded)))
            images.append(str(path))
        except (StudioError, OSError) as error:
            failures[path] = problem_of(error)
    if not images:
        report(failures, asked.asked)
        return EXIT_BAD_INPUT
    known = _rounded([wish(text).known for text in texts])
    write_json(options.json, {"images": images, "texts": texts, "similarity": rows, "known": known})
    for image, row in zip(images, rows, strict=True):
        best = max(range(len(texts)), key=row.__getitem__)
        say(f"{image}  best of {len(texts)}: {texts[best]} ({row[best]:.3f})")
    return report(failures, asked.asked)


def _encoded(space: ClipSpace, texts: Sequence[str]) -> Tensor:
    """Unit vectors `[T, D]` of texts, on the CPU."""
    import torch

    with torch.no_grad():
        pieces = [space.encode_text(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
        return torch.cat(pieces).float().cpu()


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
        advice = "give a file with one text per line."
        raise StudioError(f"--texts {path} cannot be read ({error.strerror}); {advice}") from error
    texts = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if len(line) > MAX_PROMPT_LENGTH:
            raise StudioError(
                f"--texts {path}: line {number} has {len(line)} characters, the limit is {MAX_PROMPT_LENGTH}. "
                "Write one short text per line."
            )
        if line and not has_latin_letters(line):
            complain(f"--texts {path}: line {number} has no words in Latin letters, so nothing is known of it.")
        texts += [line] if line else []
    if not texts:
        raise StudioError(f"--texts {path} holds no text; write one per line.")
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
