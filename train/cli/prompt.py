"""`python -m train prompt`: fit an edit network, MCA-CLIP's or another method's, to prompts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from mcaclip.cli.options import Arg
from mcaclip.config import STACKS, Stack, with_fitting_parser
from mcaclip.errors import StudioError
from train.cli.arguments import (
    DIRECTIONS_FILE,
    Out,
    PrecisionName,
    TimedOptions,
    TrainingStackOptions,
    check_start,
    count,
    count_or_none,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from train.prompt.presets import PromptSettings

MEASURED = {"mca": "full", "mca-without-ff": "without-ff", "mca-without-pre": "without-pre"}
"""Methods whose edits `evaluate` measures, with its names for them."""
VALIDATED = 8
"""Photos, and generated faces, that a fitted edit is measured on."""
Method = Literal["mca", "mca-without-ff", "mca-without-pre", "cf-clip", "styleclip-mapper", "coralstyleclip"]


@dataclass(frozen=True, kw_only=True)
class Options(TrainingStackOptions, TimedOptions):
    """Fit the edit network to one or several prompts."""

    prompts: Annotated[
        tuple[str, ...],
        Arg('"green lipstick"; named twice, it takes twice as many turns', metavar="PROMPT", positional=True),
    ]
    out: Out = Path("runs/prompt")
    preset: Annotated[
        Literal["compact", "words", "paper"] | None,
        Arg(
            "structure and losses (default: that of the stack's name; words: as compact, by CLIP's losses alone)",
        ),
    ] = None
    method: Annotated[Method | None, Arg("which method to fit (default: mca)")] = None
    without_ff: Annotated[
        bool,
        Arg("the ablation with CF-CLIP's text module in place of Feature Fusion: --method mca-without-ff"),
    ] = False
    without_pre: Annotated[bool, Arg("the ablation with no masks: --method mca-without-pre")] = False
    fusion: Annotated[Literal["tokens", "paper"] | None, Arg("override the preset's Feature Fusion variant")] = None
    full_size: Annotated[bool, Arg("train through the full generator (for a GPU)")] = False
    steps: Annotated[
        int | None,
        Arg("optimiser steps (default: the preset's); the stages after them take no more", read=count),
    ] = None
    preview_only: Annotated[
        bool, Arg("leave out the two stages at full size, for a comparison with `evaluate --size 256`")
    ] = False
    finish: Annotated[
        bool, Arg("no more steps: make the edit of what an earlier call with this --out has learned")
    ] = False
    sheet_every: Annotated[int, Arg("steps between sample sheets", read=count_or_none)] = 100
    start_from: Annotated[
        Path | None,
        Arg(
            "an edit network to go on from (default: the universal one where it fits; none for words-only losses)",
            metavar="FILE",
        ),
    ] = None
    from_scratch: Annotated[bool, Arg("start from random weights")] = False
    directions: Annotated[Path, Arg("W directions (goatees are grown)", metavar="FILE")] = DIRECTIONS_FILE
    precision: PrecisionName = "auto"
    batch: Annotated[int | None, Arg("faces per step (default: the preset's)", read=count)] = None
    seed: Annotated[int | None, Arg("seeds weights and faces (default: the preset's)", read=count_or_none)] = None
    codes: Annotated[
        Path | None,
        Arg("codes of real faces to train on, a tensor [N, 18, 512] (default: generated faces)", metavar="FILE"),
    ] = None
    photos: Annotated[
        Path | None,
        Arg("folder of photos: measure the edit on the first eight of them, into OUT/validation", metavar="DIR"),
    ] = None

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        check_start(self.start_from)
        if self.codes and not self.codes.is_file():
            raise StudioError(f"--codes: there is no file {self.codes}")
        if self.photos and not self.photos.is_dir():
            raise StudioError(f"--photos: there is no folder {self.photos}")
        if self.photos and self.chosen_method not in MEASURED:
            raise StudioError(f"--photos measures {', '.join(MEASURED)}: use `python -m mcaclip compare` for others")
        if self.start_from and self.from_scratch:
            raise StudioError("--from-scratch starts from random weights: leave --start-from out")
        if self.preview_only and (self.full_size or self.finish):
            raise StudioError("--preview-only leaves out what --full-size and --finish do: leave one of them out")
        if sum((self.without_ff, self.without_pre, self.method is not None)) > 1:
            raise StudioError(
                "--without-ff and --without-pre are methods of their own: give one of them, or --method, alone"
            )

    @property
    def chosen_method(self) -> Method:
        """The method to fit."""
        if self.without_ff:
            return "mca-without-ff"
        return "mca-without-pre" if self.without_pre else self.method or "mca"

    def settings(self, stack: Stack) -> PromptSettings:
        """The preset's settings with what the options change in them. Raises TrainingError."""
        from train.prompt.presets import settings_for, shortened, with_fusion

        settings = settings_for(self.chosen_method, self.preset or stack.name)
        if self.steps:
            settings = shortened(settings, self.steps)
        if self.batch:
            settings = replace(settings, batch=self.batch)
        if self.preview_only:
            settings = replace(settings, agreement=replace(settings.agreement, steps=0), upper_mask_faces=0)
        if self.seed is not None:
            settings = replace(settings, seed=self.seed)
        return with_fusion(settings, self.fusion) if self.fusion else settings

    def beard(self, device: torch.device) -> Tensor | None:
        """The W direction of a beard; None without a file of directions."""
        from train.common.setup import load_direction

        if self.directions.exists():
            return load_direction(self.directions, "nada_beard").to(device)
        logging.warning("no W directions at %s: goatees are painted, not grown", self.directions)
        return None


