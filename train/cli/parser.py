"""`python -m train parser`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import (
    DIRECTIONS_FILE,
    TEACHER_FILE,
    Directions,
    LabelledFacesOptions,
    Out,
    TimedOptions,
    check_start,
)


@dataclass(frozen=True, kw_only=True)
class Options(LabelledFacesOptions, TimedOptions):
    """Train the pixel parser on generated faces that two models label."""

    out: Out = Path("runs/parser")
    as_is: Annotated[bool, Arg("make no more faces: use those that the pool has")] = False
    teacher: Annotated[Path, Arg("the teacher's weights", metavar="FILE")] = TEACHER_FILE
    directions: Directions = DIRECTIONS_FILE
    start_from: Annotated[
        Path | None, Arg("a trained parser to go on from, with a tenth of the learning rate", metavar="FILE")
    ] = None

    def check(self) -> None:
        """See `RunOptions.check`."""
        super().check()
        check_start(self.start_from)


def run(options: Options) -> None:
    """Makes the labelled faces, trains, and writes `face_parser.safetensors` and `report.json`."""
    from mcaclip.perception.face_parser import FaceParser
    from train.common.loop import Budget
    from train.common.setup import load_parser, load_preview
    from train.parser.attributes import Directions as LoadedDirections
    from train.parser.pseudo_labels import Labellers, build_faces
    from train.parser.teacher import Teacher
    from train.parser.train import ParserSettings, PooledFaces, train_parser

    settings = ParserSettings(faces=options.faces)
    budget = Budget(options.max_minutes, {"faces": 1.0, "learn": 1.0})
    teacher = Teacher(options.teacher, ((256, False), (256, True)))
    if not options.as_is:
        models = Labellers(load_preview(), load_parser(), teacher, LoadedDirections(options.directions))
        build_faces(models, settings.faces, settings.pool_seed, options.pool, budget.minutes("faces"))
    faces = PooledFaces(options.pool, settings)
    start = None if options.start_from is None else FaceParser.load(options.start_from)
    train_parser(faces, settings, options.out, budget.minutes("learn"), teacher, start)
