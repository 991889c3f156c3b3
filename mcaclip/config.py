"""A model stack is data: which network fills each slot. No torch here, so that arguments can be checked at once.

The networks themselves are loaded by `mcaclip.loading`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mcaclip.errors import StudioError

PROJECT = Path(__file__).resolve().parents[1]
"""The folder that holds the packages."""


def _assets(package: Path) -> Path:
    """The assets inside an installed package (wheels carry them there), or beside the package in a checkout."""
    installed = package / "assets"
    return installed if installed.is_dir() else package.parent / "assets"


ASSETS = _assets(PROJECT / "mcaclip")
"""What is shipped: weights, words, pictures, styles."""

SLOTS: dict[str, dict[str, tuple[str, ...]]] = {
    "generator": {"mobilestylegan": ("mobilestylegan", "preview_head"), "stylegan2": ("stylegan2",)},
    "encoder": {
        "compact": ("encoder", "residual_encoder", "dlib_identity", "identity_mean"),
        "e4e": ("e4e",),
        "mean": (),
    },
    "clip": {"FaceCLIP": ("faceclip", "language_model", "wish_reader"), "ViT-B-32-quickgelu": ("clip_vit_b32",)},
    "identity": {"dlib": ("dlib_identity", "identity_mean"), "arcface": ("arcface_ir_se50",), "none": ()},
    "parser": {"parsing-head": ("parsing_head",), "parsenet": ("parsenet",), "face-parser": ("face_parser",)},
}
"""Slot to its choices, each with the weight files (names of `mcaclip.weights`) that it reads."""

SLOT_HELP = {
    "generator": "makes the pictures",
    "encoder": "gives the code that an inversion starts from; mean: the generator's own, for other things than faces",
    "clip": "compares words and pictures",
    "identity": "tells people apart; none: for other things than faces",
    "parser": "finds the parts of a face; training and evaluation only",
}
EDITING_SLOTS = ("generator", "encoder", "clip", "identity")
"""What editing needs; training needs the parser in place of the encoder."""


@dataclass(frozen=True)
class GeneratorFile:
    """The user's own StyleGAN2, in the layout of rosinality/stylegan2-pytorch.

    Attributes:
        path: the file as its makers wrote it.
        sha256: its digest, by which what was fitted on it knows it again.
    """

    path: Path
    sha256: str


@dataclass(frozen=True)
class Stack:
    """Which network fills each slot.

    Attributes:
        name: the stack that the choices come from.
        generator: makes the pictures.
        encoder: gives the code that an inversion starts from.
        clip: the space of words and pictures.
        identity: tells people apart.
        parser: finds the parts of a face (for training and evaluation).
        generator_file: what fills the slot of StyleGAN2 in place of the published one.
    """

    name: str
    generator: str
    encoder: str
    clip: str
    identity: str
    parser: str
    generator_file: GeneratorFile | None = None

    @property
    def generator_name(self) -> str:
        """What weights record of the generator that they were made for; a file of the user's own by its digest."""
        own = self.generator_file
        return f"{self.generator}-{own.sha256[:12]}" if own else self.generator

    @property
    def knows_faces(self) -> bool:
        """Whether pictures are of faces, with an identity and parts; see `--identity none`."""
        return self.identity != "none"

    def weights(self, slots: Iterable[str] = EDITING_SLOTS) -> tuple[str, ...]:
        """Names of the weight files that these slots read."""
        fetched = [slot for slot in slots if not (slot == "generator" and self.generator_file)]
        return tuple(dict.fromkeys(name for slot in fetched for name in SLOTS[slot][getattr(self, slot)]))

    @property
    def overrides(self) -> dict[str, str]:
        """The slots whose choice is not that of the named stack, or of its parser that goes with the generator."""
        base = replace(STACKS[self.name], generator=self.generator)
        usual = replace(with_fitting_parser(base), generator=STACKS[self.name].generator)
        return {slot: getattr(self, slot) for slot in SLOTS if getattr(self, slot) != getattr(usual, slot)}

    @property
    def label(self) -> str:
        """The name for people and records: "paper", or "paper with clip FaceCLIP"."""
        changes = ", ".join(f"{slot} {choice}" for slot, choice in self.overrides.items())
        if self.generator_file:
            changes = ", ".join(filter(None, [changes, f"file {self.generator_file.path.name}"]))
        return f"{self.name} with {changes}" if changes else self.name

    @property
    def options(self) -> str:
        """The command-line options that choose this stack, with a space in front; empty for the default."""
        words = [] if self.name == DEFAULT_STACK else [f"--stack {self.name}"]
        words += [f"--{slot} {choice}" for slot, choice in self.overrides.items()]
        words += [f'--generator-file "{self.generator_file.path}"'] if self.generator_file else []
        return "".join(f" {word}" for word in words)


DEFAULT_STACK = "compact"
STACKS = {
    "compact": Stack("compact", "mobilestylegan", "compact", "FaceCLIP", "dlib", "parsing-head"),
    "paper": Stack("paper", "stylegan2", "e4e", "ViT-B-32-quickgelu", "arcface", "parsenet"),
}
"""The stacks by name; every slot can be filled otherwise (see `choose`)."""


def choose(name: str = DEFAULT_STACK, **slots: str | None) -> Stack:
    """A stack with other choices for some of its slots.

    Args:
        name: a key of `STACKS`.
        slots: slot to choice (see `SLOTS`); None keeps the stack's own.

    Raises:
        StudioError: no such stack, slot or choice.
    """
    if name not in STACKS:
        raise StudioError(f"stack {name!r} is not available: choose {' or '.join(STACKS)}")
    changes = {slot: choice for slot, choice in slots.items() if choice is not None}
    for slot, choice in changes.items():
        if slot not in SLOTS:
            raise StudioError(f"there is no slot {slot!r}: the slots are {', '.join(SLOTS)}")
        if choice not in SLOTS[slot]:
            raise StudioError(f"{slot} {choice!r} is not available: choose {' or '.join(SLOTS[slot])}")
    chosen = replace(STACKS[name], **changes)  # type: ignore[arg-type]
    return chosen if "parser" in changes else with_fitting_parser(chosen)


def with_fitting_parser(stack: Stack) -> Stack:
    """The stack with a parser of pictures in place of the parsing head, where that does not know the generator."""
    return stack if _parser_fits(stack) else replace(stack, parser="face-parser")


def _parser_fits(stack: Stack) -> bool:
    return stack.parser != "parsing-head" or stack.generator == "mobilestylegan"


def check_parser(stack: Stack) -> None:
    """Refuse the one pair that does not go together.

    Raises:
        StudioError: the parsing head, which reads MobileStyleGAN's own features, with another generator.
    """
    if not _parser_fits(stack):
        raise StudioError(
            f"the parsing head reads the features of mobilestylegan and means nothing on {stack.generator}: "
            "add --parser face-parser or --parser parsenet"
        )
