"""`python -m train faceclip`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, TimedOptions, Words, check_start


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, TimedOptions):
    """Train FaceCLIP on the parser's faces, painted, and report what it understands."""

    out: Out = Path("runs/faceclip")
    words: Words
    start_from: Annotated[Path | None, Arg("a run's checkpoint.pt whose weights to go on from", "FILE")] = None

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        check_start(self.start_from)


def run(options: Options) -> None:
    """Writes `model.safetensors`, `report.json` and sheets of the ascents into the run's folder."""
    from mcaclip import weights
    from mcaclip.clip.clip_space import ClipSpace, create_model
    from mcaclip.perception.face_parser import FaceParser
    from train.clip.card import figures_of, labelled_faces, write_report
    from train.clip.negatives import Attack
    from train.clip.scenes.scenes import SceneSet
    from train.clip.train import FaceCLIPSettings, new_space, train_faceclip
    from train.clip.word_vectors import read_vectors, whole_words
    from train.common.setup import load_preview

    faces, out = labelled_faces(options.pool, options.faces), options.out
    parser, settings = FaceParser.load(weights.get("face_parser")), FaceCLIPSettings()
    vectors = read_vectors(options.words, whole_words(ClipSpace(create_model()).tokenizer.encoder))
    space, known = new_space(parser, vectors, settings)
    preview = load_preview()
    attack = Attack(preview, parser)
    train_faceclip(space, known, faces, settings, out, options.max_minutes, options.start_from, attack)
    space.requires_grad_(False)
    figures = figures_of(space, SceneSet(faces, space.image_size), parser, settings, options.photos)
    write_report(figures, space, preview, parser, options.ascents, out)
