"""Options that several commands share, as dataclasses to build a command's own on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from mcaclip import validate
from mcaclip.cli.batch import missing
from mcaclip.cli.options import Arg
from mcaclip.config import DEFAULT_STACK, SLOT_HELP, SLOTS, STACKS, Stack, choose
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

EditorLoader = Callable[[Stack, Sequence[Path]], "FaceEditor"]
"""From a stack, and files of fitted edits to use with it, to its editor. Tests pass their own."""

Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], Arg("where the networks run")]
StackName = Annotated[str, Arg("model stack", choices=tuple(STACKS))]
OutFolder = Annotated[Path, Arg("folder for the results", metavar="DIR")]
Overwrite = Annotated[bool, Arg("replace earlier results of the same name")]
Effort = Annotated[
    str, Arg("effort of an inversion", metavar="{" + ",".join(validate.EFFORTS) + "}", read=validate.check_effort)
]


def slot(name: str) -> Arg:
    """A network for a slot, in place of the stack's."""
    return Arg(f"{SLOT_HELP[name]} (default: the stack's)", choices=tuple(SLOTS[name]))


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """A stack, and other choices for its generator and its space of words and pictures."""

    stack: StackName = DEFAULT_STACK
    generator: Annotated[str | None, slot("generator")] = None
    generator_file: Annotated[
        Path | None,
        Arg("a StyleGAN2 of your own in that place, 256 to 1024 px, as rosinality's code writes it", metavar="FILE"),
    ] = None
    clip: Annotated[str | None, slot("clip")] = None
    device: Device = "auto"

    @property
    def slots(self) -> dict[str, str | None]:
        """The choices by slot; None keeps that of the stack."""
        return {"generator": self.generator, "clip": self.clip}

    def chosen_stack(self) -> Stack:
        """The stack that the options choose. Raises StudioError for a generator's file that cannot be it."""
        chosen = choose(self.stack, **self.slots)
        if self.generator_file is None:
            return chosen
        if self.generator == "mobilestylegan":
            raise StudioError("--generator-file is a StyleGAN2: leave --generator out")
        from mcaclip.weights.own import with_generator_file

        return with_generator_file(chosen, self.generator_file)


@dataclass(frozen=True, kw_only=True)
class EditorOptions(StackOptions):
    """The choices by which an editor is loaded."""

    encoder: Annotated[str | None, slot("encoder")] = None
    identity: Annotated[str | None, slot("identity")] = None
    edits: Annotated[
        tuple[Path, ...],
        Arg(
            "fitted edits (edit.safetensors of a `python -m train prompt`) to use as well (repeatable)",
            metavar="FILE",
        ),
    ] = ()

    @property
    def slots(self) -> dict[str, str | None]:
        """See `StackOptions.slots`."""
        return {**super().slots, "encoder": self.encoder, "identity": self.identity}

    def load_editor(self, load: EditorLoader | None) -> FaceEditor:
        """The editor that the options choose; `load` stands in for the real loader.

        Raises:
            StudioError: a file of `--edits` is not there, or the device is not.
            WeightsError: a weight file is missing, damaged, or does not go with the stack.
        """
        for path in self.edits:
            if not os.path.isfile(path):
                what = "a folder; name a file in it" if os.path.isdir(path) else "not there; check the file name"
                raise StudioError(f"--edits: {path} is {what}.")
        if load is not None:
            return load(self.chosen_stack(), list(self.edits))
        from mcaclip.editor import load_editor

        return load_editor(self.chosen_stack(), self.device, edits=self.edits)


@dataclass(frozen=True, kw_only=True)
class MeasuringOptions(EditorOptions):
    """An editor, and the parser that measures its edits."""

    parser: Annotated[str | None, slot("parser")] = None

    @property
    def slots(self) -> dict[str, str | None]:
        """See `StackOptions.slots`."""
        return {**super().slots, "parser": self.parser}


@dataclass(frozen=True, kw_only=True)
class MethodOptions(MeasuringOptions):
    """Methods of the family, and weights for them."""

    methods: Annotated[
        str,
        Arg(
            "names with commas between them, or all: styleclip-optimisation, styleclip-mapper, styleclip-global, "
            "cf-clip, coralstyleclip, deltaedit, mca-universal, mca, mca-without-ff, mca-without-pre"
        ),
    ] = "all"
    weights: Annotated[
        tuple[Path, ...],
        Arg(
            "weights of a method (a network, a table of global directions, a DeltaEdit model; repeatable)",
            metavar="FILE",
        ),
    ] = ()

    def method_names(self) -> list[str]:
        """The names of `--methods`, in their order. Raises StudioError for a name that is unknown or given twice."""
        from mcaclip.methods.base import METHODS
        from mcaclip.methods.registry import check_names

        everyone = self.methods.strip() == "all"
        names = list(METHODS) if everyone else [name.strip() for name in self.methods.split(",") if name.strip()]
        check_names(names)
        return names

    def check_weights(self) -> None:
        """Raises StudioError for a file of `--weights` that is not there."""
        for path in self.weights:
            if problem := missing(path):
                raise StudioError(f"--weights: there is no file {path}: it {problem}")
