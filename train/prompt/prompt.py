"""`python -m train prompt "green lipstick"`: fit an edit network, MCA-CLIP's or another method's, to prompts.

Each step draws faces, edits them through the 256 px preview and lowers the weighted sum of the method's losses. The
extras (losses on the parser's regions and on named colours, hard negatives) are settings of the preset; `paper` has
none of them.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mcaclip.config import DEFAULT_STACK, STACKS, Stack
from mcaclip.editing.network.coral import CoralMasks
from mcaclip.editing.network.mca import MCA, MCANetwork, save_network
from mcaclip.editing.network.no_text import StyleOnlyConfig
from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.language.wishes import UNDERSTOOD
from mcaclip.loading import wishes_of
from mcaclip.platform.digests import sha256_of
from mcaclip.platform.naming import distinct_stems
from mcaclip.types import TextCode
from mcaclip.validate import clean_prompt
from train.common import ranks
from train.common.backoff import MicroBatches
from train.common.faces import Faces, RealCodes
from train.common.loop import Budget, LoopSettings, TrainingLoop
from train.common.network import masks_above, new_network, parameter_groups, shifted_rows
from train.common.sheets import save_edit_sheet
from train.prompt.full_size_masks import learn_full_size_masks
from train.prompt.full_size_rows import fit_full_size_rows
from train.prompt.objective import PromptObjective, Target
from train.prompt.presets import PromptSettings

log = logging.getLogger(__name__)
SHARES = {"steps": 8.0, "rows": 1.5, "masks": 0.5}
"""Parts of a call's time for the steps and for the two short stages behind them."""


def check_prompts(prompts: Sequence[str]) -> list[str]:
    """Prompts as `mcaclip.validate.clean_prompt` leaves them.

    Raises:
        PromptError: none, or one that cannot be used.
    """
    return [clean_prompt(prompt) for prompt in prompts or [""]]


def warn_of_strange_words(stack: Stack, prompts: Sequence[str]) -> None:
    """Log a warning for every prompt that is not understood. Raises WeightsError."""
    wish = wishes_of(stack)
    for prompt in dict.fromkeys(prompts):
        read = wish(prompt)
        if read.known < UNDERSTOOD:
            log.warning('expect little of "%s": %s', prompt, read.warning)


def _optimizer(network: nn.Module, settings: PromptSettings) -> torch.optim.Optimizer:
    groups = parameter_groups(network, settings.lr, settings.mapper_lr_factor)
    if settings.optimizer != "ranger":
        return torch.optim.Adam(groups, settings.lr, fused=True)
    from pytorch_optimizer import Ranger  # a second of imports, which the other presets do not need

    # Without the flag, the steps before the rectification starts would go uphill; the published code goes downhill.
    return Ranger(groups, settings.lr, degenerated_to_sgd=True)


def check_words_are_seen(settings: PromptSettings, prompts: Sequence[str], method: str) -> None:
    """Raises TrainingError for several prompts that the network cannot tell apart: it would learn their mean."""
    if len(set(prompts)) > 1 and isinstance(settings.network.fusion, StyleOnlyConfig):
        raise TrainingError(
            f"{method} does not see the words, so it learns one prompt per run: give one, then the next"
        )


@dataclass(frozen=True)
class FitRun:
    """One call of a fit.

    Attributes:
        out: the run's folder; a run that it holds is resumed.
        max_minutes: of this call, including the two short stages.
        sheet_every: steps between sample sheets; 0 for none but the last.
        start_from: an edit network to start from instead of random weights.
        stack: is written into the file, as what the network was fitted on.
        method: is written into the file, too; the objective's settings belong to it (see `settings_for`).
        progress: called with the share 0..1 of the steps before each one; may raise to end the run.
        finish: make no more steps, so that all the time goes to the short stages.
        real: codes to train on in place of the generated ones of `PromptSettings.sampler`.
    """

    out: Path
    max_minutes: float = 1e9
    sheet_every: int = 100
    start_from: Path | None = None
    stack: Stack = STACKS["compact"]
    method: str = MCA
    progress: Callable[[float], None] | None = None
    finish: bool = False
    real: RealCodes | None = None

    def fingerprint(self, prompts: Sequence[str], settings: PromptSettings) -> dict[str, object]:
        """What a resumed run must share; what is as usual is left out."""
        found: dict[str, object] = {"prompts": prompts, **asdict(settings)}
        if self.stack.label != DEFAULT_STACK:
            found["stack"] = self.stack.label
        if self.method != MCA:
            found["method"] = self.method
        if self.start_from is not None:
            found["start"] = sha256_of(self.start_from)
        if self.real is not None:
            found["codes"] = self.real.sha256
        return found


def fit_prompts(objective: PromptObjective, full_generator: Generator, run: FitRun) -> Path:
    """Fit one edit network to the objective's prompts and write `edit.safetensors` into the run's folder.

    The prompts take turns; one that is named twice takes twice as many. Of several processes (see
    `train.common.ranks`) each draws a batch of its own, and the first one writes.

    `objective.generator`, the preview or the full generator itself, is trained through. After a preview, two short
    stages follow for the layers that only `full_generator` has: the upper rows learn to do at full size what the
    preview showed, and the upper mask nets learn from the finished masks below them.
    """
    return _PromptFit(objective, full_generator, run).result()


