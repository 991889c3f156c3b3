"""`python -m train parser`: the pixel parser learns 22 classes from altered pictures of generated faces."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.nn.ops import channels_last
from mcaclip.nn.safetensors_io import save_half
from mcaclip.perception.face_parser import LABELS, PARSER_SIZE, FaceParser, folded
from mcaclip.perception.parsing_head import CLASSES
from train.common.arrays import read_array, read_count
from train.common.loop import LoopSettings, TrainingLoop
from train.parser.pseudo_labels import without_holes
from train.parser.views import ViewSettings, view

log = logging.getLogger(__name__)
RARE_SHARE = 0.03
"""Classes with less of all pixels than this take part in the Dice term."""
LEAST_SHARE = 3e-4
"""Rarer classes count no more than one of this share."""


@dataclass(frozen=True)
class ParserSettings:
    """Settings of the training.

    Attributes:
        faces: size of the pool, including the held-out faces.
        pool_seed: of the pool.
        held_out: the last faces of the pool, never trained on.
        batch: pictures per step.
        sides: of the pictures; one is drawn for each step.
        dice: weight of the Dice term.
        seed: of views and batches.
        views: how the pictures are altered.
    """

    faces: int = 1600
    pool_seed: int = 51
    held_out: int = 150
    steps: int = 12000
    batch: int = 8
    sides: tuple[int, ...] = (256, 192)
    lr: float = 3e-3
    dice: float = 0.3
    seed: int = 31
    views: ViewSettings = field(default_factory=ViewSettings)


class PooledFaces:
    """Pictures and labels of a pool on disk (see `pseudo_labels.build_faces`), which may still be growing.

    Raises:
        TrainingError: the pool is missing or damaged.
    """

    def __init__(self, folder: Path, settings: ParserSettings) -> None:
        name = f"{settings.pool_seed}_{settings.faces}"
        self._done_file = folder / f"done_{name}"
        if not self._done_file.exists():
            raise TrainingError(f"{folder} holds no labelled faces {name}: leave out --as-is to make them")
        self._images = read_array(folder / f"images_{name}.npy", (settings.faces, 3, 256, 256), np.uint8)
        self._labels = read_array(folder / f"labels_{name}.npy", (settings.faces, 256, 256), np.uint8)
        self._faces = settings.faces
        self._training = settings.faces - settings.held_out

    @property
    def ready(self) -> int:
        """How many faces are finished, including the held-out ones."""
        return read_count(self._done_file, self._faces)

    @property
    def training(self) -> range:
        """The finished faces to train on."""
        return range(min(self.ready, self._training))

    @property
    def held_out(self) -> range:
        """The finished faces to test on."""
        return range(self._training, max(self.ready, self._training))

    def face(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture `uint8 [256, 256, 3]` and labels `uint8 [256, 256]`."""
        picture = np.ascontiguousarray(self._images[index].transpose(1, 2, 0))
        return picture, without_holes(np.array(self._labels[index]))


def draw_views(
    pool: PooledFaces, faces: Sequence[int], side: int, rng: np.random.Generator, how: ViewSettings
) -> tuple[Tensor, Tensor]:
    """Pictures `[B, 3, side, side]` in [-1, 1] and labels `int64 [B, side, side]` of a view of each face."""
    pictures, labels = [], []
    for index in faces:
        other = pool.face(int(rng.choice(len(pool.training))))
        picture, label = view(pool.face(int(index)), other, rng, how)
        if side != len(label):
            picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))
            label = np.asarray(cv2.resize(label, (side, side), interpolation=cv2.INTER_NEAREST))
        pictures.append(picture.transpose(2, 0, 1))
        labels.append(label)
    images = torch.from_numpy(np.stack(pictures)).float() / 127.5 - 1
    return images.contiguous(memory_format=torch.channels_last), torch.from_numpy(np.stack(labels)).long()


