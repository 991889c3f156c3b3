"""The pool of labelled faces that the pixel parser and FaceCLIP learn from: pictures, label maps, attributes.

Labels are the average of the pixel teacher and the parsing head, which reads the generator's features. Facial hair,
which neither knows, is where the lower face is darker than the same code shaved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.face_parser import LABELS
from mcaclip.perception.label_map import BACKGROUND, without_islands
from mcaclip.perception.parsing_head import CLASSES, PARSED_LAYERS, ParsingHead
from mcaclip.perception.regions import region
from train.common.arrays import open_array, read_array, read_count, unfinished, write_array
from train.common.faces import CodeSampler
from train.common.painting import grow_beard
from train.parser.attributes import ATTRIBUTES, Directions, states
from train.parser.teacher import Teacher

SAMPLER = CodeSampler(psi=(0.5, 1.0), mix=0.1, jitter=0.1)
GOATEE_SHARE = 0.2
SHAVED = 3.5
"""Length of the shift along the beard direction's minus side that takes a beard away."""
TEACHER_WEIGHT = 0.35
"""The head errs less in busy backgrounds; the teacher has the sharper edges."""
SPECK = 40
"""Pixels (at 256 px) below which pieces of large classes take the label around them."""
PIECE_SHARE = 0.12
"""Pieces of skin, hair or a hat below this share of the largest one are errors."""
FACE_SHARE = 0.6
"""Share of a hole's rim that must be face for it to be closed; gaps between strands of hair stay open."""
_FACE = tuple(n for n, name in enumerate(CLASSES) if name not in ("background", "hair", "hat", "neck", "cloth"))
_IN_ONE_PIECE = tuple(CLASSES.index(name) for name in ("skin", "hair", "hat"))
_LARGE = tuple(CLASSES.index(name) for name in ("background", "skin", "hair", "hat", "neck", "cloth"))
DARKER = 7.0
"""Units of L by which facial hair is darker than shaved skin."""
FLUSH_EVERY = 50


@dataclass(frozen=True)
class LabelledFaces:
    """Generated faces with labels.

    Attributes:
        images: `uint8 [N, 3, 256, 256]`.
        labels: `uint8 [N, 256, 256]`, numbers of `LABELS`.
        states: `int8 [N, len(ATTRIBUTES)]`, see `train.parser.attributes.states`.
    """

    images: np.ndarray
    labels: np.ndarray
    states: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Labellers:
    """The networks and directions that label a face."""

    generator: Generator
    head: ParsingHead
    teacher: Teacher
    directions: Directions


