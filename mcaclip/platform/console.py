"""What every command has in common at the terminal: lines that any terminal can show, and how a process ends."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM


def tolerant_streams() -> None:
    """From now on stdout and stderr show what their encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str) -> None:
    """One line on stdout at once, whatever a file name or text in it holds."""
    sys.stdout.write(shown(line) + "\n")
    sys.stdout.flush()


def tell(line: str) -> None:
    """One line of progress on stderr at once, so that stdout holds the results alone."""
    sys.stderr.write(f"{shown(line)}\n")
    sys.stderr.flush()


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    sys.stderr.write(f"mcaclip: {shown(' '.join(message.split()))}\n")


def problem_of(error: Exception) -> str:
    """An error in words for the user: of the operating system's, the file and the reason."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        return f"{place}{error.strerror}. Check the place, its permissions and its free space, and try again."
    return str(error)


def exit_status(main: Callable[[], int]) -> int:
    """The exit status of a whole process: of its command, or 130 after Ctrl-C and 143 after SIGTERM.

    Both unwind the command first, so that nothing unfinished is left.
    """
    tolerant_streams()
    with contextlib.suppress(ValueError):  # only the main thread can listen
        signal.signal(signal.SIGTERM, _end)
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        complain("Stopped. What was finished before is kept.")
        return EXIT_INTERRUPTED
    except _EndedError:
        complain("Ended from outside. What was finished before is kept.")
        return EXIT_TERMINATED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # whoever read the output may go when it has read enough
            complain(problem_of(error))
        try:
            sys.stdout.flush()
        except OSError:
            # Python's own flush at exit must not fail once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BAD_INPUT


class _EndedError(BaseException):
    """SIGTERM; nothing that expects errors catches it."""


def _end(*_: object) -> NoReturn:
    raise _EndedError


def shown(line: str) -> str:
    """The line without what would steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in line)
