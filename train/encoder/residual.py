"""`python -m train residual-encoder`: the network that gives *instant* inversions their residual.

Its pictures show what no code says: features of one face in places of another's, faces that are bent, things that
stand before them, other light. Where the picture is the generator's own, the features that made it are known, and
the network learns them too; otherwise it learns from the pictures alone.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.residual import SIDE, residual_layer
from mcaclip.generators.synthesis import Resume, features_behind, finish_from, layer_rgb
from mcaclip.inversion.encoder import FaceEncoder, view_of
from mcaclip.inversion.likeness import Likeness, LikenessWeights
from mcaclip.inversion.residual_encoder import ResidualEncoder
from mcaclip.inversion.residual_fit import channel_spread
from mcaclip.inversion.start import RELAXATION
from mcaclip.nn.safetensors_io import save_half
from mcaclip.perception.identity import FaceIdentity
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.encoder.degrade import Degradation, degrade
from train.heads.preview_head import psnr

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResidualEncoderSettings:
    """Settings of the training.

    Attributes:
        steps: of `batch` new faces each (about 2.5 s per step on two CPU cores).
        seed: of the faces and of the first weights.
        features: weight of the squared error of the map, in spreads of its channels, where it is known.
        size: weight of the mean squared map, in spreads of its channels.
        ema: decay of the averaged weights.
        held_out: faces of the report.
        looks: how far the photos' light and things before the face differ from the generator's.
    """

    steps: int = 1500
    batch: int = 4
    lr: float = 1e-3
    seed: int = 91
    features: float = 0.2
    size: float = 0.01
    ema: float = 0.99
    held_out: int = 24
    likeness: LikenessWeights = field(default_factory=lambda: LikenessWeights(identity=1.0))
    looks: Degradation = field(default_factory=lambda: Degradation(0.01, 0.02, 2.0, 0.12, 5.0, 0.12, 0.5))


@dataclass(frozen=True)
class ResidualFaces:
    """Faces to learn from.

    Attributes:
        photo: `[B, 3, 256, 256]` in [-1, 1].
        code: the encoder's, `[B, 18, 512]`.
        made: its picture, like `photo`.
        state: what the residual's layer starts from.
        plain: features behind the layer, `[B, 512, 32, 32]`.
        wanted: the features that made the photo; they say nothing where `known [B, 1, 1, 1]` is 0.
    """

    photo: Tensor
    code: Tensor
    made: Tensor
    state: Resume
    plain: Tensor
    wanted: Tensor
    known: Tensor


class Trainer:
    """Makes faces, and pictures of predictions."""

    def __init__(
        self,
        generator: PreviewGenerator,
        identity: FaceIdentity,
        encoder: FaceEncoder,
        settings: ResidualEncoderSettings,
    ):
        self.generator, self.identity, self.encoder, self.settings = generator, identity, encoder, settings
        self.layer = residual_layer(generator)
        self.sampler = CodeSampler(psi=(0.5, 1.0), mix=0.3, jitter=0.2)

    def picture(self, code: Tensor, features: Tensor, below: Resume) -> Tensor:
        """The picture `[B, 3, 256, 256]` with these features behind the residual's layer."""
        with torch.autocast(code.device.type, torch.bfloat16):
            rgb = layer_rgb(self.generator, self.layer, features, code, below.rgb)
            return finish_from(self.generator, code, Resume(self.layer + 1, features, rgb)).float()

    @torch.no_grad()
    def faces(self, rng: np.random.Generator) -> ResidualFaces:
        """New faces, seen as an inversion sees a photo."""
        s = self.settings
        own, other = self.sampler.draw(self.generator, 2 * s.batch, rng).chunk(2)
        below, first = features_behind(self.generator, own, self.layer)
        wanted = _mixed(first, features_behind(self.generator, other, self.layer)[1], rng)
        clean = self.picture(own, wanted, below).clamp(-1, 1)
        looks = [rng.random() < 0.5 for _ in range(s.batch)]
        photo = torch.stack(
            [_seen(p, rng, s.looks) if changed else p for p, changed in zip(clean, looks, strict=True)]
        )
        code = self.encoder.code(view_of(self.identity, photo))
        if rng.random() < 0.5:  # as `EncoderStart` goes on, once
            answer = self.encoder.code(view_of(self.identity, self._plainly(code)[0]))
            code = code + RELAXATION * (code - answer)
        made, state, plain = self._plainly(code)
        known = torch.tensor([[[[float(not changed)]]] for changed in looks]).to(photo)
        return ResidualFaces(photo, code, made, state, plain, wanted, known)

    def _plainly(self, code: Tensor) -> tuple[Tensor, Resume, Tensor]:
        state, plain = features_behind(self.generator, code, self.layer)
        return self.picture(code, plain, state).clamp(-1, 1), state, plain

    def terms(self, network: ResidualEncoder, faces: ResidualFaces) -> dict[str, Tensor]:
        """The loss and its parts."""
        s = self.settings
        with torch.autocast(faces.code.device.type, torch.bfloat16):
            added = network(faces.photo, faces.made, faces.plain)
        added = added.float()
        error = (faces.plain + added - faces.wanted) / network.spread
        feature = (error.square() * faces.known).mean()
        size = (added / network.spread).square().mean()
        likeness = Likeness.of(faces.photo, self.identity)
        parts = likeness.parts(self.picture(faces.code, faces.plain + added, faces.state), self.identity)
        distance = likeness.total(parts, s.likeness)
        loss = distance + s.features * feature + s.size * size
        return {"loss": loss, "picture": distance, **parts, "map": feature, "size": size}


