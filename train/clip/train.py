"""`python -m train faceclip`: train FaceCLIP on painted generated faces and what captions say of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.clip.clip_space import FACECLIP, ClipSpace, create_model
from mcaclip.nn.safetensors_io import save_half
from mcaclip.perception.face_parser import FaceParser
from train.clip.captions.batch import CaptionBatch, Facts, write_captions
from train.clip.negatives import Attack, Example, no_faces
from train.clip.scenes.scenes import SceneSet
from train.clip.scenes.types import PARTS, STATES, Scene
from train.clip.word_vectors import token_table
from train.common.checkpoint import take_averaged
from train.common.loop import LoopSettings, TrainingLoop
from train.common.painting import augment
from train.parser.pseudo_labels import LabelledFaces

ATTACK_EVERY = 4
"""Steps of training per step of the attack."""
CHUNKS = 5
"""Pieces of like length in which captions are encoded: most are short, and padding costs as much as words."""


@dataclass(frozen=True)
class FaceCLIPSettings:
    """Settings of the training.

    Attributes:
        test_faces: faces at the pool's end that are held out.
        groups: faces per batch, each with four scenes that differ in one thing.
        captions: captions per scene, the first of which has a twin that is false in one claim.
        rare_share: share of a batch's faces that are drawn from those that show a rare state (bald, hat ...).
        broken: pictures per batch that show no face, and as many that an attack on the towers in training has made.
        lr: of the towers.
        word_noise: greatest deviation of the noise on token embeddings, relative to theirs (see `blurred`).
    """

    test_faces: int = 150
    groups: int = 12
    captions: int = 2
    rare_share: float = 0.15
    broken: int = 2
    steps: int = 9000
    lr: float = 1e-3
    weight_decay: float = 0.02
    word_noise: float = 0.7
    seed: int = 31


def contrastive_loss(logits: Tensor, fits: Tensor) -> Tensor:
    """Symmetric InfoNCE in which several captions may be true of a picture, and some are neither true nor false.

    The more pictures a caption is true of, the less it counts: "a face" teaches nothing.

    Args:
        logits: pictures by captions `[B, C]`.
        fits: `[B, C]`: 1 true, -1 false, 0 not known (left out of both sums).
    """
    logits = logits.masked_fill(fits == 0, -1e4)
    target = (fits > 0).float()
    target = target / target.sum(0, keepdim=True).clamp_min(1)
    rows = -(target / target.sum(1, keepdim=True).clamp_min(1e-6) * logits.log_softmax(1)).sum(1)
    special = target.amax(0)
    columns = -(target * logits.log_softmax(0)).sum(0)
    return (rows.mean() + (columns * special).sum() / special.sum()) / 2


def draw_batch(
    scenes: SceneSet,
    faces: Sequence[np.ndarray],
    settings: FaceCLIPSettings,
    rng: np.random.Generator,
    more: Sequence[Example] = (),
) -> tuple[Tensor, CaptionBatch]:
    """Pictures `[B, 3, S, S]` in [-1, 1] and their captions.

    Args:
        faces: groups that are drawn from in turn, see `rare_faces`.
        more: further pictures, whose colours and states the probes do not read.
    """
    images, drawn = draw_pictures(scenes, faces, settings, rng, more)
    return images, write_captions(drawn, settings.captions, rng, [(x.scene, x.caption) for x in more])


def draw_pictures(
    scenes: SceneSet,
    faces: Sequence[np.ndarray],
    settings: FaceCLIPSettings,
    rng: np.random.Generator,
    more: Sequence[Example] = (),
) -> tuple[Tensor, list[Scene]]:
    """Augmented pictures `[B, 3, S, S]`, those of `more` last, and what the first ones show."""
    chosen = draw_faces(faces, settings, rng)
    drawn = [scene for face in chosen for scene in scenes.draw(int(face), rng)]
    pictures = [scenes.render(scene, rng) for scene in drawn]
    return augment(torch.stack([*pictures, *(x.picture for x in more)]), scenes.size, rng), drawn


def draw_faces(faces: Sequence[np.ndarray], settings: FaceCLIPSettings, rng: np.random.Generator) -> np.ndarray:
    """The faces of a batch; groups of rare faces take turns, so that no state crowds out a rarer one."""
    usual, *rare = faces
    turns = rng.binomial(settings.groups, settings.rare_share) if rare else 0
    found = {int(rng.choice(rare[int(rng.integers(len(rare)))])) for _ in range(turns)}
    others = rng.choice(usual, settings.groups + len(found), replace=False)
    return np.array([*found, *(f for f in others if f not in found)][: settings.groups])


def rare_faces(scenes: SceneSet, faces: int, rarer_than: float = 0.05) -> list[np.ndarray]:
    """All of the first `faces` faces, then those with each side of a state that fewer than `rarer_than` show."""
    states = np.array([scenes.scene(face).states for face in range(faces)])
    sides = [np.flatnonzero(states[:, n] == sign) for n in range(states.shape[1]) for sign in (1, -1)]
    return [np.arange(faces), *(side for side in sides if 0 < len(side) < rarer_than * faces)]


class FactProbe(nn.Module):
    """Predicts parts, colours and attributes from features by one linear layer that is discarded after training.

    With it a tower learns colours in a few hundred steps, for which the contrastive loss alone needs thousands.
    """

    def __init__(self, width: int):
        super().__init__()
        self.read = nn.Linear(width, 4 * len(PARTS) + len(STATES))

    def forward(self, features: Tensor, facts: Facts) -> Tensor:
        """The loss of `features [B, width]` against the facts."""
        flags, lab, states = self.read(features).split((len(PARTS), 3 * len(PARTS), len(STATES)), dim=1)
        painted = F.binary_cross_entropy_with_logits(flags, facts.painted)
        error = (lab.view_as(facts.lab) - facts.lab).abs().mean(2) * facts.painted
        known = facts.states.abs()
        sides = F.binary_cross_entropy_with_logits(states, (facts.states > 0).float(), reduction="none") * known
        return 2 * painted + error.sum() / facts.painted.sum().clamp_min(1) + sides.sum() / known.sum().clamp_min(1)


class Trainee(nn.Module):
    """FaceCLIP with its probes; `known` tokens keep the embedding that word vectors gave them."""

    fixed: Tensor

    def __init__(self, space: ClipSpace, known: Tensor, settings: FaceCLIPSettings):
        super().__init__()
        self.space = space
        self.noise = settings.word_noise
        width = space.model.text_projection.shape[1]
        self.image_probe, self.text_probe = FactProbe(width), FactProbe(width)
        self.register_buffer("fixed", known)
        embedding = space.model.token_embedding
        embedding.weight.register_hook(lambda gradient: gradient.masked_fill(self.fixed[:, None], 0))
        embedding.register_forward_hook(self._blur_words)

    def _blur_words(self, _: nn.Module, ids: tuple[Tensor], embedded: Tensor) -> Tensor:
        return blurred(embedded, self.noise) if self.training else embedded

    def forward(self, images: Tensor, caption_batch: CaptionBatch) -> dict[str, Tensor]:
        """Loss terms of pictures `[B, 3, S, S]`, and how often a caption is true of the picture that ranks first."""
        with torch.autocast(images.device.type, torch.bfloat16):
            pictures = self.space.image_features(images).float()
            texts = self.space.text_features(caption_batch.captions).float()
        return self.terms(pictures, texts, caption_batch)

    def terms(self, pictures: Tensor, texts: Tensor, batch: CaptionBatch) -> dict[str, Tensor]:
        """The same, from features of pictures `[B, D]` and of captions `[C, D]`."""
        terms = match_terms(pictures, texts, self.space.model.logit_scale, batch.fits, batch.pairs)
        terms["seen"] = self.image_probe(pictures[: len(batch.scene_facts.painted)], batch.scene_facts)
        terms["read"] = self.text_probe(texts, batch.caption_facts)
        loss = terms["contrast"] + terms["twins"] + 0.5 * (terms["seen"] + terms["read"])
        return {"loss": loss, **terms}


def match_terms(
    pictures: Tensor, texts: Tensor, logit_scale: Tensor, fits: Tensor, pairs: Tensor
) -> dict[str, Tensor]:
    """How well pictures and captions match.

    Args:
        pictures: features `[B, D]`.
        texts: features of captions `[C, D]`.
        logit_scale: logarithm of the factor of the cosines.
        fits: `[B, C]`, see `train.clip.captions.batch.CaptionBatch`.
        pairs: `[P, 3]`, see `train.clip.captions.batch.CaptionBatch`.

    Returns:
        The losses "contrast" and "twins"; "right", how often a caption is true of the picture that ranks first.
    """
    scale = logit_scale.exp().clamp(max=60)
    cosines = F.normalize(pictures, dim=-1) @ F.normalize(texts, dim=-1).T
    picture, true, false = pairs.T
    twins = F.softplus(scale * (cosines[picture, false] - cosines[picture, true])).sum() / max(len(picture), 1)
    ranked = cosines.masked_fill(fits == 0, -1)
    right = fits.gather(0, ranked.argmax(0, keepdim=True)).eq(1).float().mean()
    return {"contrast": contrastive_loss(scale * cosines, fits), "twins": twins, "right": right}


def new_space(
    parser: FaceParser, vectors: dict[str, np.ndarray], settings: FaceCLIPSettings
) -> tuple[ClipSpace, Tensor]:
    """A FaceCLIP with random towers, the given parser and word vectors; and which tokens have a vector."""
    torch.manual_seed(settings.seed)
    space = ClipSpace(create_model(FACECLIP), FACECLIP)
    space.model.visual.trunk.parser.load_state_dict(parser.state_dict())
    embedding = space.model.token_embedding
    table, known = token_table(vectors, space.tokenizer.encoder, embedding.weight.shape[1], settings.seed)
    embedding.weight.data.copy_(table)
    return space, known


def train_faceclip(
    space: ClipSpace,
    known: Tensor,
    faces: LabelledFaces,
    settings: FaceCLIPSettings,
    out: Path,
    max_minutes: float = 1e9,
    start_from: Path | None = None,
    attack: Attack | None = None,
) -> ClipSpace:
    """Train, and write `model.safetensors` (float16) into `out`.

    Args:
        space: see `new_space`; it is trained in place.
        known: `bool [tokens]`, those whose embedding stays.
        faces: the pool; its last `settings.test_faces` are not used.
        start_from: the checkpoint of another run, whose averaged weights this one begins with.
        attack: makes pictures that fool the towers while they learn; None for none.
    """
    scenes = SceneSet(faces, space.image_size)
    groups = rare_faces(scenes, len(faces) - settings.test_faces)
    trainee = Trainee(space, known, settings)
    if start_from is not None:
        take_averaged(start_from, trainee)
    optimizer = adamw(space, trainee.parameters(), settings.lr, settings.weight_decay)
    loop_settings = LoopSettings(
        settings.steps, max_minutes, settings.seed, ema=0.998, log_every=10, warmup=100, clip_gradient=1.0
    )
    loop = TrainingLoop(trainee, optimizer, loop_settings, out, asdict(settings))
    parser = space.model.visual.trunk.parser.to(memory_format=torch.channels_last)  # half the time
    trainee.train()

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        more = no_faces(scenes, groups[0], settings.broken, rng)
        if attack is not None:
            if number % ATTACK_EVERY == 0:
                attack.advance(space, rng)
            more += attack.examples(scenes, groups[0], settings.broken, rng)
        return trainee(*draw_batch(scenes, groups, settings, rng, more))

    loop.run(step)
    parser.to(memory_format=torch.contiguous_format)
    trainee.load_state_dict(loop.averaged_state())
    trainee.eval()
    save_space(space, out)
    return space


def caption_features(space: ClipSpace, captions: Sequence[str]) -> Tensor:
    """Features `[C, D]` of captions, which are encoded in pieces of like length."""
    ids = space.tokenizer(list(captions)).to(space.mean.device)
    order = ids.argmax(1).argsort()
    read = [space.token_features(ids[rows]) for rows in order.chunk(CHUNKS)]
    return torch.cat(read)[order.argsort()]


def save_space(space: ClipSpace, out: Path) -> None:
    """Write all of FaceCLIP to `model.safetensors` (float16) in `out`."""
    save_half({k.removeprefix("model."): v for k, v in space.state_dict().items()}, out / "model.safetensors")


def blurred(embedded: Tensor, noise: float) -> Tensor:
    """Embedded words `[T, L, D]` with noise, so that words near a known one get its meaning.

    Each text has its own share of `noise` times the words' deviation. In so many dimensions the noise hardly ever
    points from one colour to another, but reaches as far as related words are.
    """
    share = torch.rand(len(embedded), 1, 1, device=embedded.device)
    return embedded + noise * share * embedded.detach().std() * torch.randn_like(embedded) if noise else embedded


def adamw(space: ClipSpace, trained: Iterable[nn.Parameter], lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW for the trained parameters of a space; only matrices other than the token embedding decay."""
    words = space.model.token_embedding.weight
    learned = [p for p in trained if p.requires_grad]
    decaying = [p for p in learned if p.ndim > 1 and p is not words]
    kept = [*(p for p in learned if p.ndim <= 1), *(p for p in learned if p is words)]
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr, betas=(0.9, 0.98), fused=True)
