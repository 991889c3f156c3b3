"""The colour teacher: from a part, a colour and a face to a shift of the code, without any words.

Universal mode learns two things: which shift gives a part a colour, where every example costs a pass through the
generator, and what words mean, where examples cost nothing. The teacher, whose inputs are part and colour as numbers,
learns the first from few examples; the edit network then learns from the teacher's shifts and the parser's regions,
without a picture (see `train.universal.universal`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.preview import PreviewGenerator
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.methods import losses
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.base import Parser
from train.clip.scenes.draw import draw_paint, draw_parts
from train.clip.scenes.types import PARTS, target_lab
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.common.painting import BEARD_STRENGTH, paint
from train.prompt.exemplar import COVER, FACIAL_HAIR
from train.prompt.full_size_rows import lattice_energy
from train.universal.face_windows import FIRST_ROW, SeenFace, crop, cut_square, part_window, see, show

LAST_ROW = 15
"""The last row that the embedded generator uses."""
SKIN_TAKES, DARK_HAIR = 0.35, 12.0
"""Share of a dye that skin between hairs takes, and units of L by which hair is darker than skin."""
ROWS = slice(FIRST_ROW, LAST_ROW + 1)


@dataclass(frozen=True)
class TeacherSettings:
    """Settings of the teacher's training.

    Attributes:
        faces: faces per step, each with `prompts` parts and colours.
        exemplar: weight of the distance to the painted picture.
        colour: weight of the Lab distance to the colour.
        size: weight of the mean square of the shift.
        preview: weight of the preview's picture against that of the real upper layers, because the preview only
            approximates rows 12-15 and strong shifts of the rows below.
        lattice: weight of the mesh that strong shifts of the upper rows leave on a part (see `lattice_energy`).
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


class ColourTeacher(nn.Module):
    """A small network from part, colours and code to a shift of rows 4-15.

    Facial hair starts from a published W direction that grows a beard, which the network then colours.
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
        inputs = [F.one_hot(number, len(PARTS)).float(), wanted, wanted.square(), pairs, given]
        context = self.context(w_plus[:, ROWS].mean(1))
        hidden = F.gelu(self.enter(torch.cat([*inputs, context], 1))) * (1 + self.gate(number))
        hidden = F.gelu(self.middle(hidden)) * (1 + self.gate(number))
        rows = self.out(hidden).unflatten(1, (-1, 512))
        delta = F.pad(rows, (0, 0, FIRST_ROW, 18 - LAST_ROW - 1))
        hairy = torch.tensor([[[float(part in FACIAL_HAIR)]] for part in parts], device=w_plus.device)
        return delta + hairy * self.beard


def draw_targets(face: SeenFace, count: int, rng: np.random.Generator) -> tuple[list[str], Tensor]:
    """Different shown parts, at most one of them facial hair, and a colour for each, `[n, 3]` in Lab."""
    parts = draw_parts(face.shown, count, rng)
    hair = [part for part in parts if part in FACIAL_HAIR]
    parts = [part for part in parts if part not in hair[1:]]
    labs = [target_lab(draw_paint(part, rng)) for part in parts]
    return parts, torch.tensor([lab for lab in labs if lab is not None])


class TeacherTraining:
    """The loss of the teacher: faces, targets, painted pictures."""

    def __init__(self, preview: PreviewGenerator, parser: Parser, settings: TeacherSettings):
        self.preview, self.parser, self.settings = preview, parser, settings

    def face(self, teacher: ColourTeacher, rng: np.random.Generator) -> Iterator[dict[str, Tensor]]:
        """The loss and its terms for several targets on a new face, one by one to save memory."""
        face = see(self.preview, self.parser, self.settings.sampler.draw(self.preview, 1, rng))
        for part, colour in zip(*draw_targets(face, self.settings.prompts, rng), strict=True):
            yield self._target(teacher, face, part, colour, rng)

    def _target(
        self, teacher: ColourTeacher, face: SeenFace, part: str, colour: Tensor, rng: np.random.Generator
    ) -> dict[str, Tensor]:
        s, mask = self.settings, face.regions[part]
        place = part_window(self.preview, mask, rng)
        with torch.no_grad():
            source = show(self.preview, face, torch.zeros_like(teacher.beard)[None], place)
            bare = show(self.preview, face, teacher.beard[None], place) if part in FACIAL_HAIR else source
        delta = teacher(face.code, [part], colour[None], face.labs[part][None])
        edit = show(self.preview, face, delta, place)
        cover = COVER.get(part, 0.7)
        terms = {"size": s.size * delta[:, ROWS].square().mean()}
        views = (
            ("preview", edit.window, bare.window, source.window, crop(mask, place.window), s.preview),
            ("real", edit.square, bare.square, source.square, cut_square(mask, place), 1.0),
        )
        for name, edited, before, bald, inside, weight in views:
            painted = inside * hairiness(before, bald) if part in FACIAL_HAIR else inside
            example = paint(before[0].clamp(-1, 1), painted[0], colour, 1.0, cover)[None]
            distance = losses.lab_colour_distance(edited, painted, colour, s.lightness)
            exemplar = losses.exemplar_loss(edited, example, inside)
            terms[name] = weight * (s.exemplar * exemplar + s.colour * distance)
        terms["lattice"] = s.lattice * lattice_energy(
            edit.large, resize_mask(cut_square(mask, place), edit.large.shape[-1])
        )
        return {**terms, "loss": torch.stack(list(terms.values())).sum(), "distance": distance}


def hairiness(grown: Tensor, bald: Tensor) -> Tensor:
    """The share of each pixel `[B, 1, h, w]` that is facial hair, which is darker than the skin `bald [B, 3, h, w]`.

    Skin between hairs takes some dye as well, so that a thin goatee shows its colour.
    """
    darker = srgb_to_lab(bald.clamp(-1, 1))[:, :1] - srgb_to_lab(grown.clamp(-1, 1))[:, :1]
    return (SKIN_TAKES + darker / DARK_HAIR).clamp(SKIN_TAKES, 1)


def train_teacher(
    preview: PreviewGenerator, parser: Parser, beard: Tensor, settings: TeacherSettings, out: Path, minutes: float
) -> ColourTeacher:
    """Train the teacher, or continue in the run folder `out`; returns it with averaged weights, frozen."""
    torch.manual_seed(settings.seed)
    teacher = ColourTeacher(beard)
    training = TeacherTraining(preview, parser, settings)
    optimizer = torch.optim.Adam(teacher.parameters(), settings.lr)
    loop_settings = LoopSettings(settings.steps, minutes, settings.seed, ema=0.99, warmup=20)
    loop = TrainingLoop(teacher, optimizer, loop_settings, out, asdict(settings))

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        targets = []
        for _ in range(settings.faces):
            for terms in training.face(teacher, rng):
                loop.backward(terms["loss"] / (settings.faces * settings.prompts))
                targets.append({name: term.detach() for name, term in terms.items()})
        return {name: torch.stack([terms[name] for terms in targets]).mean() for name in targets[0]}

    loop.run(step)
    teacher.load_state_dict(loop.averaged_state())
    return teacher.requires_grad_(False).eval()
