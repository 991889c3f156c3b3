"""`python -m train faceclip-report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli import options as reading
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, RunOptions):
    """Measure the FaceCLIP in use: the figures of its model card."""

    out: Out = Path("runs/faceclip-report")
    ascents_only: Annotated[bool, Arg("measure nothing but the latent ascents")] = False
    seed: Annotated[int, Arg("of the ascents: other faces and colours", read=reading.seed)] = 77

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        if self.ascents_only and self.photos:
            raise StudioError("--ascents-only measures no photos: leave --photos out")


def run(options: Options) -> None:
    """Writes `report.json` and the sheets of the ascents into the run's folder."""
    from mcaclip import weights
    from mcaclip.perception.face_parser import FaceParser
    from train.clip.card import figures_of, labelled_faces, write_report
    from train.clip.scenes.scenes import SceneSet
    from train.clip.train import FaceCLIPSettings
    from train.common.setup import load_preview, load_space

    space, parser, figures = load_space(), FaceParser.load(weights.get("face_parser")), {}
    if not options.ascents_only:
        scenes = SceneSet(labelled_faces(options.pool, options.faces), space.image_size)
        figures = figures_of(space, scenes, parser, FaceCLIPSettings(), options.photos)
    write_report(figures, space, load_preview(), parser, options.ascents, options.out, options.seed)
