"""Command lines read from frozen dataclasses: each field is an option, and its annotation says how it is read.

`face: Annotated[int, Arg("which face")] = 0` is the option `--face N`; a field without a value is a required option.
A `bool` is a switch, a `Literal` names its choices, a tuple is an option that may be repeated, and the docstring of
the class is the help of the command. Dashes on the command line are underscores in the field's name.

tyro reads dataclasses as well, but it takes an absent repeatable option for an empty one, it knows no shortened
options, and its errors are framed pages where ours take one line.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from mcaclip.errors import StudioError

Number = TypeVar("Number", float, int)


@dataclass(frozen=True)
class Arg:
    """How a field appears on the command line.

    Attributes:
        help: what it means. The default is added where the words do not name one.
        metavar: stands for the value in the help.
        read: from the text to the value; the field's type by default. It may raise `ArgumentTypeError`, which names
            the option, or a StudioError that speaks for itself.
        choices: the values that are allowed, where the type is no `Literal`.
        positional: it has no name on the command line.
        joined: several values follow the option instead of the option being repeated.
    """

    help: str
    metavar: str | None = None
    read: Callable[[str], object] | None = None
    choices: Sequence[str] | None = None
    positional: bool = False
    joined: bool = False


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are exceptions, so that they take one line."""

    def error(self, message: str) -> NoReturn:
        """Raises StudioError with the message and where to find help."""
        raise StudioError(f"{message} (see {self.prog} --help)")


def read_command_line(
    program: str, about: str, commands: Mapping[str, type], argv: Sequence[str] | None, version: str = ""
) -> tuple[str, Any]:
    """The command that is asked for, and its options as an object of its dataclass.

    Args:
        program: its name, for the help.
        about: what it is for.
        commands: from a command's name to the dataclass of its options.
        argv: the arguments without the program's name; those of the process when None.
        version: answered to `--version`, where it is given.

    Raises:
        StudioError: a line that cannot be read.
        SystemExit: with status 0 after `--help` or `--version`.
    """
    parser = OneLineParser(prog=program, description=about)
    if version:
        parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, options in commands.items():
        text = inspect.cleandoc(options.__doc__ or "")
        summary = " ".join(text.partition("\n\n")[0].split()).removesuffix(".")
        add_options(subparsers.add_parser(name, help=_escaped(summary), description=text), options)
    given = vars(parser.parse_args(argv))
    command = given.pop("command")
    return command, commands[command](**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def add_options(parser: argparse.ArgumentParser, options: type) -> None:
    """Adds an option per field of a dataclass. What the line does not give is left to the field's own default."""
    hints = get_type_hints(options, include_extras=True)
    for field in dataclasses.fields(options):
        wanted, arg = get_args(hints[field.name])
        required = field.default is MISSING
        settings: dict[str, Any] = {"help": _help(arg, field.default), "default": argparse.SUPPRESS}
        several, kind = get_origin(wanted) is tuple, _kind(wanted)
        if kind is bool:
            settings["action"] = "store_true"
        else:
            choices = arg.choices or (get_args(kind) if get_origin(kind) is Literal else None)
            settings |= {"choices": choices, "metavar": arg.metavar}
            settings["type"] = arg.read or (type(choices[0]) if choices else kind)
        if arg.positional:
            settings |= {"nargs": "+" if required else "*"} if several else {}
            parser.add_argument(field.name, **settings)
            continue
        if several:
            settings |= {"nargs": "+"} if arg.joined else {"action": "append"}
        parser.add_argument("--" + field.name.replace("_", "-"), required=required, **settings)


def _kind(wanted: Any) -> Any:
    """The type of one value: `str` of `str | None` and of `tuple[str, ...]`."""
    if get_origin(wanted) in (tuple, Union, types.UnionType):
        return next(kind for kind in get_args(wanted) if kind not in (type(None), Ellipsis))
    return wanted


def _help(arg: Arg, default: object) -> str:
    text = arg.help
    if not isinstance(default, bool | tuple | None) and default is not MISSING and "default" not in text:
        shown = f"{default:g}" if isinstance(default, float) else default
        text = f"{text} (default {shown})"
    return _escaped(text)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers in a range."""

    def read(text: str) -> int:
        # a number with more digits than any that is allowed is not even converted
        if re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from {least} to {most}")

    return read


def number(least: float, most: float, complaint: str) -> Callable[[str], float]:
    """A reader of numbers in a range; for others the text and the complaint make the message."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if least <= value <= most:
            return value
        raise argparse.ArgumentTypeError(f"{text[:40]!r} {complaint}")

    return read


def checked(check: Callable[[float], Number]) -> Callable[[str], Number]:
    """A reader of numbers that pass a check of `mcaclip.validate`."""

    def read(text: str) -> Number:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number") from None
        return check(value)

    return read


def reader_of(options: type, name: str) -> Callable[[str], object]:
    """What reads the value of a field outside of a command line; it raises ValueError with what is wrong.

    A StudioError of the field's own reader passes through.
    """
    wanted, arg = get_args(get_type_hints(options, include_extras=True)[name])
    kind = _kind(wanted)
    choices = arg.choices or (get_args(kind) if get_origin(kind) is Literal else None)
    read = arg.read or (_switch if kind is bool else str if choices else kind)

    def checked_choice(text: str) -> object:
        try:
            value = read(text)
        except argparse.ArgumentTypeError as error:
            raise ValueError(str(error)) from None
        if choices and value not in choices:
            raise ValueError(f"{text[:40]!r} is not one of {', '.join(choices)}")
        return value

    return checked_choice


def _switch(text: str) -> bool:
    found = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.strip().lower())
    if found is None:
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return found


def above_zero(text: str) -> float:
    """Reads a number above 0."""
    return number(sys.float_info.min, 1e9, "is no number above 0")(text)


def seed(text: str) -> int:
    """Reads an integer in 0..2^32 - 1, the range that every random generator here accepts."""
    try:
        return whole(0, 2**32 - 1)(text)
    except argparse.ArgumentTypeError:
        message = f"a seed is a whole number from 0 to {2**32 - 1}, not {text[:40]!r}"
        raise argparse.ArgumentTypeError(message) from None


def face(text: str) -> int:
    """Reads the number of a face in a photo."""
    try:
        return whole(0, 10_000)(text)
    except argparse.ArgumentTypeError:
        message = f"the face number starts at 0, the largest face, and {text[:40]!r} is none"
        raise argparse.ArgumentTypeError(message) from None


def face_or_all(text: str) -> int | None:
    """Reads the number of a face in a photo; None for "all"."""
    return None if text.strip() == "all" else face(text)


def place(text: str) -> Path | str:
    """Reads a path, or a URL such as s3://bucket/folder as it is."""
    return text if "://" in text else Path(text)
