"""The figures of FaceCLIP's model card: on held-out faces, on photos, and of latent ascents against it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from mcaclip import weights
from mcaclip.clip.clip_space import ClipSpace
from mcaclip.editor import LANDMARKS
from mcaclip.errors import StudioError
from mcaclip.generators.base import Generator
from mcaclip.imaging.align import FaceAligner, align_face, load_photo
from mcaclip.imaging.photo import pictures_in
from mcaclip.perception.face_parser import FaceParser
from train.clip.attack_report import ATTACKS, AscentSettings, measure_ascent
from train.clip.report import colours_of_parts, report
from train.clip.scenes.scenes import SceneSet
from train.clip.train import FaceCLIPSettings
from train.parser.attributes import ATTRIBUTES
from train.parser.pseudo_labels import LabelledFaces, load_faces
from train.parser.train import ParserSettings

log = logging.getLogger(__name__)


def labelled_faces(pool: Path, count: int) -> LabelledFaces:
    """The faces of `python -m train parser` in a folder. Raises TrainingError."""
    return load_faces(count, ParserSettings.pool_seed, pool)


def figures_of(
    space: ClipSpace, scenes: SceneSet, parser: FaceParser, settings: FaceCLIPSettings, photos: Path | None
) -> dict[str, dict[str, float]]:
    """Figures on held-out faces and, where a folder is given, on photos."""
    faces = len(scenes.faces)
    figures = report(space, scenes, range(faces - settings.test_faces, faces), settings.seed)
    return figures | _on_photos(space, parser, photos, settings.seed) if photos is not None else figures


def write_report(
    figures: dict[str, dict[str, float]],
    space: ClipSpace,
    preview: Generator,
    parser: FaceParser,
    ascents: int,
    out: Path,
    seed: int = AscentSettings.seed,
) -> None:
    """Writes `report.json` and the sheets of the attacks; the figures are kept even if an attack is interrupted.

    Args:
        ascents: of each kind.
        seed: draws the faces and colours of the ascents.
    """
    out.mkdir(parents=True, exist_ok=True)
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
