"""`python -m train COMMAND`: everything that is shipped in assets/ was made by these commands."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcaclip.cli.options import read_command_line
from mcaclip.errors import StudioError
from mcaclip.platform.console import exit_status, shown, tolerant_streams
from mcaclip.platform.memory import keep_freed_memory
from train.cli import (
    bench,
    colours,
    deltaedit,
    encoder,
    faceclip,
    faceclip_lexicon,
    faceclip_pooled,
    faceclip_report,
    global_directions,
    identity_mean,
    inversion_figures,
    knowledge,
    parser,
    parsing_head,
    preview_head,
    prompt,
    stand_in,
    thumbnails,
    universal,
    universal_words,
)
from train.cli.arguments import ThreadOptions

T = TypeVar("T", bound=ThreadOptions)


@dataclass(frozen=True)
class Command(Generic[T]):
    """The dataclass of a command's options, and the function that takes it."""

    options: type[T]
    run: Callable[[T], None]


COMMANDS: dict[str, Command[Any]] = {
    "preview-head": Command(preview_head.Options, preview_head.run),
    "parsing-head": Command(parsing_head.Options, parsing_head.run),
    "parser": Command(parser.Options, parser.run),
    "identity-mean": Command(identity_mean.Options, identity_mean.run),
    "encoder": Command(encoder.Options, encoder.run),
    "inversion-figures": Command(inversion_figures.Options, inversion_figures.run),
    "faceclip": Command(faceclip.Options, faceclip.run),
    "faceclip-pooled": Command(faceclip_pooled.Options, faceclip_pooled.run),
    "faceclip-lexicon": Command(faceclip_lexicon.Options, faceclip_lexicon.run),
    "faceclip-report": Command(faceclip_report.Options, faceclip_report.run),
    "knowledge": Command(knowledge.Options, knowledge.run),
    "prompt": Command(prompt.Options, prompt.run),
    "universal": Command(universal.Options, universal.run),
    "universal-words": Command(universal_words.Options, universal_words.run),
    "colours": Command(colours.Options, colours.run),
    "global-directions": Command(global_directions.Options, global_directions.run),
    "deltaedit": Command(deltaedit.Options, deltaedit.run),
    "thumbnails": Command(thumbnails.Options, thumbnails.run),
    "stand-in": Command(stand_in.Options, stand_in.run),
    "bench": Command(bench.Options, bench.run),
}


def read(argv: Sequence[str] | None = None) -> tuple[str, Any]:
    """The command that is asked for, and its options. Raises StudioError."""
    kinds = {name: command.options for name, command in COMMANDS.items()}
    return read_command_line("python -m train", "Trains every network that the studio ships.", kinds, argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; with one line on stderr 2 for bad input or a disk that fails, 130 after Ctrl-C."""
    tolerant_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        name, options = read(argv)
        options.check()
        if options.threads:
            import torch

            torch.set_num_threads(options.threads)
        COMMANDS[name].run(options)
    except StudioError as error:
        return _ended(str(error), 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _ended(f"{where}{error.strerror or error}. Look at the file and at the space on its disk.", 2)
    except KeyboardInterrupt:
        return _ended("interrupted; the same command goes on at the last checkpoint", 128 + signal.SIGINT)
    return 0


def _ended(message: str, status: int) -> int:
    sys.stderr.write(f"error: {shown(' '.join(message.split()))}\n")
    return status


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(exit_status(main))
