"""The colour teacher: from a part, a colour and a face to a shift of the code, without any words.

Universal mode has two things to learn: what shift turns a part into a colour, for which every example costs a pass
through the generator, and what words mean, for which examples cost nothing. The teacher learns the first from few
examples, since it is told part and colour in numbers; the edit network then learns from the teacher's shifts and the
parser's regions, prompt after prompt without a picture (see `train.universal`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip import losses
from mcaclip.colour import srgb_to_lab
from mcaclip.generators.mobilestylegan import Window
from mcaclip.generators.ops import resize_mask
from mcaclip.generators.preview import PREVIEW_SIZE, PreviewGenerator
from mcaclip.generators.synthesis import Synthesis, synthesize
from mcaclip.generators.upper_window import CELLS as CELLS_ABOVE
from mcaclip.generators.upper_window import upper_picture, window_at
from mcaclip.perception.base import Parser
from mcaclip.perception.regions import dilate, region, sharpen
from train.exemplar import COVER, FACIAL_HAIR
from train.faces import CodeSampler
from train.loop import LoopSettings, TrainingLoop
from train.painting import BEARD_STRENGTH, paint
from train.scene_draw import draw_paint, draw_parts
from train.scene_types import PARTS, target_lab
from train.upper_rows import lattice_energy

FIRST_ROW, LAST_ROW = 4, 15
"""Rows that a colour shifts; those below shape the face."""
ROWS = slice(FIRST_ROW, LAST_ROW + 1)
FINE_MASK = 64
"""From this side on masks keep to the part itself; coarser cells get a margin."""
REAL_CELLS, REAL_SCALE = 20, 4
"""Side of the square that the real upper layers draw, in cells of the 128 px map; its pixels a preview pixel."""
CELLS, LARGEST_WINDOW = 16, 8
"""Side of the map that an edit starts from, and the largest side of a window, in its cells."""
SMALLEST_PART = 40.0
"""Pixels of 256 x 256 that a part must cover to count as shown."""


@dataclass(frozen=True)
class TeacherSettings:
    """Settings of the teacher's training.

    Attributes:
        faces: faces a step, each with `prompts` parts and colours.
        exemplar: weight of the distance to the painted picture.
        colour: weight of the Lab distance to the colour.
        size: weight of the mean square of the shift.
        preview: weight of the preview's picture against that of the real upper layers, which a shift must suit too:
            the preview only guesses what rows 12-15 do, and how strong shifts of the rows below come out.
        lattice: weight of the mesh that strong shifts of the upper rows print on a part (see `lattice_energy`).
    """

    faces: int = 1
    prompts: int = 8
    steps: int = 20_000
    lr: float = 2e-3
    exemplar: float = 4.0
    colour: float = 0.006
    lightness: float = 0.3
    size: float = 0.1
    preview: float = 0.5
    lattice: float = 0.5
    seed: int = 81
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.5, 1.0), mix=0.2, jitter=0.4, common=0.5))


@dataclass(frozen=True)
class SeenFace:
    """A generated face as teacher and edit network need it.

    Attributes:
        code: `[1, 18, 512]`.
        made: its 256 px picture and the features of the preview's layers.
        regions: the parts' soft masks `[1, 1, 256, 256]`, by name.
        labs: the parts' mean Lab `[3]`, by name.
        shown: the parts that are large enough to see.
    """

    code: Tensor
    made: Synthesis
    regions: Mapping[str, Tensor]
    labs: Mapping[str, Tensor]
    shown: tuple[str, ...]
    parsed: Tensor


@torch.no_grad()
def see(preview: PreviewGenerator, parser: Parser, code: Tensor) -> SeenFace:
    """Generate and parse a face of code `[1, 18, 512]`."""
    made = synthesize(preview, code, keep=range(len(preview.layers)))
    parsed = parser.parse(made, PREVIEW_SIZE)
    regions = {part: sharpen(region(parsed, part)) for part in PARTS}
    lab = srgb_to_lab(made.image.clamp(-1, 1))[0]
    labs = {part: (lab * mask[0]).sum((1, 2)) / mask.sum().clamp_min(1) for part, mask in regions.items()}
    shown = tuple(part for part, mask in regions.items() if float(mask.sum()) >= SMALLEST_PART)
    return SeenFace(code, made, regions, labs, shown, parsed)


def layer_masks(preview: PreviewGenerator, part: Tensor) -> list[Tensor]:
    """A part's masks at every layer of the preview and for its picture: `[B, 1, 256, 256]` to `[B, 1, s, s]` each."""
    wide = dilate(part, 3)
    masks = [resize_mask(part if spec.size >= FINE_MASK else wide, spec.size) for spec in preview.layers]
    return [*masks, masks[-1]]


