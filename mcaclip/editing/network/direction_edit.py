"""Edits along a measured direction of W, where a parser finds the part that they change.

A direction is the smallest shift of a code that raises a measure of faces, such as how much hair they have. It needs
no network of its own: how far a face goes is read off its code, and where the edit acts off its picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mcaclip.editing.network.coral import CoralMasks
from mcaclip.errors import WeightsError
from mcaclip.generators.base import NUM_WS, W_DIM, Generator
from mcaclip.generators.compose import MaskedShift, open_masks
from mcaclip.generators.synthesis import Synthesis
from mcaclip.nn.ops import resize_mask, smooth
from mcaclip.perception.base import PhotoParser
from mcaclip.perception.face_parser import celeb
from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import around
from mcaclip.platform.atomic import written_whole

FORMAT = "mcaclip-directions-1"
SHAPING_ROWS = 12
"""Rows of W+ from the first on that say how a face looks; the finer ones are hardly seen."""
FEATHERED = 4
"""A fraction of the margin, one in so many pixels, becomes the soft edge of the mask."""
REMEDY = "restore it from the repository, or make it again: `python -m train directions`"


@dataclass(frozen=True)
class DirectionSpec:
    """What is known of a direction beside its numbers.

    Attributes:
        words: what asks for it.
        reaches: level of its measure to which a face is moved, in standard deviations.
        least: smallest shift, in the same unit, for faces that are there already.
        most: largest shift.
        classes: the parser's classes that the edit may change.
        margin: pixels of 256 by which they grow.
        without: classes that are then taken out of it.
        rows: first row of the shift and the one after its last.
    """

    words: str
    reaches: float
    least: float
    most: float
    classes: tuple[str, ...]
    margin: int
    without: tuple[str, ...] = ()
    rows: tuple[int, int] = (0, 8)


@dataclass(frozen=True, eq=False)
class DirectionEdit:
    """One direction, ready to edit any face; see `ReadyEdit`.

    Attributes:
        direction: the shift `[512]` that raises the measure by one standard deviation.
        slope: how the measure depends on the code, `[512]`.
        mean: the generator's mean code, `[512]`.
        parser: finds the parts of a picture.
        masked: whether it gives its masks.
    """

    spec: DirectionSpec
    direction: Tensor
    slope: Tensor
    mean: Tensor
    parser: PhotoParser
    masked: bool = True
    own_masks: bool = True
    imported: str = ""
    twin: Generator | None = None

    @property
    def key(self) -> object:
        """See `ReadyEdit.key`."""
        return self

    @property
    def maskless(self) -> DirectionEdit:
        """See `ReadyEdit.maskless`."""
        return replace(self, masked=False)

    def shift(
        self,
        generator: Generator,
        codes: Tensor,
        source: Synthesis,
        opened: bool = False,
        looks: dict[CoralMasks, list[Tensor]] | None = None,
    ) -> MaskedShift:
        """See `ReadyEdit.shift`; every layer has the same mask."""
        delta = self._delta(codes)
        if not self.masked:
            return MaskedShift(delta, [])
        if opened:
            return MaskedShift(delta, open_masks(generator, codes))
        parsed = celeb(self.parser.probabilities(source.image.clamp(-1, 1)))
        mask = around(parsed, self.spec.classes, self.spec.margin, self.spec.without)
        mask = smooth(mask, self.spec.margin // FEATHERED) if self.spec.margin >= FEATHERED else mask
        sizes = [*(layer.size for layer in generator.layers), generator.image_size]
        return MaskedShift(delta, [resize_mask(mask, size) for size in sizes])

    def _delta(self, codes: Tensor) -> Tensor:
        level = (codes[:, :SHAPING_ROWS].mean(1) - self.mean) @ self.slope
        amount = (self.spec.reaches - level).clamp(self.spec.least, self.spec.most)
        delta = torch.zeros_like(codes)
        delta[:, slice(*self.spec.rows)] = amount[:, None, None] * self.direction
        return delta


def save_directions(
    path: Path, specs: Sequence[DirectionSpec], directions: Sequence[Tensor], slopes: Sequence[Tensor], mean: Tensor
) -> None:
    """Write directions and slopes, `[512]` each, as one file. Raises OSError."""
    tensors = {"direction": torch.stack(list(directions)), "slope": torch.stack(list(slopes)), "mean": mean}
    metadata = {"format": FORMAT, "edits": json.dumps([asdict(spec) for spec in specs])}
    with written_whole(path) as temporary:
        save_file({name: tensor.float().contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def load_directions(path: Path, parser: PhotoParser, device: str | torch.device) -> Mapping[str, DirectionEdit]:
    """The edits of a file by their words.

    Raises:
        WeightsError: missing, damaged, or another file.
    """
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"it is not of format {FORMAT}")
            specs = [_spec(raw) for raw in json.loads(metadata["edits"])]
            direction, slope, mean = (file.get_tensor(name) for name in ("direction", "slope", "mean"))
        if direction.shape != (len(specs), W_DIM) or slope.shape != direction.shape or mean.shape != (W_DIM,):
            raise ValueError("its directions have another size")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} holds no directions ({error}); {REMEDY}") from error
    edits = [DirectionEdit(spec, direction[n], slope[n], mean, parser) for n, spec in enumerate(specs)]
    return MappingProxyType({edit.spec.words: edit for edit in edits})


def _spec(raw: dict) -> DirectionSpec:
    """The checked settings of a direction. Raises ValueError and its like."""
    lists = {name: tuple(raw[name]) for name in ("classes", "without", "rows")}
    spec = DirectionSpec(**{**raw, **lists})
    first, end = spec.rows
    if not 0 <= first < end <= NUM_WS or {*spec.classes, *spec.without} - {*CLASSES} or not 0 <= spec.margin < 128:
        raise ValueError(f"its settings of {spec.words!r} are out of range")
    return spec
