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
from dataclasses import asdict
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
from train.prompt.full_size_masks import learn_upper_masks
from train.prompt.full_size_rows import fit_upper_rows
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
            f"{method} does not see the words, so it learns one prompt a run: give one, then the next"
        )


def fit_prompts(
    objective: PromptObjective,
    full_generator: Generator,
    out: Path,
    max_minutes: float = 1e9,
    sheet_every: int = 100,
    start_from: Path | None = None,
    stack: Stack = STACKS["compact"],
    method: str = MCA,
    progress: Callable[[float], None] | None = None,
    finish: bool = False,
    real: RealCodes | None = None,
) -> Path:
    """Fit one edit network to the objective's prompts and write `edit.safetensors` into `out`.

    The prompts take turns; one that is named twice takes twice as many. Of several processes (see
    `train.common.ranks`) each draws a batch of its own, and the first one writes.

    `objective.generator`, the preview or the full generator itself, is trained through. After a preview, two short
    stages follow for the layers that only `full_generator` has: the upper rows learn to do at full size what the
    preview showed, and the upper mask nets learn from the finished masks below them.

    Args:
        max_minutes: of this call, including the two short stages.
        start_from: an edit network to start from instead of random weights.
        stack: is written into the file, as what the network was fitted on.
        method: is written into the file, too; the objective's settings belong to it (see `settings_for`).
        progress: called with the share 0..1 of the steps before each one; may raise to end the run.
        finish: make no more steps, so that all the time goes to the short stages.
        real: codes to train on in place of the generated ones of `PromptSettings.sampler`.
    """
    settings = objective.settings
    check_words_are_seen(settings, [target.prompt for target in objective.targets], method)
    distinct = list({target.prompt: target for target in objective.targets}.values())
    prompts = [target.prompt for target in distinct]
    torch.manual_seed(settings.seed)
    pair = (full_generator, objective.generator)
    config = masks_above(shifted_rows(settings.network, *pair), *pair)
    network = new_network(full_generator, config, start_from)
    layers_above = len(objective.generator.layers) < len(full_generator.layers)
    fits_masks = layers_above and isinstance(network.coral, CoralMasks) and settings.upper_mask_faces > 0
    fits_rows = isinstance(objective.generator, PreviewGenerator) and settings.agreement.steps > 0
    needed = {"steps": True, "rows": fits_rows, "masks": fits_masks}
    budget = Budget(max_minutes, {stage: SHARES[stage] for stage in SHARES if needed[stage]})
    minutes = 0.0 if finish else budget.minutes("steps")
    limits = LoopSettings(
        settings.steps, minutes, settings.seed, settings.ema, log_every=5, sheet_every=sheet_every, warmup=20
    )
    fingerprint = {"prompts": prompts, **asdict(settings)}
    if stack.label != DEFAULT_STACK:
        fingerprint["stack"] = stack.label
    if method != MCA:
        fingerprint["method"] = method
    if start_from is not None:
        fingerprint["start"] = sha256_of(start_from)
    if real is not None:
        fingerprint["codes"] = real.sha256
    faces: Faces = real or settings.sampler
    optimizer, scaled = _optimizer(network, settings), objective.precision.scaled
    loop = TrainingLoop(network, optimizer, limits, out, fingerprint, scaled)
    batches = MicroBatches(loop.backward, optimizer.zero_grad)
    shown = faces.draw(full_generator, 4, np.random.default_rng(settings.seed + 1))

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        if progress:
            progress(number / settings.steps)
        codes = faces.draw(full_generator, settings.batch, rng)
        first = (number * ranks.count() + ranks.rank()) * settings.batch
        turns = objective.targets
        targets = [turns[(first + i) % len(turns)] for i in range(settings.batch)]
        return batches.run(len(codes), lambda part: objective(network, codes[part], targets[part], rng), rng)

    stems = distinct_stems([prompt.replace(" ", "_") for prompt in prompts], "edit")

    def sheet(number: int) -> None:
        for target, stem in zip(distinct, stems, strict=True):
            save_edit_sheet(out / "sheets" / f"{stem}_{number:05d}.png", *_edits(objective, network, shown, target))

    before = loop.step
    loop.run(step, sheet)
    network.load_state_dict(loop.averaged_state())
    if ranks.is_first():
        sheet(loop.step)
        if loop.step > before:  # an earlier call's stage belongs to the network before these steps
            shutil.rmtree(out / "upper_rows", ignore_errors=True)
    ranks.wait()
    if fits_rows:
        assert isinstance(objective.generator, PreviewGenerator) and isinstance(full_generator, MobileStyleGAN)
        stage = (faces, out / "upper_rows", settings.agreement, budget.minutes("rows"))
        fit_upper_rows(network, full_generator, objective.generator, distinct, *stage)
    if fits_masks:
        above = faces.draw(full_generator, settings.upper_mask_faces, np.random.default_rng(settings.seed))
        texts, minutes = TextCode.stack([target.code for target in distinct]), budget.minutes("masks")
        top = len(objective.generator.layers) - 1
        learn_upper_masks(network, full_generator, above, lambda _: texts, top, max_minutes=minutes)
    path = out / "edit.safetensors"
    if not ranks.is_first():
        return path
    records = {prompt: {"steps": loop.step} for prompt in prompts}
    codes = {target.prompt: target.code for target in distinct}
    save_network(network, path, records, codes, stack.generator_name, stack.clip, method)
    (out / "settings.json").write_text(json.dumps(asdict(settings), indent=1))
    log.info("%s: %d steps, written to %s", ", ".join(prompts), loop.step, path)
    return path


@torch.no_grad()
def _edits(
    objective: PromptObjective, network: MCANetwork, codes: Tensor, target: Target
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Sources, edits and masks of some faces, edited one by one to save memory at full size."""
    made = [objective.edit(network, code[None], [target]) for code in codes]
    masks = [torch.cat(layer) for layer in zip(*(batch.masks for batch in made), strict=True)]
    return torch.cat([batch.source.image for batch in made]), torch.cat([batch.edited for batch in made]), masks
