"""`python -m train COMMAND`: everything that is shipped in assets/ was made by these commands."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcaclip.cli.options import read_command_line
from mcaclip.errors import StudioError
from mcaclip.platform.console import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    exit_status,
    problem_of,
    shown,
    tolerant_streams,
)
from mcaclip.platform.memory import keep_freed_memory
from train.cli import (
    bench,
    colours,
    deltaedit,
    directions,
    encoder,
    faceclip,
    faceclip_pooled,
    faceclip_report,
    global_directions,
    hard_faces,
    identity_mean,
    inversion_figures,
    parser,
    parsing_head,
    preview_head,
    prompt,
    reader,
    residual_encoder,
    stand_in,
    thumbnails,
    universal,
)
from train.cli.arguments import ThreadOptions

T = TypeVar("T", bound=ThreadOptions)


@dataclass(frozen=True)
class TrainCommand(Generic[T]):
    """The dataclass of a command's options, and the function that takes it."""

    options: type[T]
    run: Callable[[T], None]


COMMANDS: dict[str, TrainCommand[Any]] = {
    module.__name__.rpartition(".")[2].replace("_", "-"): TrainCommand(module.Options, module.run)
    for module in (
        preview_head, parsing_head, parser, identity_mean, encoder, residual_encoder, inversion_figures, faceclip,
        faceclip_pooled, faceclip_report, reader, prompt, directions, universal,
        colours,
        global_directions, deltaedit, thumbnails, hard_faces, stand_in, bench,
    )
}  # fmt: skip
"""By name, which is the module's with hyphens, in the order of the help."""
TOGETHER = ("prompt", "universal")
"""Commands that several processes may run together."""


def read(argv: Sequence[str] | None = None) -> tuple[str, Any]:
    """The command that is asked for, and its options. Raises StudioError."""
    kinds = {name: command.options for name, command in COMMANDS.items()}
    return read_command_line("python -m train", "Trains every network that the studio ships.", kinds, argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 2 with one line on stderr for bad input or a failing disk, 130 after Ctrl-C."""
    tolerant_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        name, options = read(argv)
        options.check()
        if options.threads:
            import torch

            torch.set_num_threads(options.threads)
        with _processes(name):
            COMMANDS[name].run(options)
    except (StudioError, OSError) as error:
        return _ended(problem_of(error), EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        return _ended("interrupted; the same command continues from the last checkpoint", EXIT_INTERRUPTED)
    return 0


def _processes(name: str) -> AbstractContextManager[None]:
    """What joins the processes that a launcher started for a command. Raises StudioError."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return nullcontext()
    if name not in TOGETHER:
        raise StudioError(f"{name} runs in one process: start it as `python -m train {name}`, without a launcher")
    from train.common import ranks

    return ranks.joined()


def _ended(message: str, status: int) -> int:
    sys.stderr.write(f"error: {shown(' '.join(message.split()))}\n")
    return status


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(exit_status(main))
