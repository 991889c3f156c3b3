"""`python -m train universal-words`: the universal network learns the words of a FaceCLIP that was trained further.

Words enter the network through Feature Fusion alone, so only that learns: a caption read by the new text tower has to
give the `t_w` that it gave with the old one. Mapper and masks, which only see `t_w`, stay as they are. Captions in
rarer words have to give the `t_w` of the same claim in commoner ones, so that synonyms are learned, too. No picture
is needed.
"""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mcaclip import weights
from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.clip.text_digest import IMAGE_TOWER, text_digest
from mcaclip.editing.network.mca import MCANetwork, load_network, read_header, save_network
from mcaclip.editing.universal import METHOD
from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator
from mcaclip.types import TextCode
from train.clip.captions.write import say
from train.clip.scenes.types import PARTS, Claim
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.common.setup import load_generator, load_space
from train.universal.targets import ATTRIBUTE_EDITS, draw_target_paint
from train.universal.universal import shift_loss

log = logging.getLogger(__name__)
MEASURED = 256
"""Captions, of another seed, that the result is measured on."""


@dataclass(frozen=True)
class WordsSettings:
    """Settings of the training.

    Attributes:
        captions: per step, each for another face.
        tellings: captions in common words whose mean `t_w` is the target.
        wider: share of captions in rarer words.
        attributes: share of captions that name an attribute instead of a colour.
    """

    captions: int = 40
    tellings: int = 2
    wider: float = 0.5
    attributes: float = 0.25
    steps: int = 8000
    lr: float = 4e-4
    weight_decay: float = 1e-3
    seed: int = 93
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.5, 1.0), mix=0.2, jitter=0.4, common=0.5))


def load_words(path: Path) -> ClipSpace:
    """A frozen FaceCLIP with the text tower of a file, whose image tower may have another layout.

    Raises:
        TrainingError: the file holds no text tower of FaceCLIP.
    """
    space = ClipSpace(create_model())
    try:
        tensors = {n: t.float() for n, t in load_file(path).items() if not n.startswith(IMAGE_TOWER)}
        left = space.model.load_state_dict(tensors, strict=False)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{path} holds no text tower of FaceCLIP ({error})") from error
    if left.unexpected_keys or any(not name.startswith(IMAGE_TOWER) for name in left.missing_keys):
        raise TrainingError(f"{path} holds no text tower of FaceCLIP")
    return space.requires_grad_(False).eval()


class WordsTraining:
    """The loss of a step.

    Args:
        generator: maps the faces' codes.
        network: as it was trained.
        before: the space whose words it knows.
        after: the space whose words it learns.
    """

    def __init__(
        self, generator: Generator, network: MCANetwork, before: ClipSpace, after: ClipSpace, settings: WordsSettings
    ):
        self.generator, self.before, self.after, self.settings = generator, before, after, settings
        self.teacher = copy.deepcopy(network).requires_grad_(False).eval()

    def loss(self, network: MCANetwork, rng: np.random.Generator, count: int = 0) -> dict[str, Tensor]:
        """Errors of `t_w` ("fused") and of the "shift", relative to their size, over `count` captions."""
        s, count = self.settings, count or self.settings.captions
        claims = [self._claim(rng) for _ in range(count)]
        codes = s.sampler.draw(self.generator, count, rng)
        known = [[say((claim,), rng) for claim in claims] for _ in range(s.tellings)]
        texts = [
            say((claim,), rng, wider=True) if rng.random() < s.wider else text
            for claim, text in zip(claims, known[0], strict=True)
        ]
        with torch.no_grad():
            wanted = torch.stack([self._fused(self.teacher, codes, self.before.text_codes(k)) for k in known]).mean(0)
            shift = self.teacher.mapper(wanted)
        fused = self._fused(network, codes, self.after.text_codes(texts))
        terms = {"fused": shift_loss(fused, wanted), "shift": shift_loss(network.mapper(fused), shift)}
        return {"loss": terms["fused"] + terms["shift"], **terms}

    @staticmethod
    def _fused(network: MCANetwork, codes: Tensor, text: TextCode) -> Tensor:
        fused: Tensor = network.fusion(codes, text.embedding, text.tokens, text.token_mask)
        return fused

    def _claim(self, rng: np.random.Generator) -> Claim:
        if rng.random() < self.settings.attributes:
            edit = ATTRIBUTE_EDITS[int(rng.integers(len(ATTRIBUTE_EDITS)))]
            return Claim(state=edit.state, sign=edit.sign)
        return Claim(paint=draw_target_paint(PARTS[int(rng.integers(len(PARTS)))], rng))


def retrain(
    training: WordsTraining, network: MCANetwork, settings: WordsSettings, out: Path, minutes: float
) -> MCANetwork:
    """Train the fusion in place, or continue in the run folder `out`; returns the network with averaged weights."""
    network.requires_grad_(False)
    learned = network.fusion.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        learned.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    loop_settings = LoopSettings(settings.steps, minutes, settings.seed, ema=0.995, warmup=100)
    loop = TrainingLoop(learned, optimizer, loop_settings, out, asdict(settings))
    loop.run(lambda _, rng: training.loss(network, rng))
    learned.load_state_dict(loop.averaged_state())
    return network.requires_grad_(False).eval()


def run(before: Path, out: Path, minutes: float, settings: WordsSettings = WordsSettings()) -> Path:
    """Teach the shipped universal network the words of the FaceCLIP in use.

    Writes `universal.safetensors`, and the remaining errors as `universal.json`, into the run folder `out`.

    Args:
        before: weights of the FaceCLIP whose words the network knows.
        minutes: time of this call.

    Raises:
        TrainingError: `before` is no FaceCLIP, or not the one that the network was trained with.
    """
    taught, words = weights.get("universal"), load_words(before)
    if read_header(taught).words != text_digest(before):
        raise TrainingError(f"the universal network was not taught the words of {before}: name the FaceCLIP it was")
    network, generator = load_network(taught).network, load_generator()
    training = WordsTraining(generator, network, words, load_space(), settings)
    retrain(training, network, settings, out, minutes)
    path = out / "universal.safetensors"
    save_network(network, path, {}, {}, method=METHOD, words=text_digest(weights.get("faceclip")))
    with torch.no_grad():
        terms = training.loss(network, np.random.default_rng(settings.seed + 1), MEASURED)
    errors = {name: round(float(value), 4) for name, value in terms.items()}
    log.info("remaining relative squared errors: %s", errors)
    (out / "universal.json").write_text(json.dumps(errors, indent=1))
    return path