def run(options: Options) -> None:
    """Fits, and writes `edit.safetensors` into the run's folder. Raises StudioError."""
    from mcaclip import loading
    from mcaclip.config import check_parser
    from mcaclip.platform.device import choose_device
    from train.common import ranks
    from train.common.faces import RealCodes
    from train.common.network import default_start
    from train.common.precision import choose_precision
    from train.common.setup import CHECKPOINT_FROM
    from train.prompt.objective import PromptObjective
    from train.prompt.prompt import FitRun, check_prompts, fit_prompts, warn_of_strange_words

    prompts, stack = check_prompts(options.prompts), options.chosen_stack()
    check_parser(stack)
    settings, device = options.settings(stack), choose_device(options.device)
    precision = choose_precision(options.precision, device)
    precision.apply()
    real = RealCodes.read(options.codes) if options.codes else None
    pair = loading.load_generator(stack, device, CHECKPOINT_FROM)
    beard, space = options.beard(device), loading.load_space(stack, device)
    warn_of_strange_words(stack, prompts)
    judges = (loading.load_identity(stack, device), loading.load_parser(stack, device))
    through = pair.full if options.full_size else pair.preview
    objective = PromptObjective(through, space, *judges, prompts, settings, beard, precision)
    start = options.start_from
    if start is None and not options.from_scratch and settings.weights.uses_parser_losses:
        start = default_start(stack, pair.full, settings.network)
    fit = FitRun(
        options.out,
        max_minutes=options.max_minutes,
        sheet_every=options.sheet_every,
        start_from=start,
        stack=stack,
        method=options.chosen_method,
        finish=options.finish,
        real=real,
    )
    path = fit_prompts(objective, pair.full, fit)
    if not ranks.is_first():
        return
    if options.photos is not None:
        validate(prompts, path, options.photos, options, stack)
    log_use(prompts[0], options.chosen_method, path, stack)


def validate(prompts: Sequence[str], edit: Path, photos: Path, options: Options, stack: Stack) -> None:
    """Measures an edit on photos, with their residuals, and on as many generated faces."""
    from mcaclip.cli import evaluate

    column = evaluate_column(options.chosen_method, edit)
    slots = {slot: getattr(stack, slot) for slot in ("generator", "clip", "identity", "parser")}
    evaluate.run(
        evaluate.Options(
            out=options.out / "validation",
            photos=photos,
            limit=VALIDATED,
            seeds=VALIDATED,
            inversion="instant",
            size=256,
            column=(column,),
            prompt=tuple(prompts),
            stack=stack.name,
            device=options.device,
            **slots,
        )
    )


def evaluate_column(method: str, edit: Path) -> str:
    """What `evaluate --column` takes for the edit of a method."""
    return f"{MEASURED[method]}={edit}"


def log_use(prompt: str, method: str, path: Path, stack: Stack) -> None:
    """Logs the command that uses the file, and the folder where it is found without an option."""
    from mcaclip import weights

    folders = weights.WeightFolders.from_environment()
    if method != "mca":
        logging.info("compare it with: %s", compare_hint(prompt, method, path, stack.options))
        logging.info("or copy it into %s, where `compare` finds it", folders.methods)
        return
    editing = with_fitting_parser(replace(stack, parser=STACKS[stack.name].parser)).options  # no --parser in `edit`
    logging.info(
        'use it with: python -m mcaclip edit PHOTO --prompt "%s" --edits %s --out out%s', prompt, path, editing
    )
    logging.info("or copy it into %s, where it is found without --edits", folders.edits)


def compare_hint(prompt: str, method: str, path: Path, options: str) -> str:
    """The command that compares the fitted method with MCA-CLIP."""
    return (
        f'python -m mcaclip compare --seed 0 --prompt "{prompt}" --methods mca,{method} --weights {path} '
        f"--out out{options}"
    )
