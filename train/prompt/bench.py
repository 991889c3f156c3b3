"""One step of a prompt fit, to be measured: `python -m mcaclip bench`."""

from __future__ import annotations

import numpy as np

from mcaclip import loading as stacks
from mcaclip.cli.bench import BenchStage
from mcaclip.editor import FaceEditor
from train.common.network import default_start, masks_above, new_network, shifted_rows
from train.common.precision import choose_precision
from train.common.setup import CHECKPOINT_FROM
from train.prompt.objective import PromptObjective
from train.prompt.presets import PRESETS

PROMPT = "green lipstick"
REPEATS = 3
"""Steps, of which the fastest counts: the first one prepares the convolutions."""


def training_step(editor: FaceEditor, full_size: bool = False) -> BenchStage:
    """Forward and backward of one batch of the stack's preset, in the precision that training would choose.

    As a fit does, it starts from the universal network where there is one: random masks are open everywhere.

    Args:
        full_size: through the full generator instead of its preview.
    """
    slots, device, models = editor.slots, editor.device, editor.models
    settings = PRESETS[slots.name]
    if slots.generator == "stylegan2":
        pair = stacks.load_generator(slots, device, CHECKPOINT_FROM)
    else:
        pair = stacks.GeneratorPair(models.generator, models.preview)
    generator = pair.full if full_size else pair.preview
    parser = stacks.load_parser(slots, device)
    precision = choose_precision("auto", device)
    objective = PromptObjective(
        generator, models.space, models.identity, parser, [PROMPT], settings, precision=precision
    )
    config = masks_above(shifted_rows(settings.network, pair.full, generator), pair.full, generator)
    start = default_start(slots, pair.full, config) if settings.weights.uses_parser_losses else None
    network = new_network(pair.full, config, start)

    def step() -> None:
        rng = np.random.default_rng(0)
        codes = settings.sampler.draw(pair.full, settings.batch, rng)
        objective(network, codes, objective.targets * settings.batch, rng)["loss"].backward()
        network.zero_grad(set_to_none=True)

    return BenchStage(f"training step, {generator.image_size} px, batch {settings.batch}", step, REPEATS)
