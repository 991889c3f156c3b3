"""Fits a method on the fly, with few steps, for `python -m mcaclip compare --fit-steps N`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import loading as stacks
from mcaclip.config import check_parser
from mcaclip.methods.base import Fitter
from mcaclip.types import Progress, ProgressCallback
from train.common.precision import choose_precision
from train.prompt.objective import PromptObjective
from train.prompt.presets import PromptSettings, settings_for
from train.prompt.prompt import check_prompts, fit_prompts

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


def short_settings(method: str, preset: str, steps: int) -> PromptSettings:
    """The settings of a method, cut to a number of steps; the stages at full size are cut with it.

    Raises:
        TrainingError: unknown method or preset.
    """
    settings = settings_for(method, preset)
    agreement = replace(settings.agreement, steps=min(settings.agreement.steps, steps))
    faces = min(settings.upper_mask_faces, steps)
    return replace(settings, steps=steps, agreement=agreement, upper_mask_faces=faces)


def make_fitter(editor: FaceEditor, steps: int, out: Path) -> Fitter:
    """What fits a method to a prompt through an editor's preview, each into a folder of its own in `out`.

    A method that was fitted there with as many steps is not fitted again.

    Raises:
        StudioError: the stack's parser does not go with its generator.
    """
    slots, models, device = editor.slots, editor.models, editor.device
    check_parser(slots)
    parser = stacks.load_parser(slots, device)

    def fit(method: str, prompt: str, callback: ProgressCallback | None) -> Path:
        (words,) = check_prompts([prompt])
        settings = short_settings(method, slots.name, steps)
        parts = (models.preview, models.space, models.identity, parser)
        objective = PromptObjective(*parts, [words], settings, precision=choose_precision("auto", device))
        folder = out / f"{method}_{re.sub('[^a-z0-9]+', '_', words.lower())}_{steps}"

        def progress(share: float) -> None:
            if callback:
                callback(Progress(f"fitting {method}", share))

        return fit_prompts(
            objective, models.generator, folder, sheet_every=0, stack=slots, method=method, progress=progress
        )

    return fit
