"""What every edit method of the family has in common, and the table of all of them.

A method turns a face's code and a prompt into an edit. Some need nothing but the networks of the stack, some one
training for all prompts, some one for each prompt; `EditMethod.ready` and `how_to_fit` say so.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from mcaclip.config import Stack
from mcaclip.editing.library import Library
from mcaclip.editing.networks import EditNetworks
from mcaclip.errors import PromptError
from mcaclip.generators.residual import of_face
from mcaclip.types import Inversion, ProgressCallback

Needs = Literal["nothing", "once", "prompt"]
"""What has to be trained before a method edits: nothing, one model for all prompts, or one network per prompt."""

Fitter = Callable[[str, str, ProgressCallback | None], Path]
"""From the names of a method and a prompt to the weights that it fitted; the caller who may train passes it."""


@dataclass(frozen=True)
class MethodContext(EditNetworks):
    """What methods work with.

    Attributes:
        slots: the stack that the networks are from.
        device: where they are.
        libraries: fitted networks by method, then by prompt.
        files: the one file of a method that is trained once.
        fitter: fits a network on the fly; None where nothing may be trained.
        optimisation_steps: steps of the method that optimises each edit.
    """

    slots: Stack
    device: torch.device
    libraries: Mapping[str, Library]
    files: Mapping[str, Path]
    fitter: Fitter | None = None
    optimisation_steps: int = 300

    def of_face(self, face: Inversion) -> MethodContext:
        """The same with the generator and the preview of a face; see `mcaclip.generators.residual`."""
        return replace(
            self,
            generator=of_face(self.generator, face.residual),
            preview=of_face(self.preview, face.residual),
        )


@dataclass(frozen=True)
class MethodEdit:
    """One edit of one method.

    Attributes:
        image: `float32 [3, S, S]` in [-1, 1], on the CPU.
        source: the generator's picture of the face, in the same format.
        masks: `float32 [1, s, s]` in [0, 1], one per layer and one for the picture; empty for a method without masks.
        delta_w: the shift in W+ with its strength, `float32 [18, 512]`, or None.
        delta_s: the shift in StyleSpace with its strength, `float32 [P]` (see `style_space`), or None.
        seconds: wall time of the edit, without any fitting.
        notes: remarks for people.
    """

    image: Tensor
    source: Tensor
    masks: tuple[Tensor, ...]
    delta_w: Tensor | None
    delta_s: Tensor | None
    seconds: float
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        face: Inversion,
        image: Tensor,
        started: float,
        masks: Sequence[Tensor] = (),
        delta_w: Tensor | None = None,
        delta_s: Tensor | None = None,
        notes: tuple[str, ...] = (),
    ) -> MethodEdit:
        """From a batch of one face, on any device, and the time of a monotonic clock at which the edit began."""
        return cls(
            image=image[0].clamp(-1, 1).cpu(),
            source=face.original,
            masks=tuple(mask[0].cpu() for mask in masks),
            delta_w=None if delta_w is None else delta_w[0].cpu(),
            delta_s=None if delta_s is None else delta_s[0].cpu(),
            seconds=time.monotonic() - started,
            notes=notes,
        )


@dataclass(frozen=True)
class MethodInfo:
    """A line of the table of methods.

    Attributes:
        title: its name for people.
        source: where it is published.
        needs: see `Needs`.
        fit: the command of the training package that fits it, without the prompt and the stack; empty for none.
        any_stack: whether that command takes the options of a stack.
    """

    title: str
    source: str
    needs: Needs
    fit: str = ""
    any_stack: bool = True


METHODS: Mapping[str, MethodInfo] = {
    "styleclip-optimisation": MethodInfo("StyleCLIP optimisation", "Patashnik et al. 2021, section 4", "nothing"),
    "styleclip-mapper": MethodInfo(
        "StyleCLIP mapper", "Patashnik et al. 2021, section 5", "prompt", "prompt --method styleclip-mapper"
    ),
    "styleclip-global": MethodInfo(
        "StyleCLIP global direction", "Patashnik et al. 2021, section 6", "once", "global-directions"
    ),
    "cf-clip": MethodInfo("CF-CLIP", "Yu et al. 2022", "prompt", "prompt --method cf-clip"),
    "coralstyleclip": MethodInfo("CoralStyleCLIP", "Revanur et al. 2023", "prompt", "prompt --method coralstyleclip"),
    "deltaedit": MethodInfo("DeltaEdit", "Lyu et al. 2023", "once", "deltaedit"),
    "mca-universal": MethodInfo(
        "MCA-CLIP universal", "MCA-CLIP 2025, one network for any prompt", "once", "universal", any_stack=False
    ),
    "mca": MethodInfo("MCA-CLIP", "MCA-CLIP 2025", "prompt", "prompt"),
    "mca-without-ff": MethodInfo(
        "MCA-CLIP without fusion", "MCA-CLIP 2025, ablation", "prompt", "prompt --method mca-without-ff"
    ),
    "mca-without-pre": MethodInfo(
        "MCA-CLIP without masks", "MCA-CLIP 2025, ablation", "prompt", "prompt --method mca-without-pre"
    ),
}
"""All methods, in the order of tables."""


def title_of(method: str) -> str:
    """A method's name for people; a system that does not run here has its own."""
    return METHODS[method].title if method in METHODS else method


def fit_command(name: str, prompt: str, slots: Stack) -> str:
    """The command line that makes a method ready; empty for one that needs nothing."""
    info = METHODS[name]
    if info.needs == "nothing":
        return ""
    command, _, options = info.fit.partition(" ")
    words = f' "{prompt}"' if info.needs == "prompt" else ""
    stack = slots.options if info.any_stack else ""
    return f"python -m train {command}{words}{' ' + options if options else ''}{stack}"


class EditMethod(ABC):
    """One method on the networks of a stack.

    Unless a subclass says otherwise, it needs no training or one file for all prompts, as `METHODS` has it.

    Attributes:
        name: its name in `METHODS`.
    """

    name: str

    def __init__(self, context: MethodContext):
        self.context = context

    def ready(self, prompt: str) -> bool:
        """Whether it can edit with this prompt now."""
        return METHODS[self.name].needs == "nothing" or self.name in self.context.files

    def how_to_fit(self, prompt: str) -> str:
        """The command that makes it ready for a prompt; empty where nothing is needed, or nothing helps."""
        return fit_command(self.name, prompt, self.context.slots)

    def fit(self, prompt: str, callback: ProgressCallback | None = None) -> EditMethod:
        """The method, made ready for a prompt. A file for all prompts takes too long to be made on the fly.

        Raises:
            PromptError: it cannot be fitted here.
        """
        if not self.ready(prompt):
            raise self.not_ready(prompt)
        return self

    def not_ready(self, prompt: str) -> PromptError:
        """The error of a method that has no weights for a prompt."""
        title, command = METHODS[self.name].title, self.how_to_fit(prompt)
        return PromptError(f'{title} has no weights for "{prompt}" here. Fit it with: {command}')

    @abstractmethod
    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """Edit one face.

        Args:
            prompt: the words.
            strength: factor on the shift, 0..2.
            callback: gets the progress; may raise to cancel.

        Raises:
            PromptError: it is not ready for this prompt; the message says how to fit it.
        """