class ColourTeacher(nn.Module):
    """A small network from part, colours and code to a shift of rows 4-15.

    Facial hair starts from a published W direction that grows a beard; the network then only colours it.
    """

    beard: Tensor

    def __init__(self, beard: Tensor, hidden: int = 256, context: int = 24):
        """Creates the network; `beard [18, 512]` is a W direction whose plus side grows a beard."""
        super().__init__()
        self.context = nn.Linear(512, context)
        self.enter = nn.Linear(len(PARTS) + 12 + context, hidden)
        self.gate = nn.Embedding(len(PARTS), hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, (LAST_ROW + 1 - FIRST_ROW) * 512)
        nn.init.normal_(self.gate.weight, std=0.1)
        nn.init.zeros_(self.out.bias)
        grown = torch.zeros(18, 512)
        grown[ROWS] = BEARD_STRENGTH * beard[ROWS]
        self.register_buffer("beard", grown)

    def forward(self, w_plus: Tensor, parts: Sequence[str], target: Tensor, source: Tensor) -> Tensor:
        """Shifts.

        Args:
            w_plus: `[B, 18, 512]`.
            parts: a part for each.
            target: its colour in Lab, `[B, 3]`.
            source: its mean Lab in the face, `[B, 3]`.

        Returns:
            `[B, 18, 512]`, zero outside rows 4-15.
        """
        number = torch.tensor([PARTS.index(part) for part in parts], device=w_plus.device)
        wanted, given = target / 50, source / 50
        pairs = wanted[:, [0, 0, 1]] * wanted[:, [1, 2, 2]]
        told = [F.one_hot(number, len(PARTS)).float(), wanted, wanted.square(), pairs, given]
        context = self.context(w_plus[:, ROWS].mean(1))
        hidden = F.gelu(self.enter(torch.cat([*told, context], 1))) * (1 + self.gate(number))
        hidden = F.gelu(self.middle(hidden)) * (1 + self.gate(number))
        rows = self.out(hidden).unflatten(1, (-1, 512))
        delta = F.pad(rows, (0, 0, FIRST_ROW, 18 - LAST_ROW - 1))
        hairy = torch.tensor([[[float(part in FACIAL_HAIR)]] for part in parts], device=w_plus.device)
        return delta + hairy * self.beard


def draw_wishes(face: SeenFace, count: int, rng: np.random.Generator) -> tuple[list[str], Tensor]:
    """Different parts that the face shows, and a colour for each, `[n, 3]` in Lab; one facial hair at most."""
    parts = draw_parts(face.shown, count, rng)
    hair = [part for part in parts if part in FACIAL_HAIR]
    parts = [part for part in parts if part not in hair[1:]]
    labs = [target_lab(draw_paint(part, rng)) for part in parts]
    return parts, torch.tensor([lab for lab in labs if lab is not None])


