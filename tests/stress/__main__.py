"""Tries to break the studio with hostile input and with many visitors.

    python -m tests.stress fuzz --n 300 --seed 1
    python -m tests.stress soak --minutes 10 --visitors 30

`fuzz` hands hostile pictures, masks, prompts, names, session files, files of edits and requests to the studio, `--n`
of each kind (`--only KIND` for some of them). The requests go to the real page with the fake editor, in a process of
its own. Every case has to end with an ordinary result or with an error in words, in bounded time and memory. Nothing
may be made, changed or removed outside the server's folder, no traceback may stand in the server's log, and no answer
may hold anything of a file that was not uploaded. A crash is printed with its kind, seed and number; `--only KIND
--case NUMBER` with the same seed repeats it alone.

`soak` lets visitors come, work and leave for some minutes, each from an address of its own, so that the limits by
client hold for each of them. Every ten seconds it prints memory, latencies and files of the server; at the end
everybody leaves, and neither their files nor their memory may stay. With `--real` it starts `app.py` with the real
models in place of the fake editor.

Both end with 0 when everything held and with 1 otherwise. They need a system on which all of 127.0.0.0/8 is this
machine, as Linux is.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import sys
from collections.abc import Callable, Sequence

from tests.stress import pictures, soak, tensor_files, texts
from tests.stress import requests as page
from tests.stress.cases import Case, Tally, World, limit_memory, made_world, run
from tests.stress.limits import RULES, check_rule
from tests.stress.server import Server, served

LOCAL: dict[str, Case] = {
    "pictures": pictures.photos,
    "masks": pictures.masks,
    "prompts": texts.prompts,
    "names": texts.names,
    "sessions": tensor_files.session_files,
    "edits": tensor_files.edit_files,
}
SERVED: dict[str, Callable[[Server, Sequence[int]], Case]] = {"requests": page.requests, "limits": check_rule}
HANG_SECONDS = 150
"""After so long in code that nothing else can end the process ends, with a traceback."""


def fuzz(n: int, seed: int, only: Sequence[str], cases: Sequence[int]) -> int:
    """Runs the cases; the exit status."""
    faulthandler.enable()
    limit_memory()
    logging.disable(logging.ERROR)
    kinds = only or [*LOCAL, *SERVED]
    numbers = cases or range(n)
    tallies = []
    with made_world() as world:
        for kind in kinds:
            if kind in LOCAL:
                tallies.append(_told(run_watched(kind, LOCAL[kind], numbers, seed, world), seed))
        if any(kind in SERVED for kind in kinds):
            with served(world) as server:
                for kind in kinds:
                    if kind in SERVED:
                        some = cases or range(len(RULES) if kind == "limits" else n)
                        tallies.append(_told(run_watched(kind, SERVED[kind](server, some), some, seed, world), seed))
    return int(any(tally.crashes for tally in tallies))


def run_watched(kind: str, case: Case, numbers: Sequence[int], seed: int, world: World) -> Tally:
    """As `run`, for one case after another; a case that hangs in C code ends the process."""
    whole = Tally(kind)
    for number in numbers:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        tally = run(kind, case, range(number, number + 1), seed, world)
        faulthandler.cancel_dump_traceback_later()
        whole.cases, whole.refused = whole.cases + tally.cases, whole.refused + tally.refused
        whole.crashes += tally.crashes
    return whole


def _told(tally: Tally, seed: int) -> Tally:
    """Prints what came of a kind: crashes that end with the same words once."""
    print(tally, flush=True)
    alike: dict[str, list[int]] = {}
    for number, what in tally.crashes:
        alike.setdefault(what.strip().splitlines()[-1][:100], []).append(number)
    for last, numbers in alike.items():
        print(
            f"\n{len(numbers)} x {last}\ncases {numbers[:8]}; alone: python -m tests.stress fuzz --seed {seed} ",
            end="",
        )
        print(f"--only {tally.kind} --case {numbers[0]}")
        print(next(what for number, what in tally.crashes if number == numbers[0]), flush=True)
    return tally


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fuzz", help="hostile input")
    one.add_argument("--n", type=int, default=300, help="cases of each kind")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--only", action="append", default=[], choices=[*LOCAL, *SERVED])
    one.add_argument("--case", action="append", default=[], type=int, help="the number of a single case")
    other = commands.add_parser("soak", help="many visitors")
    other.add_argument("--minutes", type=float, default=10)
    other.add_argument("--visitors", type=int, default=30)
    other.add_argument("--seed", type=int, default=1)
    other.add_argument("--real", action="store_true", help="the real models")
    args = parser.parse_args()
    if args.command == "fuzz":
        return fuzz(args.n, args.seed, args.only, args.case)
    return soak.soak(args.minutes, args.visitors, args.seed, args.real)


if __name__ == "__main__":
    sys.exit(main())
