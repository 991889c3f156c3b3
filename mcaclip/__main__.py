"""Command line: `python -m mcaclip COMMAND`; `--help` names the commands, each of which is a module of `mcaclip.cli`.

Exit status: 0 when all went well; 2 with one line on stderr for bad input; 3 when some of several photos
or weight files failed (each is named on stderr, the others are done); 130 after Ctrl-C and 143 after SIGTERM.
Results appear whole or not at all. Heavy modules are imported inside the commands, so that help and argument
errors come at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcaclip import __version__
from mcaclip.cli import (
    bench,
    compare,
    count_votes,
    doctor,
    edit,
    evaluate,
    feature_space,
    fetch,
    import_mapper,
    invert,
    parse,
    prompts,
    sample,
    score,
    vote,
)
from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.options import read_command_line
from mcaclip.errors import StudioError
from mcaclip.platform.console import EXIT_BAD_INPUT, complain, exit_status, problem_of, tolerant_streams
from mcaclip.platform.memory import keep_freed_memory

T = TypeVar("T")


@dataclass(frozen=True)
class Command(Generic[T]):
    """The dataclass of a command's options, and the function that takes it and gives the exit status."""

    options: type[T]
    run: Callable[[T, EditorLoader | None], int]


COMMANDS: Mapping[str, Command[Any]] = {
    "edit": Command(edit.Options, edit.run),
    "sample": Command(sample.Options, sample.run),
    "invert": Command(invert.Options, invert.run),
    "prompts": Command(prompts.Options, prompts.run),
    "score": Command(score.Options, score.run),
    "compare": Command(compare.Options, compare.run),
    "vote": Command(vote.Options, vote.run),
    "count-votes": Command(count_votes.Options, count_votes.run),
    "evaluate": Command(evaluate.Options, evaluate.run),
    "feature-space": Command(feature_space.Options, feature_space.run),
    "bench": Command(bench.Options, bench.run),
    "parse": Command(parse.Options, parse.run),
    "fetch": Command(fetch.Options, fetch.run),
    "import": Command(import_mapper.Options, import_mapper.run),
    "doctor": Command(doctor.Options, doctor.run),
}


def main(argv: Sequence[str] | None = None, load_editor: EditorLoader | None = None) -> int:
    """Runs one command.

    Args:
        argv: arguments without the program's name; those of the process when None.
        load_editor: stands in for the real loader of editors, for tests.

    Returns:
        The exit status.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    tolerant_streams()
    try:
        kinds = {name: command.options for name, command in COMMANDS.items()}
        about = "Edit faces with words and learned masks."
        name, options = read_command_line("python -m mcaclip", about, kinds, argv, __version__)
        return COMMANDS[name].run(options, load_editor)
    except BrokenPipeError:
        raise
    except (StudioError, OSError) as error:
        complain(problem_of(error))
        return EXIT_BAD_INPUT


def run_process() -> int:
    """The command of this process, also as the installed program `mcaclip`; its exit status."""
    keep_freed_memory()
    return exit_status(main)


if __name__ == "__main__":
    sys.exit(run_process())
