"""The runs of `train faceclip`, `faceclip-pooled` and `faceclip-report`."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from mcaclip import weights
from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.editor import LANDMARKS
from mcaclip.errors import StudioError
from mcaclip.generators.base import Generator
from mcaclip.imaging.align import FaceAligner, align_face, load_photo
from mcaclip.imaging.photo import pictures_in
from mcaclip.perception.face_parser import FaceParser
from train.clip.attack_report import ATTACKS, AscentSettings, measure_ascent
from train.clip.feature_cache import make_attacked, make_blocks
from train.clip.negatives import Attack
from train.clip.report import colours_of_parts, report
from train.clip.scenes.scenes import SceneSet
from train.clip.train import FaceCLIPSettings, new_space, rare_faces, train_faceclip
from train.clip.train_cached import Learners, PooledSettings, train_pooled
from train.clip.word_vectors import known_tokens, read_vectors, whole_words
from train.common.loop import Budget
from train.common.setup import load_preview, load_space
from train.parser.attributes import ATTRIBUTES
from train.parser.pseudo_labels import LabelledFaces, load_faces
from train.parser.train import ParserSettings

log = logging.getLogger(__name__)


def make_faceclip(
    pool: Path,
    faces: int,
    words: Path,
    out: Path,
    max_minutes: float,
    photos: Path | None,
    ascents: int,
    start_from: Path | None = None,
) -> None:
    """Train FaceCLIP; writes `model.safetensors`, `report.json` and sheets of the ascents to `out`.

    Args:
        pool: folder of labelled faces, see `train.parser.pseudo_labels`.
        faces: their number.
        words: word vectors, see `train.clip.word_vectors`.
        photos: a folder of photos that are painted for the report, or None.
        ascents: latent ascents of each kind for the report.
        start_from: a checkpoint of another run to begin with.
    """
    labelled = load_faces(faces, ParserSettings.pool_seed, pool)
    parser = FaceParser.load(weights.get("face_parser"))
    settings = FaceCLIPSettings()
    tokens = ClipSpace(create_model()).tokenizer.encoder
    vectors = read_vectors(words, whole_words(tokens))
    space, known = new_space(parser, vectors, settings)
    preview = load_preview()
    train_faceclip(space, known, labelled, settings, out, max_minutes, start_from, Attack(preview, parser))
    space.requires_grad_(False)
    figures = _figures(space, SceneSet(labelled, space.image_size), parser, settings, photos)
    _write_report(figures, space, preview, parser, ascents, out)


def make_pooled(
    pool: Path,
    faces: int,
    words: Path,
    out: Path,
    max_minutes: float,
    photos: Path | None,
    ascents: int,
    learns: Learners = "both",
) -> None:
    """Train the FaceCLIP in use further (`train.clip.train_cached`); writes model and report to `out`.

    Networks that were trained on the old codes of texts do not fit the new ones, unless only the image tower learns.

    Args: see `make_faceclip`, and
        learns: which of the towers, see `train.clip.train_cached.PooledSettings`.
    """
    parser = FaceParser.load(weights.get("face_parser"))
    settings, space, preview = PooledSettings(learns=learns), load_space(), load_preview()
    tokens = space.tokenizer.encoder
    vectors = read_vectors(words, whole_words(tokens))
    known = known_tokens(vectors, tokens)
    scenes = _load_scenes(pool, faces, space)
    groups = rare_faces(scenes, faces - settings.block.test_faces)
    budget = Budget(max_minutes, {"paint": 1.0, "attack": 0.7, "learn": 3.0})
    minutes, seed = budget.minutes("paint"), settings.block.seed
    blocks = make_blocks(space, scenes, groups, settings.block, settings.blocks, out / "blocks", max_minutes=minutes)
    attack, minutes = Attack(preview, parser), budget.minutes("attack")
    attacked = make_attacked(space, attack, scenes, groups[0], settings.attacked, out / "attacked", seed, minutes)
    train_pooled(space, known, blocks, settings, out, budget.minutes("learn"), attacked)
    _write_report(_figures(space, scenes, parser, settings.block, photos), space, preview, parser, ascents, out)


def _load_scenes(pool: Path, faces: int, space: ClipSpace) -> SceneSet:
    return SceneSet(load_faces(faces, ParserSettings.pool_seed, pool), space.image_size)


def make_report(
    pool: Path,
    faces: int,
    out: Path,
    photos: Path | None,
    ascents: int,
    ascents_only: bool = False,
    seed: int = AscentSettings.seed,
) -> None:
    """Measure the FaceCLIP in use as after a training; writes `report.json` and the sheets of the ascents to `out`.

    Args: see `make_faceclip`, and
        ascents_only: measure nothing but the ascents.
        seed: draws the faces and colours of the ascents.
    """
    space, parser, figures = load_space(), FaceParser.load(weights.get("face_parser")), {}
    out.mkdir(parents=True, exist_ok=True)
    if not ascents_only:
        figures = _figures(space, _load_scenes(pool, faces, space), parser, FaceCLIPSettings(), photos)
    _write_report(figures, space, load_preview(), parser, ascents, out, seed)


def _figures(
    space: ClipSpace, scenes: SceneSet, parser: FaceParser, settings: FaceCLIPSettings, photos: Path | None
) -> dict[str, dict[str, float]]:
    """Figures on held-out faces and, where a folder is given, on photos."""
    faces = len(scenes.faces)
    figures = report(space, scenes, range(faces - settings.test_faces, faces), settings.seed)
    return figures | _on_photos(space, parser, photos, settings.seed) if photos is not None else figures


def _write_report(
    figures: dict[str, dict[str, float]],
    space: ClipSpace,
    preview: Generator,
    parser: FaceParser,
    ascents: int,
    out: Path,
    seed: int = AscentSettings.seed,
) -> None:
    """Writes `report.json` and the sheets of the attacks; the figures are kept even if an attack is interrupted."""
    (out / "report.json").write_text(json.dumps(figures, indent=1))
    for attack in ATTACKS:
        figures |= measure_ascent(preview, space, parser, replace(attack, cases=ascents, seed=seed), out)
    (out / "report.json").write_text(json.dumps(figures, indent=1))
    log.info("FaceCLIP: %s", figures)


def _on_photos(space: ClipSpace, parser: FaceParser, folder: Path, seed: int) -> dict[str, dict[str, float]]:
    """`colours_of_parts` on photos, whose parts the parser finds."""
    photographed = photo_faces(parser, folder)
    scenes = SceneSet(photographed, space.image_size)
    tally = colours_of_parts(space, scenes, range(len(photographed)), np.random.default_rng(seed))
    return {f"photos, {name}": value for name, value in tally.shares().items() if not name.startswith("outside: ")}


def photo_faces(parser: FaceParser, folder: Path) -> LabelledFaces:
    """Aligned faces of a folder's photos, labelled by the parser; photos without a face are named and left out."""
    aligner, images = FaceAligner(weights.get(LANDMARKS)), []
    for path in pictures_in(folder):
        try:
            images.append(F.adaptive_avg_pool2d(align_face(load_photo(path), aligner).image[None], 256))
        except StudioError as error:
            log.warning("%s left out: %s", path.name, error)
    pictures = torch.cat(images)
    labels = torch.cat([parser.probabilities(picture[None]).argmax(1) for picture in pictures]).to(torch.uint8)
    as_bytes = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    nothing_known = np.zeros((len(images), len(ATTRIBUTES)), np.int8)
    return LabelledFaces(as_bytes.numpy(), labels.numpy(), nothing_known)