def choose_window(part: Tensor, rng: np.random.Generator) -> Window:
    """Rows and columns, in cells of the 16 px map, around a part `[1, 1, 256, 256]` or a piece of a large one."""
    covered = F.max_pool2d(part, PREVIEW_SIZE // CELLS)[0, 0] > 0.5
    ys, xs = (positions.cpu().numpy() for positions in torch.nonzero(covered, as_tuple=True))
    if len(ys) == 0:
        return slice(0, CELLS), slice(0, CELLS)
    pick = int(rng.integers(len(ys)))
    return _span(ys, int(ys[pick])), _span(xs, int(xs[pick]))


def _span(covered: np.ndarray, centre: int) -> slice:
    """The covered cells with a cell around them, at most `LARGEST_WINDOW`, then those about `centre`."""
    first, last = max(int(covered.min()) - 1, 0), min(int(covered.max()) + 2, CELLS)
    if last - first > LARGEST_WINDOW:
        first = min(max(centre - LARGEST_WINDOW // 2, first), last - LARGEST_WINDOW)
        last = first + LARGEST_WINDOW
    return slice(first, last)


def crop(maps: Tensor, window: Window) -> Tensor:
    """The window of maps `[B, C, s, s]` of any size."""
    scale = maps.shape[-1] // CELLS
    ys, xs = (slice(side.start * scale, side.stop * scale) for side in window)
    return maps[:, :, ys, xs]


@dataclass(frozen=True)
class Stage:
    """What an edit of one part of one face needs, cut to a window.

    Attributes:
        window: in cells of the 16 px map.
        masks: the part's, one a layer of the preview, `[1, 1, s, s]` and not cut.
        corner: top left cell, on the 128 px map, of the square of `REAL_CELLS` that the real upper layers draw.
    """

    window: Window
    masks: Sequence[Tensor]
    corner: tuple[int, int]


def set_stage(preview: PreviewGenerator, mask: Tensor, rng: np.random.Generator) -> Stage:
    """A window around a part `[1, 1, 256, 256]`, and a square in it around one of the part's pixels."""
    window, masks = choose_window(mask, rng), layer_masks(preview, mask)
    scale = CELLS_ABOVE // CELLS
    inside = crop(masks[-1], window)[0, 0].flatten().double().cpu().numpy() + 1e-9
    rows, columns = (slice(side.start * scale, side.stop * scale) for side in window)
    y, x = divmod(int(rng.choice(len(inside), p=inside / inside.sum())), columns.stop - columns.start)
    corner = _square(rows, rows.start + y), _square(columns, columns.start + x)
    return Stage(window, masks, corner)


def _square(side: slice, centre: int) -> int:
    return min(max(centre - REAL_CELLS // 2, side.start), side.stop - REAL_CELLS)


def shifted_features(preview: PreviewGenerator, face: SeenFace, delta: Tensor, stage: Stage) -> Tensor:
    """Features of the preview's last layer in the window, of the edited face: `[1, 256, h, w]`.

    Only the shifted layers are computed. They blend with the source's own features instead of computing them anew on
    the blended ones, which differs from `masked_synthesize` at the masks' edges only and costs half.
    """
    code = face.code + delta
    x = crop(face.made.features[FIRST_ROW - 1], stage.window)
    for index in range(FIRST_ROW, len(preview.layers)):
        scale = preview.layers[index].size // CELLS
        rows, columns = (slice(side.start * scale, side.stop * scale) for side in stage.window)
        source = crop(face.made.features[index], stage.window)
        edited = preview.full.layer(index, x, code, (rows, columns))
        x = source + crop(stage.masks[index], stage.window) * (edited - source)
    return x


def preview_window(preview: PreviewGenerator, face: SeenFace, x: Tensor, delta: Tensor, stage: Stage) -> Tensor:
    """The preview's picture of those features, `[1, 3, h, w]` at 256 px a face."""
    edited = preview.finish(preview.rgb(len(preview.layers) - 1, x, face.code + delta))
    before = crop(face.made.image, stage.window)
    return before + crop(resize_mask(stage.masks[-1], PREVIEW_SIZE), stage.window) * (edited - before)


def real_square(preview: PreviewGenerator, face: SeenFace, x: Tensor, delta: Tensor, stage: Stage) -> Tensor:
    """What the real upper layers make of the stage's square, `[1, 3, S, S]` at 1024 px a face."""
    scale = CELLS_ABOVE // CELLS
    left, top = (own - side.start * scale for own, side in zip(stage.corner, stage.window, strict=True))
    part = x[:, :, left : left + REAL_CELLS, top : top + REAL_CELLS]
    mask = cut_square(stage.masks[-1], stage)
    return upper_picture(preview.full, part, face.code, stage.corner, (delta, mask))


def cut_square(maps: Tensor, stage: Stage) -> Tensor:
    """The stage's square of maps `[B, C, s, s]` of 128 px or more."""
    ys, xs = window_at(stage.corner, REAL_CELLS, maps.shape[-1] // CELLS_ABOVE)
    return maps[:, :, ys, xs]


@dataclass(frozen=True)
class Pictures:
    """One edit, seen twice: the preview's window and the real square, both at 256 px a face; and the square itself."""

    window: Tensor
    square: Tensor
    large: Tensor


def show(preview: PreviewGenerator, face: SeenFace, delta: Tensor, stage: Stage) -> Pictures:
    """The edit by `delta [1, 18, 512]`."""
    x = shifted_features(preview, face, delta, stage)
    large = real_square(preview, face, x, delta, stage)
    return Pictures(preview_window(preview, face, x, delta, stage), F.avg_pool2d(large, REAL_SCALE), large)


class TeacherTraining:
    """The loss of the teacher: faces, wishes, painted pictures."""

    def __init__(self, preview: PreviewGenerator, parser: Parser, settings: TeacherSettings):
        self.preview, self.parser, self.settings = preview, parser, settings

    def face(self, teacher: ColourTeacher, rng: np.random.Generator) -> Iterator[dict[str, Tensor]]:
        """The loss and its terms for several wishes on a new face, one after the other to save memory."""
        face = see(self.preview, self.parser, self.settings.sampler.draw(self.preview, 1, rng))
        for part, colour in zip(*draw_wishes(face, self.settings.prompts, rng), strict=True):
            yield self._wish(teacher, face, part, colour, rng)

    def _wish(
        self, teacher: ColourTeacher, face: SeenFace, part: str, colour: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        s, mask = self.settings, face.regions[part]
        stage = set_stage(self.preview, mask, rng)
        with torch.no_grad():
            bare = show(self.preview, face, self._grown(teacher, part), stage)
        delta = teacher(face.code, [part], colour[None], face.labs[part][None])
        edit = show(self.preview, face, delta, stage)
        cover = COVER.get(part, 0.7)
        terms = {"size": s.size * delta[:, ROWS].square().mean()}
        views = (
            ("preview", edit.window, bare.window, crop(mask, stage.window), s.preview),
            ("real", edit.square, bare.square, cut_square(mask, stage), 1.0),
        )
        for name, edited, before, inside, weight in views:
            example = paint(before[0].clamp(-1, 1), inside[0], colour, 1.0, cover)[None]
            distance = losses.lab_colour_distance(edited, inside, colour, s.lightness)
            exemplar = losses.exemplar_loss(edited, example, inside)
            terms[name] = weight * (s.exemplar * exemplar + s.colour * distance)
        terms["lattice"] = s.lattice * lattice_energy(edit.large, resize_mask(cut_square(mask, stage), edit.large.shape[-1]))
        return {**terms, "loss": torch.stack(list(terms.values())).sum(), "distance": distance}

    def _grown(self, teacher: ColourTeacher, part: str) -> Tensor:
        """The shift of the picture that is painted: facial hair is grown first."""
        return (teacher.beard if part in FACIAL_HAIR else torch.zeros_like(teacher.beard))[None]


def train_teacher(
    preview: PreviewGenerator, parser: Parser, beard: Tensor, settings: TeacherSettings, out: Path, minutes: float
) -> ColourTeacher:
    """Train the teacher in the run folder `out`, or go on there; returns it with averaged weights, frozen."""
    torch.manual_seed(settings.seed)
    teacher = ColourTeacher(beard)
    training = TeacherTraining(preview, parser, settings)
    optimizer = torch.optim.Adam(teacher.parameters(), settings.lr)
    loop_settings = LoopSettings(settings.steps, minutes, settings.seed, ema=0.99, warmup=20)
    loop = TrainingLoop(teacher, optimizer, loop_settings, out, asdict(settings))

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        wishes = []
        for _ in range(settings.faces):
            for terms in training.face(teacher, rng):
                loop.backward(terms["loss"] / (settings.faces * settings.prompts))
                wishes.append({name: term.detach() for name, term in terms.items()})
        return {name: torch.stack([terms[name] for terms in wishes]).mean() for name in wishes[0]}

    loop.run(step)
    teacher.load_state_dict(loop.averaged_state())
    return teacher.requires_grad_(False).eval()