@torch.no_grad()
def build_faces(models: Labellers, count: int, seed: int, folder: Path, max_minutes: float = 1e9) -> LabelledFaces:
    """Make `count` labelled faces in `folder`, or continue where an earlier call stopped.

    Raises:
        TrainingError: the time was too short for all of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    codes = SAMPLER.draw(models.generator, count, rng)
    codes = torch.stack([models.directions.move(models.directions.vary(code, rng), rng) for code in codes])
    with_goatee = rng.random(count) < GOATEE_SHARE
    images = open_array(folder / f"images_{seed}_{count}.npy", (count, 3, 256, 256), np.uint8)
    labels = open_array(folder / f"labels_{seed}_{count}.npy", (count, 256, 256), np.uint8)
    done_file = folder / f"done_{seed}_{count}"
    for (index,) in unfinished(done_file, count, max_minutes, images, labels, every=FLUSH_EVERY):
        image, label = _label(models, codes[index : index + 1], bool(with_goatee[index]))
        images[index] = ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
        labels[index] = label.numpy()
    if (done := read_count(done_file, count)) < count:
        raise TrainingError(
            f"{done} of {count} faces are labelled: run the same command again, with more --max-minutes; "
            "it continues there"
        )
    write_array(folder / f"states_{seed}_{count}.npy", _states(models, codes, with_goatee))
    return load_faces(count, seed, folder)


def load_faces(count: int, seed: int, folder: Path) -> LabelledFaces:
    """The faces that `build_faces` made, as memory maps.

    Raises:
        TrainingError: some or all of them are missing or damaged.
    """
    name = f"{seed}_{count}"
    if not (folder / f"states_{name}.npy").exists():
        raise TrainingError(f"{folder} does not hold all of the labelled faces {name}: run `python -m train parser`")
    images = read_array(folder / f"images_{name}.npy", (count, 3, 256, 256), np.uint8)
    labels = read_array(folder / f"labels_{name}.npy", (count, 256, 256), np.uint8)
    known = read_array(folder / f"states_{name}.npy", (count, len(ATTRIBUTES)), np.int8)
    return LabelledFaces(images, labels, np.array(known))


def _states(models: Labellers, codes: Tensor, with_goatee: np.ndarray) -> np.ndarray:
    w_avg = models.generator.w_avg
    ordinary = SAMPLER.draw(models.generator, 1000, np.random.default_rng(0))
    spread = models.directions.positions(ordinary, w_avg).std(0)
    found = states(models.directions.positions(codes, w_avg), spread).numpy()
    beard = [a.name for a in ATTRIBUTES].index("bearded")
    found[with_goatee, beard] = np.maximum(found[with_goatee, beard], 0)
    return found


def _label(models: Labellers, code: Tensor, with_goatee: bool) -> tuple[Tensor, Tensor]:
    """Picture `[3, 256, 256]` and label map `[256, 256]` of one code `[1, 18, 512]`."""
    generator = models.generator
    made = synthesize(generator, code, keep=PARSED_LAYERS)
    picture, features = made.image, models.head.probabilities(made.features)
    beard = models.directions.attributes[[a.name for a in ATTRIBUTES].index("bearded")]
    shaved = synthesize(generator, code - SHAVED * beard[None], keep=PARSED_LAYERS)
    bare_skin = models.head.probabilities(shaved.features)[0].argmax(0) == CLASSES.index("skin")
    if with_goatee:
        picture = grow_beard(generator, code, picture, region(features, "goatee"), beard)
    probabilities = TEACHER_WEIGHT * models.teacher(picture) + (1 - TEACHER_WEIGHT) * features
    label = torch.from_numpy(clean(probabilities[0].argmax(0).to(torch.uint8).numpy()))
    return picture[0], _with_facial_hair(label, bare_skin, picture, shaved.image)


def _with_facial_hair(label: Tensor, bare_skin: Tensor, picture: Tensor, shaved: Tensor) -> Tensor:
    """The label map `uint8 [256, 256]` with the skin that facial hair covers given its own classes."""
    lips = (label == CLASSES.index("u_lip")) | (label == CLASSES.index("l_lip"))
    nose, skin = label == CLASSES.index("nose"), label == CLASSES.index("skin")
    if not lips.any() or not nose.any():
        return label
    rows, columns = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    top, bottom = int(rows[lips].min()), int(rows[lips].max())
    left, right = int(columns[lips].min()), int(columns[lips].max())
    nose_end, width = int(rows[nose].max()), max(right - left, 20)
    upper, aside = skin & (rows < nose_end), (columns - (left + right) / 2).abs()
    if not upper.any():
        return label
    lightness, bare = (_smooth(srgb_to_lab(x.clamp(-1, 1))[:, :1])[0, 0] for x in (picture, shaved))
    face = bare_skin & (skin | (label == CLASSES.index("hair")))
    face &= (rows > nose_end - 8) & (rows < bottom + 1.1 * width) & (aside < 1.5 * width)
    hairy = face & (bare - lightness > DARKER) & (lightness[upper].median() - lightness > DARKER)
    out = label.clone()
    out[hairy] = LABELS.index("beard")
    out[hairy & (rows > bottom) & (aside < 0.45 * width)] = LABELS.index("goatee")
    out[hairy & (rows < (top + bottom) / 2) & (aside < 0.7 * width)] = LABELS.index("moustache")
    return torch.from_numpy(without_specks(out.numpy(), range(len(CLASSES), len(LABELS))))


def _smooth(values: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(values, (2, 2, 2, 2), mode="reflect"), 5, 1)


def clean(labels: np.ndarray) -> np.ndarray:
    """`uint8 [H, W]` of CelebAMask-HQ classes, without islands, holes and specks."""
    return without_specks(without_islands(labels), _LARGE)


def without_specks(labels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Specks of the named classes, and pieces beside a much larger one, get the commonest label around them."""
    for number in classes:
        pieces, labels = list(_pieces(labels, number)), labels.copy()
        largest = max((piece.area for piece in pieces), default=0)
        limit = max(SPECK, PIECE_SHARE * largest if number in _IN_ONE_PIECE else 0)
        for piece in pieces:
            if piece.area < limit and len(piece.around):
                labels[piece.box][piece.inside] = np.bincount(piece.around).argmax()
    return labels


def without_holes(labels: np.ndarray) -> np.ndarray:
    """Background that the face surrounds gets the commonest label around it: dark skin is at times labelled so."""
    out = labels.copy()
    for piece in _pieces(labels, BACKGROUND):
        if not piece.at_border and np.isin(piece.around, _FACE).mean() > FACE_SHARE:
            out[piece.box][piece.inside] = np.bincount(piece.around).argmax()
    return out


@dataclass(frozen=True)
class _Piece:
    """A connected piece of one class: its mask `inside` a box of the label map, and the labels next to it."""

    box: tuple[slice, slice]
    inside: np.ndarray
    around: np.ndarray
    area: int
    at_border: bool


def _pieces(labels: np.ndarray, number: int) -> Iterator[_Piece]:
    count, numbers, stats, _ = cv2.connectedComponentsWithStats((labels == number).astype(np.uint8), connectivity=4)
    height, width = labels.shape
    for index in range(1, count):
        x, y, w, h, area = stats[index]
        box = slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1)
        inside = numbers[box] == index
        rim = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~inside
        at_border = x == 0 or y == 0 or x + w == width or y + h == height
        yield _Piece(box, inside, labels[box][rim], area, at_border)
