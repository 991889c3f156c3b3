"""Command-line options that several commands share, and the parser whose errors take one line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mcaclip.config import DEFAULT_STACK, EDITING_SLOTS, SLOT_HELP, SLOTS, STACKS, Stack, choose
from mcaclip.errors import StudioError


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are exceptions, so that they take one line."""

    def error(self, message: str) -> NoReturn:
        """Raises StudioError with the message and where to find help."""
        raise StudioError(f"{message} (see {self.prog} --help)")


def add_stack(parser: argparse.ArgumentParser, slots: Sequence[str] = EDITING_SLOTS) -> None:
    """`--stack`, and an option for each of these slots."""
    parser.add_argument("--stack", choices=tuple(STACKS), default=DEFAULT_STACK, help="model stack")
    for slot in slots:
        parser.add_argument(f"--{slot}", choices=tuple(SLOTS[slot]), help=f"{SLOT_HELP[slot]} (default: the stack's)")


def chosen_stack(args: argparse.Namespace) -> Stack:
    """The stack that the options of `add_stack` choose."""
    return choose(args.stack, **{slot: getattr(args, slot, None) for slot in SLOTS})


def add_edits_file(parser: argparse.ArgumentParser) -> None:
    """`--edits FILE`, repeatable."""
    parser.add_argument(
        "--edits", type=Path, action="append", default=[], metavar="FILE",
        help="fitted edits (edit.safetensors of a `python -m train prompt`) to use as well (repeatable)",
    )  # fmt: skip


def named_edits(args: argparse.Namespace) -> list[Path]:
    """The files that `--edits` names; none for a command without it. Raises StudioError for a missing file."""
    files: list[Path] = getattr(args, "edits", [])
    for path in files:
        if not os.path.isfile(path):
            what = "a folder; name a file in it" if os.path.isdir(path) else "not there; check the file name"
            raise StudioError(f"--edits: {path} is {what}.")
    return files