class _PromptFit:
    """A fit and what its parts share; for the arguments see `fit_prompts`."""

    def __init__(self, objective: PromptObjective, full_generator: Generator, run: FitRun):
        self.objective, self.full_generator, self.run = objective, full_generator, run
        self.settings = settings = objective.settings
        check_words_are_seen(settings, [target.prompt for target in objective.targets], run.method)
        self.targets = list({target.prompt: target for target in objective.targets}.values())
        self.prompts = [target.prompt for target in self.targets]
        self.faces: Faces = run.real or settings.sampler
        torch.manual_seed(settings.seed)
        pair = (full_generator, objective.generator)
        config = masks_above(shifted_rows(settings.network, *pair), *pair)
        self.network = new_network(full_generator, config, run.start_from)
        layers_above = len(objective.generator.layers) < len(full_generator.layers)
        masked = isinstance(self.network.coral, CoralMasks)
        self.stages = {
            "steps": True,
            "rows": isinstance(objective.generator, PreviewGenerator) and settings.agreement.steps > 0,
            "masks": layers_above and masked and settings.upper_mask_faces > 0,
        }
        self.budget = Budget(run.max_minutes, {stage: SHARES[stage] for stage in SHARES if self.stages[stage]})

    def result(self) -> Path:
        """The file of the fitted network."""
        steps = self._learn()
        if self.stages["rows"]:
            self._fit_rows()
        if self.stages["masks"]:
            self._fit_masks()
        path = self.run.out / "edit.safetensors"
        if ranks.is_first():
            self._write(path, steps)
        return path

    def _learn(self) -> int:
        """Lower the objective's losses; returns the steps done, earlier calls included."""
        objective, settings, run, network = self.objective, self.settings, self.run, self.network
        minutes = 0.0 if run.finish else self.budget.minutes("steps")
        limits = LoopSettings(
            settings.steps, minutes, settings.seed, settings.ema, log_every=5, sheet_every=run.sheet_every, warmup=20
        )
        optimizer, fingerprint = _optimizer(network, settings), run.fingerprint(self.prompts, settings)
        loop = TrainingLoop(network, optimizer, limits, run.out, fingerprint, objective.precision.scaled)
        batches = MicroBatches(loop.backward, optimizer.zero_grad)
        shown = self.faces.draw(self.full_generator, 4, np.random.default_rng(settings.seed + 1))

        def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
            if run.progress:
                run.progress(number / settings.steps)
            codes = self.faces.draw(self.full_generator, settings.batch, rng)
            first = (number * ranks.count() + ranks.rank()) * settings.batch
            turns = objective.targets
            targets = [turns[(first + i) % len(turns)] for i in range(settings.batch)]
            return batches.run(len(codes), lambda part: objective(network, codes[part], targets[part], rng), rng)

        before = loop.step
        loop.run(step, lambda number: self._save_sheets(shown, number))
        network.load_state_dict(loop.averaged_state())
        if ranks.is_first():
            self._save_sheets(shown, loop.step)
            if loop.step > before:  # an earlier call's stage belongs to the network before these steps
                shutil.rmtree(self._rows_folder, ignore_errors=True)
        ranks.wait()
        return loop.step

    def _save_sheets(self, codes: Tensor, number: int) -> None:
        """A sheet per prompt of the edits of some faces `[N, 18, 512]` after a number of steps."""
        stems = distinct_stems([prompt.replace(" ", "_") for prompt in self.prompts], "edit")
        for target, stem in zip(self.targets, stems, strict=True):
            path = self.run.out / "sheets" / f"{stem}_{number:05d}.png"
            save_edit_sheet(path, *_edits(self.objective, self.network, codes, target))

    @property
    def _rows_folder(self) -> Path:
        return self.run.out / "upper_rows"

    def _fit_rows(self) -> None:
        preview, full = self.objective.generator, self.full_generator
        assert isinstance(preview, PreviewGenerator) and isinstance(full, MobileStyleGAN)
        stage = (self.faces, self._rows_folder, self.settings.agreement, self.budget.minutes("rows"))
        fit_full_size_rows(self.network, full, preview, self.targets, *stage)

    def _fit_masks(self) -> None:
        rng = np.random.default_rng(self.settings.seed)
        codes = self.faces.draw(self.full_generator, self.settings.upper_mask_faces, rng)
        texts, minutes = TextCode.stack([target.code for target in self.targets]), self.budget.minutes("masks")
        top = len(self.objective.generator.layers) - 1
        learn_full_size_masks(self.network, self.full_generator, codes, lambda _: texts, top, max_minutes=minutes)

    def _write(self, path: Path, steps: int) -> None:
        run, records = self.run, {prompt: {"steps": steps} for prompt in self.prompts}
        codes = {target.prompt: target.code for target in self.targets}
        save_network(self.network, path, records, codes, run.stack.generator_name, run.stack.clip, run.method)
        (run.out / "settings.json").write_text(json.dumps(asdict(self.settings), indent=1))
        log.info("%s: %d steps, written to %s", ", ".join(self.prompts), steps, path)


@torch.no_grad()
def _edits(
    objective: PromptObjective, network: MCANetwork, codes: Tensor, target: Target
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Sources, edits and masks of some faces, edited one by one to save memory at full size."""
    made = [objective.edit(network, code[None], [target]) for code in codes]
    masks = [torch.cat(layer) for layer in zip(*(batch.masks for batch in made), strict=True)]
    return torch.cat([batch.source.image for batch in made]), torch.cat([batch.edited for batch in made]), masks