def shares(pool: PooledFaces, how: ViewSettings, faces: int = 400) -> Tensor:
    """Share of all pixels of the views that each class has, `[22]`."""
    rng, counts = np.random.default_rng(0), np.zeros(len(LABELS))
    for index in pool.training[:: max(1, len(pool.training) // faces)]:
        _, label = view(pool.face(index), pool.face(index), rng, how)
        counts += np.bincount(label.ravel(), minlength=len(LABELS))
    return torch.from_numpy(counts / counts.sum()).float()


def class_weights(share: Tensor) -> Tensor:
    """The weight of a pixel of each class, `[22]`, from the classes' shares of all pixels."""
    return share.clamp_min(LEAST_SHARE).rsqrt()


def unweighted(net: FaceParser, share: Tensor, sign: float = 1.0) -> None:
    """Remove the effect of the classes' weights from a trained net, in place; with sign -1, put it back.

    A net that minimises cross-entropy with weights w predicts `w p / sum(w p)` for the probabilities p, so that lips
    grow into the skin. Subtracting `log w` from its logits restores p.
    """
    assert net.out.bias is not None
    with torch.no_grad():
        net.out.bias.sub_(sign * class_weights(share).log())


def parsing_loss(logits: Tensor, labels: Tensor, share: Tensor, dice: float) -> dict[str, Tensor]:
    """Cross-entropy weighted by `1 / sqrt(share)`, and a soft Dice loss over the rare classes that are present.

    Each logit stands for four pixels; where they differ, its target is their mean, so that edges are learnt as soft.

    Args:
        logits: `[B, 22, S / 2, S / 2]`.
        labels: `int64 [B, S, S]`.
        share: of each class in all pixels, `[22]`.
        dice: weight of the Dice loss.
    """
    target = torch.zeros_like(logits, dtype=torch.float32)
    for row in (0, 1):
        for column in (0, 1):
            four = labels[:, None, row::2, column::2]
            target.scatter_add_(1, four, torch.full(four.shape, 0.25))
    log_p = logits.float().log_softmax(1)
    weighted = target * class_weights(share)[None, :, None, None]
    entropy = -(weighted * log_p).sum() / weighted.sum()
    rare = torch.nonzero(share < RARE_SHARE).flatten()
    p, t = log_p[:, rare].exp(), target[:, rare]
    area = t.sum((0, 2, 3))
    overlap = (2 * (p * t).sum((0, 2, 3)) + 20) / (p.sum((0, 2, 3)) + area + 20)
    present = (area > 4).float()
    missed = ((1 - overlap) * present).sum() / present.sum().clamp_min(1)
    return {"loss": entropy + dice * missed, "entropy": entropy, "dice": missed}


Predictor = Callable[[Tensor], Tensor]
"""From pictures `[B, 3, 256, 256]` to probabilities `[B, C, 256, 256]`."""


@torch.no_grad()
def agreement(predict: Predictor, batches: Sequence[tuple[Tensor, Tensor]], names: Sequence[str]) -> dict[str, float]:
    """Intersection over union with the labels, over all pictures together, by class that occurs.

    Args:
        predict: the parser.
        batches: pictures and labels.
        names: of its classes. With CelebAMask-HQ's 19, facial hair in the labels counts as skin.
    """
    confusion = torch.zeros(len(names), len(names), dtype=torch.int64)
    for images, labels in batches:
        found = predict(images).argmax(1).flatten()
        wanted = torch.where(labels < len(names), labels, LABELS.index("skin")).flatten()
        confusion += torch.bincount(wanted * len(names) + found, minlength=len(names) ** 2).view_as(confusion)
    both, wanted, found = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    union = (wanted + found - both).clamp_min(1)
    return {name: float(both[i] / union[i]) for i, name in enumerate(names) if wanted[i] > 0}


def held_out_batches(pool: PooledFaces, how: ViewSettings | None, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Held-out faces one by one: unaltered, or one view of each drawn from `seed`."""
    rng, batches = np.random.default_rng(seed), []
    for index in pool.held_out:
        if how is not None:
            batches.append(draw_views(pool, [index], PARSER_SIZE, rng, how))
            continue
        picture, label = pool.face(index)
        image = torch.from_numpy(picture.transpose(2, 0, 1)).float()[None] / 127.5 - 1
        batches.append((image, torch.from_numpy(label).long()[None]))
    return batches


def train_parser(
    pool: PooledFaces,
    settings: ParserSettings,
    out: Path,
    max_minutes: float = 1e9,
    teacher: Predictor | None = None,
    start: FaceParser | None = None,
) -> FaceParser:
    """Train, or continue a run; writes `face_parser.safetensors` and `report.json` into `out`.

    Args:
        start: a trained parser to go on from, with a tenth of the learning rate; None begins anew.
        teacher: a parser of CelebAMask-HQ's classes, for comparison in the report.
    """
    torch.manual_seed(settings.seed)
    share = shares(pool, settings.views)
    net = FaceParser(normalised=start is None)
    if start is not None:
        net.load_state_dict(start.state_dict())
        unweighted(net, share, sign=-1)
    net = channels_last(net).train()
    loop_settings = LoopSettings(
        settings.steps, max_minutes, settings.seed, ema=0.998, warmup=200, clip_gradient=5.0, log_every=20
    )
    optimizer = torch.optim.AdamW(net.parameters(), settings.lr * (0.1 if start else 1), weight_decay=1e-3)
    fingerprint = asdict(settings) | ({} if start is None else {"started": True})
    loop = TrainingLoop(net, optimizer, loop_settings, out, fingerprint)

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        faces = rng.integers(0, len(pool.training), settings.batch)
        images, labels = draw_views(pool, faces.tolist(), int(rng.choice(settings.sides)), rng, settings.views)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net.logits(images)
        return parsing_loss(logits, labels, share, settings.dice)

    steps = loop.run(step)
    net.load_state_dict(loop.averaged_state())
    unweighted(net, share)
    plain = folded(net.eval()) if start is None else net.eval()
    save_half(plain.state_dict(), out / "face_parser.safetensors")
    report = {"steps": steps, "faces": len(pool.training), **measure(plain, pool, settings, teacher)}
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("face parser: %s", report)
    return plain


def measure(
    net: FaceParser, pool: PooledFaces, settings: ParserSettings, teacher: Predictor | None = None
) -> dict[str, object]:
    """Agreement with the labels on held-out faces, unaltered and as views; also the teacher's, in its classes."""
    report: dict[str, object] = {"held_out": len(pool.held_out)}
    for name, how in (("plain", None), ("views", settings.views)):
        batches = held_out_batches(pool, how, settings.seed)
        report[name] = agreement(net.probabilities, batches, LABELS)
        if teacher is not None:
            report[f"{name}, teacher"] = agreement(teacher, batches, CLASSES)
    return report
