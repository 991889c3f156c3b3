"""`python -m train global-directions`: how every style channel changes the features of a picture.

A channel is set to its mean plus and minus five standard deviations on some faces, and the unit vectors of the change
of features are averaged. Every channel is measured on one face before the next one begins, so a run may be stopped at
any time: its table is complete after the first face, and every other face makes it more exact.

Source: Patashnik et al., "StyleCLIP" (ICCV 2021), section 6, and its published code.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.config import Stack
from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator, broadcast_w, seeded_z
from mcaclip.generators.style_space import read_styles, style_ranges, style_size, with_style_shift
from mcaclip.generators.synthesis import Resume, checkpoints, finish_from
from mcaclip.methods.style_table import StyleTable, save_table
from mcaclip.nn.header import check_header, read_tensors, read_weights_header
from mcaclip.nn.safetensors_io import save_whole
from train.common.precision import FLOAT32, Precision

log = logging.getLogger(__name__)
TABLE, STATE = "global_directions.safetensors", "measured.safetensors"
SAVE_SECONDS = 30


@dataclass(frozen=True)
class TableSettings:
    """Settings of a table.

    Attributes:
        images: faces that each channel is measured on (100 published).
        sigma: how far from its mean a channel is moved, in standard deviations, both ways.
        samples: faces that the means and standard deviations are from.
        first: the first channel to measure.
        last: the channel after the last one; None for all.
        every: step between measured channels.
        batch: pictures at a time.
        seed: of the faces.
    """

    images: int = 100
    sigma: float = 5.0
    samples: int = 2000
    first: int = 0
    last: int | None = None
    every: int = 1
    batch: int = 16
    seed: int = 17


def channels_to_measure(generator: Generator, settings: TableSettings) -> list[int]:
    """Channels of s that the settings choose; those of RGB outputs are left out, as published.

    Raises:
        TrainingError: none is left.
    """
    wanted = range(settings.first, style_size(generator) if settings.last is None else settings.last, settings.every)
    allowed = {c for slot, place in style_ranges(generator) if not slot.rgb for c in range(place.start, place.stop)}
    if chosen := [channel for channel in wanted if channel in allowed]:
        return chosen
    raise TrainingError(f"no style channel is chosen: the generator has 0 to {style_size(generator) - 1}")


def blocks(generator: Generator, channels: list[int], layer: int, size: int) -> Iterator[list[int]]:
    """The channels whose slots change the picture from this layer on, in blocks of one slot each."""
    for slot, place in style_ranges(generator):
        own = [channel for channel in channels if slot.layer == layer and place.start <= channel < place.stop]
        for start in range(0, len(own), size):
            yield own[start : start + size]


@torch.no_grad()
def compute_table(
    generator: Generator,
    space: ClipSpace,
    settings: TableSettings,
    out: Path,
    max_minutes: float = 1e9,
    stack: Stack | None = None,
    precision: Precision = FLOAT32,
) -> Path | None:
    """Measure the channels, or continue an earlier call, and write the table into `out`.

    Args:
        generator: a preview gives the first channels of its full generator's styles.
        stack: its names are written into the file.
        precision: of the generator.

    Returns:
        The table's file, in which rows of channels that were not measured yet are 0; None without a finished block.

    Raises:
        TrainingError: `out` holds a run with other settings.
        WeightsError: `out` holds a damaged one.
    """
    started, channels = time.monotonic(), channels_to_measure(generator, settings)
    codes, mean, std = faces(generator, settings)
    run = _Run(out, {**asdict(settings), "stack": stack.label if stack else None}, len(std), space)
    for number, code in enumerate(codes.split(1)):
        if min(run.faces[channels]) > number:
            continue
        reset = mean - read_styles(generator, code)[0]
        for state in checkpoints(generator, code):
            for block in blocks(generator, channels, state.layer, max(1, settings.batch // 2)):
                if run.faces[block[0]] > number:
                    continue
                if time.monotonic() - started > 60 * max_minutes:
                    return run.table(std, stack)
                moved = _moved(block, reset, settings.sigma * std)
                run.add(block, _directions(generator, space, code, state, moved, precision))
    return run.table(std, stack)


def faces(generator: Generator, settings: TableSettings) -> tuple[Tensor, Tensor, Tensor]:
    """Codes `[images, 18, 512]` to measure on; mean and standard deviation of every channel, `[S]` each."""
    z = seeded_z(settings.samples, settings.seed).to(generator.w_avg.device)
    codes = broadcast_w(generator.mapping(z))
    styles = torch.cat([read_styles(generator, part) for part in codes.split(256)])
    return codes[: settings.images], styles.mean(0), styles.std(0)


def _moved(block: list[int], reset: Tensor, far: Tensor) -> Tensor:
    """Shifts `[2 n, S]` that set each channel of a block to its mean plus (first half) and minus `far`."""
    rows, shift = range(len(block)), torch.zeros(2, len(block), len(far), device=far.device)
    shift[0, rows, block], shift[1, rows, block] = (reset + far)[block], (reset - far)[block]
    return shift.flatten(0, 1)


def _directions(
    generator: Generator, space: ClipSpace, code: Tensor, start: Resume, shift: Tensor, precision: Precision
) -> Tensor:
    """From shifts up and down to the unit directions between their pictures' features, `[n, D]`; 0 for no effect.

    Args:
        code: one face, `[1, 18, 512]`.
        start: what the layer starts from, from which on the shifts change the picture.
    """
    with precision.autocast(code.device):
        shifted, count = with_style_shift(generator, shift), len(shift)
        pictures = finish_from(shifted, code.expand(count, -1, -1), start.expand(count))
    up, down = space.encode_image(pictures.float()).chunk(2)
    return F.normalize(up - down, dim=1).cpu()


class _Run:
    """What a run has measured so far: sums of directions, and how many faces each channel was measured on."""

    def __init__(self, out: Path, settings: dict[str, object], size: int, space: ClipSpace):
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.saved, self.settings = out, time.monotonic(), json.dumps(settings, sort_keys=True)
        width = space.encode_text(["a face"]).shape[1]
        self.total, self.faces = torch.zeros(size, width), torch.zeros(size)
        if (out / STATE).exists():
            remedy = "choose another --out"
            header = read_weights_header(out / STATE, remedy)
            if header.metadata.get("settings") != self.settings:
                raise TrainingError(f"{out} holds a run with other settings: {remedy}, or the same settings")
            check_header(out / STATE, header, {"total": (size, width), "faces": (size,)}, remedy)
            kept = read_tensors(out / STATE, remedy)
            self.total, self.faces = kept["total"], kept["faces"]

    def add(self, block: list[int], directions: Tensor) -> None:
        """Add a face's directions of a block of channels."""
        self.total[block] += directions
        self.faces[block] += 1
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write all that was measured, whole or not at all."""
        save_whole({"total": self.total, "faces": self.faces}, self.out / STATE, {"settings": self.settings})
        self.saved, known = time.monotonic(), self.faces[self.faces > 0]
        log.info("%d channels on %g to %g faces", len(known), min(known), max(known))

    def table(self, std: Tensor, stack: Stack | None) -> Path | None:
        """Write the table of what is measured; None where nothing is."""
        if not self.faces.any():
            return None
        self.save()
        names = (stack.generator_name, stack.clip) if stack else ("", "")
        images = int(self.faces[self.faces > 0].min())
        save_table(StyleTable(F.normalize(self.total, dim=1), std.cpu(), *names, images), self.out / TABLE)
        return self.out / TABLE
