"""`python -m train faceclip-pooled`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcaclip.cli.options import Arg
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, TimedOptions, Words


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, TimedOptions):
    """Train FaceCLIP further, on pictures that are painted and pooled once."""

    out: Out = Path("runs/faceclip-pooled")
    words: Words
    learns: Annotated[
        Literal["both", "image", "text"],
        Arg("which tower learns; with image, captions keep their codes, and with text, pictures keep theirs"),
    ] = "both"


def run(options: Options) -> None:
    """Writes model and report into the run's folder.

    Networks that were trained on the old codes of texts do not fit the new ones, unless only the image tower learns.
    """
    from mcaclip import weights
    from mcaclip.perception.face_parser import FaceParser
    from train.clip.card import figures_of, labelled_faces, write_report
    from train.clip.feature_cache import make_attacked, make_blocks
    from train.clip.negatives import Attack
    from train.clip.scenes.scenes import SceneSet
    from train.clip.train import rare_faces
    from train.clip.train_cached import PooledSettings, train_pooled
    from train.clip.word_vectors import known_tokens, read_vectors, whole_words
    from train.common.loop import Budget
    from train.common.setup import load_preview, load_space

    parser, settings, out = (
        FaceParser.load(weights.get("face_parser")),
        PooledSettings(learns=options.learns),
        options.out,
    )
    block, space, preview = settings.block, load_space(), load_preview()
    tokens = space.tokenizer.encoder
    known = known_tokens(read_vectors(options.words, whole_words(tokens)), tokens)
    scenes = SceneSet(labelled_faces(options.pool, options.faces), space.image_size)
    groups = rare_faces(scenes, options.faces - block.test_faces)
    budget = Budget(options.max_minutes, {"paint": 1.0, "attack": 0.7, "learn": 3.0})
    minutes = budget.minutes("paint")
    blocks = make_blocks(space, scenes, groups, block, settings.blocks, out / "blocks", minutes)
    attack, count, minutes = Attack(preview, parser), settings.attacked, budget.minutes("attack")
    attacked = make_attacked(space, attack, scenes, groups[0], count, out / "attacked", block.seed, minutes)
    train_pooled(space, known, blocks, settings, out, budget.minutes("learn"), attacked)
    figures = figures_of(space, scenes, parser, block, options.photos)
    write_report(figures, space, preview, parser, options.ascents, out)
