"""`python -m train universal`."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from train.cli.arguments import DIRECTIONS_FILE, Directions, Out, TimedOptions, check_start, minutes


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Train one edit network for every prompt that FaceCLIP knows.

    The colour teacher has its own time, which comes before that of --max-minutes.
    """

    out: Out = Path("runs/universal")
    teacher_minutes: Annotated[
        float, Arg("minutes for the colour teacher (default 45; 0: as it is)", read=minutes)
    ] = 45.0
    without_ff: Annotated[bool, Arg("the ablation: CF-CLIP's text module in place of Feature Fusion")] = False
    directions: Directions = DIRECTIONS_FILE
    measured: Annotated[Path, Arg("measured directions, of `python -m train directions`", metavar="FILE")] = Path(
        "runs/directions/directions.safetensors"
    )
    start_from: Annotated[
        Path | None,
        Arg("a universal network that knows colours already, in place of the colour teacher", metavar="FILE"),
    ] = None

    def check(self) -> None:
        """Raises StudioError for what can be refused before anything is loaded."""
        super().check()
        check_start(self.start_from)
        if self.start_from and self.without_ff:
            raise StudioError("--start-from begins with a whole network: leave --without-ff out")


def run(options: Options) -> None:
    """Trains the teacher and the network, or goes on, and writes `universal.safetensors` into the run's folder.

    With --without-ff the file is `without_ff.safetensors`.

    Raises:
        TrainingError: a file that is needed is missing or damaged.
        WeightsError: so is the network to start from.
    """
    import torch

    from mcaclip import weights
    from mcaclip.clip.text_digest import text_digest
    from mcaclip.editing.network.mca import load_network, save_network
    from mcaclip.editing.universal import METHOD
    from train.common import ranks
    from train.common.setup import load_direction, load_generator, load_parser, load_preview, load_space
    from train.directions.fit import load_regression
    from train.universal.colour_teacher import TeacherSettings, train_teacher
    from train.universal.targets import ColourShifts, EditTargets, KnownColours, TaughtColours
    from train.universal.universal import (
        REHEARSED,
        WITHOUT_FF,
        UniversalSettings,
        UniversalTraining,
        train_universal,
    )

    regression, out = load_regression(options.measured), options.out
    full, parser, space = load_generator(), load_parser(), load_space()
    preview, settings = load_preview(full=full), UniversalSettings()
    if options.without_ff:
        settings = replace(settings, network=WITHOUT_FF)
    before = load_network(options.start_from).network if options.start_from else None
    colours: ColourShifts
    if before is None:
        beard, minutes = load_direction(options.directions, "nada_beard"), options.teacher_minutes
        colours = TaughtColours(train_teacher(preview, parser, beard, TeacherSettings(), out / "teacher", minutes))
    else:
        settings, colours = replace(settings, unmasked=REHEARSED), KnownColours(before, space)
    name = "without_ff" if options.without_ff else METHOD
    training = UniversalTraining(preview, parser, space, EditTargets(colours, regression), settings)
    network, steps = train_universal(training, full, out / name, options.max_minutes, before)
    if not ranks.is_first():
        return
    path = out / f"{name}.safetensors"
    save_network(network, path, {}, {}, method=METHOD, words=text_digest(weights.get("faceclip")))
    (out / f"{name}.json").write_text(json.dumps({**asdict(settings), "steps": steps}, indent=1))
    logging.info("%d steps, written to %s; torch %s", steps, path, torch.__version__)
