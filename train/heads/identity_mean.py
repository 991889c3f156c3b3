"""`python -m train identity-mean`: the mean descriptor of generated faces, which centres identity scores."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch

from mcaclip import weights
from mcaclip.generators.base import Generator, broadcast_w, seeded_z
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.safetensors_io import save_whole
from mcaclip.perception.identity import FaceIdentity, aligned_to_chips

log = logging.getLogger(__name__)


@torch.no_grad()
def fit_identity_mean(generator: Generator, out: Path, faces: int = 300, seed: int = 61) -> dict[str, float]:
    """Write `identity_mean.safetensors` and `report.json` (cosines between different faces, raw and centred)."""
    net = FaceIdentity.load(weights.get("dlib_identity"))
    descriptors = []
    for w in generator.mapping(seeded_z(faces, seed)):
        picture = synthesize(generator, broadcast_w(w[None])).image.clamp(-1, 1)
        descriptors.append(net(aligned_to_chips(picture))[0])
    stacked = torch.stack(descriptors)
    mean = stacked.mean(0)

    def strangers(vectors: torch.Tensor) -> float:
        unit = torch.nn.functional.normalize(vectors, dim=1)
        cosines = unit @ unit.T
        return float((cosines.sum() - len(unit)) / (len(unit) * (len(unit) - 1)))

    cosines = {"strangers_raw": strangers(stacked), "strangers_centred": strangers(stacked - mean)}
    report = {"faces": faces, **cosines}
    out.mkdir(parents=True, exist_ok=True)
    save_whole({"mean": mean.contiguous()}, out / "identity_mean.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("identity mean: %s", report)
    return report
