"""`python -m train global-directions`: how every style channel changes the features of a picture.

A channel is moved by plus and minus five standard deviations on some faces, and the unit vectors of the change of
features are averaged. The run can be stopped after any block of channels.

Source: Patashnik et al., "StyleCLIP" (ICCV 2021), section 6.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.config import Stack
from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator, broadcast_w, seeded_z
from mcaclip.generators.style_space import read_styles, style_ranges, style_size, with_style_shift
from mcaclip.generators.synthesis import checkpoints, finish_from
from mcaclip.methods.style_table import StyleTable, save_table
from mcaclip.platform.atomic import written_whole
from train.common.arrays import read_array, unusable, write_array

log = logging.getLogger(__name__)
TABLE = "global_directions.safetensors"
STATE, DONE = "relevance.npy", "done.json"


@dataclass(frozen=True)
class TableSettings:
    """Settings of a table.

    Attributes:
        images: faces that each channel is measured on (100 published).
        sigma: how far a channel is moved, in standard deviations, both ways.
        samples: faces that the standard deviations are from.
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


def blocks(generator: Generator, channels: list[int], size: int) -> Iterator[tuple[int, list[int]]]:
    """The channels in blocks of one slot each, with the layer from which the slot changes the picture."""
    for slot, place in style_ranges(generator):
        own = [channel for channel in channels if place.start <= channel < place.stop]
        for start in range(0, len(own), size):
            yield slot.layer, own[start : start + size]


@torch.no_grad()
def compute_table(
    generator: Generator,
    space: ClipSpace,
    settings: TableSettings,
    out: Path,
    max_minutes: float = 1e9,
    stack: Stack | None = None,
) -> Path | None:
    """Measure the channels, or continue an earlier call, and write the table into `out`.

    Args:
        generator: a preview gives the first channels of its full generator's styles.
        stack: its names are written into the file.

    Returns:
        The table's file, in which channels that were not measured yet are marked; None without a finished block.

    Raises:
        TrainingError: `out` holds a run with other settings.
    """
    started, channels = time.monotonic(), channels_to_measure(generator, settings)
    codes, std = faces(generator, settings)
    run = _Run(out, {**asdict(settings), "stack": stack.label if stack else None}, style_size(generator), space)
    for layer, block in blocks(generator, channels, max(1, settings.batch // 2)):
        if run.done.issuperset(block):
            continue
        if time.monotonic() - started > 60 * max_minutes:
            break
        run.keep(block, block_relevance(generator, space, codes, std, layer, block, settings.sigma))
        log.info("%d of %d channels, %.0f s", len(run.done), len(channels), time.monotonic() - started)
    if not run.done:
        return None
    measured = torch.zeros(len(std), dtype=torch.bool)
    measured[sorted(run.done)] = True
    names = (stack.generator_name, stack.clip) if stack else ("", "")
    save_table(StyleTable(run.relevance, std.cpu(), measured, *names, settings.images), out / TABLE)
    return out / TABLE


def faces(generator: Generator, settings: TableSettings) -> tuple[Tensor, Tensor]:
    """Codes `[images, 18, 512]` to measure on, and the standard deviation of every channel `[S]`."""
    z = seeded_z(settings.samples, settings.seed).to(generator.w_avg.device)
    codes = broadcast_w(generator.mapping(z))
    std = torch.cat([read_styles(generator, part) for part in codes.split(256)]).std(0)
    return codes[: settings.images], std


def block_relevance(
    generator: Generator, space: ClipSpace, codes: Tensor, std: Tensor, layer: int, block: list[int], sigma: float
) -> Tensor:
    """Mean direction of each channel of a block, of length 1, `[len(block), D]`; 0 for a channel without effect.

    Args:
        codes: the faces, `[N, 18, 512]`.
        layer: the layer from which these channels change the picture.
    """
    total: Tensor | None = None
    step = torch.zeros(len(block), len(std), device=std.device)
    step[range(len(block)), block] = sigma * std[block]
    shifted = with_style_shift(generator, torch.cat([step, -step]))
    for code in codes.split(1):
        start = next(state for state in checkpoints(generator, code) if state.layer == layer)
        state = start.expand(2 * len(block))
        features = space.encode_image(finish_from(shifted, code.expand(2 * len(block), -1, -1), state))
        up, down = features.chunk(2)
        direction = F.normalize(up - down, dim=1)
        total = direction if total is None else total + direction
    assert total is not None
    return F.normalize(total, dim=1).cpu()


class _Run:
    """What a run has measured so far, saved after every block."""

    def __init__(self, out: Path, settings: dict[str, object], size: int, space: ClipSpace):
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.settings, self.done = out, settings, set[int]()
        width = space.encode_text(["a face"]).shape[1]
        self.relevance = torch.zeros(size, width)
        if (out / DONE).exists():
            kept = _read_done(out / DONE, size)
            if kept["settings"] != settings:
                raise TrainingError(
                    f"{out} holds a run with other settings: choose another --out, or the same settings"
                )
            self.done = set(kept["done"])
            self.relevance = torch.from_numpy(np.array(read_array(out / STATE, (size, width), np.float16))).float()

    def keep(self, block: list[int], relevance: Tensor) -> None:
        """Add a block."""
        self.relevance[block] = relevance
        self.done.update(block)
        write_array(self.out / STATE, self.relevance.half().numpy())
        text = json.dumps({"settings": self.settings, "done": sorted(self.done)})
        with written_whole(self.out / DONE) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _read_done(file: Path, size: int) -> dict[str, Any]:
    """The settings of a run and its finished channels. Raises TrainingError for a damaged file."""
    try:
        kept = json.loads(file.read_bytes().decode("utf-8"))
        done = kept["done"]
        if "settings" in kept and all(type(channel) is int and 0 <= channel < size for channel in done):
            return dict(kept)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise unusable(file, "it is damaged")