def _mixed(first: Tensor, second: Tensor, rng: np.random.Generator) -> Tensor:
    """Features `[B, C, s, s]` with places of another face's, moved or bent; one face in three stays itself."""
    mixed = []
    for a, b in zip(first.split(1), second.split(1), strict=True):
        kind = rng.integers(3)
        if kind == 1:
            moved = F.grid_sample(b, _grid(rng, 0.3, 0.05, first), padding_mode="reflection", align_corners=False)
            cells = int(rng.integers(3, 9))
            field_ = torch.from_numpy(rng.standard_normal((1, 1, cells, cells)).astype(np.float32)).to(first)
            field_ = F.interpolate(field_, size=a.shape[-1], mode="bicubic", align_corners=False)
            mask = torch.sigmoid((field_ - rng.uniform(0.2, 1.2)) * 8)
            a = a + mask * (moved - a)
        elif kind == 2:
            a = F.grid_sample(a, _grid(rng, 0.05, 0.04, first), padding_mode="reflection", align_corners=False)
        mixed.append(a)
    return torch.cat(mixed)


def _grid(rng: np.random.Generator, shift: float, bend: float, like: Tensor) -> Tensor:
    """Where to sample from, `[1, s, s, 2]`: a little shifted, turned, scaled and bent."""
    angle, scale = rng.uniform(-0.15, 0.15), rng.uniform(0.9, 1.1)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = rng.uniform(-shift, shift, 2)
    matrix = torch.tensor([[[cos, -sin, x], [sin, cos, y]]], dtype=torch.float32)
    grid = F.affine_grid(matrix, [1, 1, SIDE, SIDE], align_corners=False)
    wave = torch.from_numpy(rng.standard_normal((1, 2, 4, 4)).astype(np.float32)) * bend
    wave = F.interpolate(wave, size=SIDE, mode="bicubic", align_corners=False)
    return (grid + wave.permute(0, 2, 3, 1)).to(like)


def _seen(picture: Tensor, rng: np.random.Generator, looks: Degradation) -> Tensor:
    """A picture `[3, s, s]` as a photo may show it."""
    pixels = ((picture + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    changed = degrade(np.ascontiguousarray(pixels), rng, looks)
    return torch.from_numpy(changed).permute(2, 0, 1).to(picture) / 127.5 - 1


@torch.no_grad()
def evaluate(trainer: Trainer, network: ResidualEncoder) -> dict[str, float]:
    """PSNR in dB and dlib identity of new faces at 256 px, without and with the residual."""
    rng = np.random.default_rng(trainer.settings.seed + 1)
    rows = []
    count = max(1, trainer.settings.held_out // trainer.settings.batch)
    for _ in range(count):
        faces = trainer.faces(rng)
        after = trainer.picture(faces.code, faces.plain + network(faces.photo, faces.made, faces.plain), faces.state)
        for picture in (faces.made, after.clamp(-1, 1)):
            alike = trainer.identity.similarity(picture, faces.photo).mean()
            rows.append([float(psnr(picture, faces.photo).mean()), float(alike)])
    before, after_ = np.array(rows, float).reshape(-1, 2, 2).mean(0).tolist()
    return {
        "psnr_code": before[0],
        "identity_dlib_code": before[1],
        "psnr": after_[0],
        "identity_dlib": after_[1],
        "faces": count * trainer.settings.batch,
    }


def train_residual_encoder(
    generator: PreviewGenerator,
    identity: FaceIdentity,
    encoder: FaceEncoder,
    settings: ResidualEncoderSettings,
    out: Path,
    minutes: float = 1e9,
) -> dict[str, float]:
    """Train, or go on; writes `residual_encoder.safetensors` and `report.json` into `out`."""
    trainer = Trainer(generator, identity, encoder, settings)
    torch.manual_seed(settings.seed)
    network = ResidualEncoder().to(generator.w_avg.device)
    network.spread.copy_(channel_spread(generator))
    optimizer = torch.optim.AdamW(network.parameters(), settings.lr, betas=(0.9, 0.99), weight_decay=0.01)
    limits = LoopSettings(settings.steps, minutes, settings.seed, ema=settings.ema, warmup=30, log_every=10)
    loop = TrainingLoop(network, optimizer, limits, out, asdict(settings))
    loop.run(lambda _, rng: trainer.terms(network, trainer.faces(rng)))
    network.load_state_dict(loop.averaged_state())
    save_half(network.state_dict(), out / "residual_encoder.safetensors")
    report = evaluate(trainer, network.eval())
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("residual encoder: %s", report)
    return report
