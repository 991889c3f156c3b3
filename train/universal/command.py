"""What `python -m train universal` does: teacher, edit network, file."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from mcaclip import weights
from mcaclip.editing.network.mca import save_network
from mcaclip.editing.universal import METHOD
from mcaclip.clip.clip_space import ClipSpace
from mcaclip.clip.text_digest import text_digest
from train.universal.colour_teacher import TeacherSettings, train_teacher
from train.common.setup import load_direction, load_generator, load_parser, load_preview, load_space
from train.universal.universal import WITHOUT_FF, UniversalSettings, UniversalTraining, train_universal
from train.universal.targets import WishList

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UniversalRun:
    """What a call may choose.

    Attributes:
        out: the run's folder; teacher and network have one each in it.
        directions: file of published W directions.
        teacher_minutes: time of this call for the teacher.
        minutes: time of this call for the edit network.
        without_ff: train the ablation with CF-CLIP's text module, by the same teacher.
    """

    out: Path
    directions: Path
    teacher_minutes: float
    minutes: float
    without_ff: bool = False


def run(choice: UniversalRun, space: ClipSpace | None = None) -> Path:
    """Train, or go on, and write `universal.safetensors` (`without_ff.safetensors`) into the run's folder."""
    full, parser, space = load_generator(), load_parser(), space or load_space()
    preview, beard = load_preview(full=full), load_direction(choice.directions, "nada_beard")
    teacher = train_teacher(preview, parser, beard, TeacherSettings(), choice.out / "teacher", choice.teacher_minutes)
    settings = UniversalSettings()
    if choice.without_ff:
        settings = replace(settings, network=WITHOUT_FF)
    name = "without_ff" if choice.without_ff else METHOD
    training = UniversalTraining(preview, parser, space, WishList(teacher, choice.directions), settings)
    network, steps = train_universal(training, full, choice.out / name, choice.minutes)
    path = choice.out / f"{name}.safetensors"
    save_network(network, path, {}, {}, method=METHOD, words=text_digest(weights.get("faceclip")))
    (choice.out / f"{name}.json").write_text(json.dumps({**asdict(settings), "steps": steps}, indent=1))
    log.info("%d steps, written to %s; torch %s", steps, path, torch.__version__)
    return path
