"""Do edits work on inverted codes as they do on native ones? Shipped prompts, and published W directions.

Every direction shifts both codes by the same amount, and a measure that takes no part in the inversion (dlib's
landmarks, the parser, lightness) says how far the face moved. A shift *succeeds* if the measure moves as expected by
at least half of the median movement on native codes (of the same direction, over all faces); a picture without a
detected face is a failure. All pictures are 256 px, from the preview.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editor import FaceEditor
from mcaclip.evaluation.attribute_probe import LANDMARK_SIDE
from mcaclip.evaluation.measures import HIT_SHARE, PARSE_SIZE, colour_moved, see_face
from mcaclip.imaging.colour import lab_of, srgb_to_lab
from mcaclip.language.grammar import Meaning, understand
from mcaclip.perception.base import Parser
from mcaclip.perception.face_measures import colour_measures, landmark_measures
from mcaclip.perception.regions import region
from mcaclip.types import EditSettings, Inversion, to_uint8
from mcaclip.validate import FITTED
from train.common.setup import load_direction

log = logging.getLogger(__name__)
NEEDED_SHARE = 0.5
"""Part of the median native movement that counts as success."""


@dataclass(frozen=True)
class Probe:
    """One direction, and what should happen along it.

    Attributes:
        key: its name in the file of directions.
        length: of the shift (each W+ row's norm); negative for the other way.
        measure: which of `measures` is compared.
        way: 1 if the measure should rise, -1 if it should fall.
    """

    key: str
    length: float
    measure: str
    way: int


PROBES = (
    Probe("nada_smile", 3.0, "mouth width", 1),
    Probe("a31_angle_horizontal", 3.0, "yaw", 1),
    Probe("a31_eyes_open", 3.0, "eyes open", -1),
    Probe("nada_hair_length", 3.5, "hair", 1),
    Probe("nada_age", 3.5, "hair lightness", 1),
    Probe("nada_gender", 3.0, "hair", -1),
    Probe("a31_glasses", -4.0, "glasses", 1),
    Probe("nada_beard", 3.5, "chin darkness", 1),
)
"""The expected ways were verified on generated faces; this far along its plus side a31_eyes_open closes the eyes."""


class Editability:
    """Edits codes and measures what happens.

    Args:
        editor: its preview and its shipped prompts are used.
        parser: of generated faces.
        directions: an npz file of W directions; without it only the prompts are tried.
    """

    def __init__(self, editor: FaceEditor, parser: Parser, directions: Path | None = None):
        self.editor, self.parser = editor, parser
        self.shifts: dict[str, Tensor] = {}
        if directions is None or not directions.is_file():
            log.info("W directions are skipped: there is no file at %s (name one with --directions FILE)", directions)
            return
        for probe in PROBES:
            unit = F.normalize(load_direction(directions, probe.key), dim=-1)
            self.shifts[probe.key] = probe.length * unit.to(editor.device)

    def hits(self, face: Inversion) -> dict[str, bool]:
        """For every shipped prompt: whether the colour arrives."""
        picture, parsed = self._see(face)
        if face.photo is not None:
            picture = F.adaptive_avg_pool2d(face.photo, PARSE_SIZE)
        meanings = {prompt: understand(prompt) for prompt in self.editor.prompts()}
        return {p: self._hit(face, picture, parsed, p, meaning) for p, meaning in meanings.items() if meaning}

    def _hit(self, face: Inversion, picture: Tensor, parsed: Tensor, prompt: str, meaning: Meaning) -> bool:
        edited = self.editor.preview(face, EditSettings(prompt, mode=FITTED)).image
        return colour_moved(picture, edited, region(parsed, meaning.part), lab_of(meaning.colour)) >= HIT_SHARE

    def movements(self, face: Inversion) -> dict[str, float | None]:
        """For every direction: the movement of its measure, None where no face was found."""
        if not self.shifts:
            return {}
        before, moved = self.measures(face), {}
        for probe in PROBES:
            shift = self.shifts[probe.key].cpu()
            after = self.measures(replace(face, w_plus=face.w_plus + shift))
            both = before and after
            moved[probe.key] = round(after[probe.measure] - before[probe.measure], 5) if both else None
        return moved

    def measures(self, face: Inversion) -> dict[str, float]:
        """All measures of the generator's picture of a face; empty when no face is found in it."""
        picture, parsed = self._see(face)
        large = F.interpolate(picture[None], size=LANDMARK_SIDE, mode="bicubic", align_corners=False)[0]
        faces = self.editor.find_faces(to_uint8(large))
        if not faces:
            return {}
        points, lab = faces[0].landmarks, srgb_to_lab(picture[None])
        return landmark_measures(points) | colour_measures(lab, parsed, points * PARSE_SIZE / LANDMARK_SIDE)

    def _see(self, face: Inversion) -> tuple[Tensor, Tensor]:
        return see_face(self.editor.models.preview, self.parser, face)


def prompt_summary(rows: Sequence[Mapping]) -> dict[str, float]:
    """Shares of hits in rows with `edits`: from prompts to hits of the native and of the inverted code."""
    pairs = [pair for row in rows for pair in row.get("edits", {}).values()]
    if not pairs:
        return {}
    native, inverted = np.mean(pairs, axis=0)
    return {"edits": len(pairs), "hits_native": float(native), "hits_inverted": float(inverted)}


def direction_summary(rows: Sequence[Mapping]) -> dict[str, float]:
    """Shares of success in rows with `directions`: from keys to movements of the native and of the inverted code.

    Returns:
        Over all directions, and by direction under `KEY native` and `KEY inverted`; see the module for *success*.
    """
    found: dict[str, float] = {}
    everything: list[np.ndarray] = []
    for probe in PROBES:
        pairs = [row["directions"][probe.key] for row in rows if probe.key in row.get("directions", {})]
        if not pairs:
            continue
        moved = probe.way * np.array(pairs, float)  # None becomes NaN, which no comparison is true for
        success = moved >= max(NEEDED_SHARE * float(np.nanmedian(moved[:, 0])), 0.0)
        everything.append(success)
        found |= {f"{probe.key} native": success[:, 0].mean(), f"{probe.key} inverted": success[:, 1].mean()}
    if not everything:
        return {}
    native, inverted = np.concatenate(everything).mean(0)
    total = {"shifts": sum(map(len, everything)), "success_native": native, "success_inverted": inverted}
    return {key: float(value) for key, value in (total | found).items()}
