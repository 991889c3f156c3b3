"""Tries to break the studio with hostile input and with many visitors.

    python -m tests.stress fuzz --n 300 --seed 1
    python -m tests.stress soak --minutes 10 --visitors 30
    python -m tests.stress load --minutes 2 --visitors 8 --real
    python -m tests.stress start
    python -m tests.stress page --photo FILE

`fuzz` hands hostile pictures, masks and requests to the studio, `--n` of each kind (`--only KIND` for some of them).
The requests go to the real page with the fake editor, in a process of its own. Every case has to end with an ordinary
result or with an error in words, in bounded time and memory. Nothing may be made, changed or removed outside the
server's folder, no traceback may be in the server's log, and no answer may hold anything of a file that was not
uploaded. A crash is printed with its kind, seed and number; `--only KIND --case NUMBER` with the same seed repeats it
alone. Texts, session files and weights are tried by Hypothesis in the tests of their rooms.

`soak` lets visitors come, work and leave for some minutes, each from an address of its own, so that the limits by
client hold for each of them. Every ten seconds it prints memory, latencies and files of the server; at the end
everybody leaves, and neither their files nor their memory may stay. With `--real` it starts `app.py` with the real
models in place of the fake editor.

`load` lets as many visitors work at once and prints how long they wait for each event, with the queue in front of it.
`start` starts `app.py` a few times and prints when its address, its page and its models answer, and its memory.
`page` walks through the page in Chromium, with the real models, and prints how long each picture takes.

All end with 0 when everything held and with 1 otherwise. They need a system on which all of 127.0.0.0/8 is this
machine, as on Linux.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import sys
from collections.abc import Sequence

from tests.stress import page, pictures, requests, soak, start
from tests.stress.cases import Tally, limit_memory, made_world, run
from tests.stress.server import served

LOCAL = {"pictures": pictures.photos, "masks": pictures.masks}
REQUESTS = "requests"


def fuzz(n: int, seed: int, only: Sequence[str], cases: Sequence[int]) -> int:
    """Runs the cases; the exit status."""
    faulthandler.enable()
    limit_memory()
    logging.disable(logging.ERROR)
    kinds, numbers, crashed = only or [*LOCAL, REQUESTS], cases or range(n), False
    with made_world() as world:
        for kind in (kind for kind in kinds if kind in LOCAL):
            crashed |= _report(run(kind, LOCAL[kind], numbers, seed, world), seed)
        if REQUESTS in kinds:
            with served(world) as server:
                crashed |= _report(run(REQUESTS, requests.requests(server), numbers, seed, world), seed)
    return int(crashed)


def _report(tally: Tally, seed: int) -> bool:
    """Prints the outcome of a kind, crashes that end with the same words once; whether there was one."""
    print(f"{tally.kind}: {tally.cases} cases, {tally.refused} refused, {len(tally.crashes)} crashes", flush=True)
    alike: dict[str, list[tuple[int, str]]] = {}
    for number, what in tally.crashes:
        alike.setdefault(what.strip().splitlines()[-1][:100], []).append((number, what))
    for last, crashes in alike.items():
        numbers = [number for number, _ in crashes]
        command = f"python -m tests.stress fuzz --seed {seed} --only {tally.kind} --case {numbers[0]}"
        print(f"\n{len(crashes)} x {last}\ncases {numbers[:8]}; alone: {command}\n{crashes[0][1]}", flush=True)
    return bool(tally.crashes)


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fuzz", help="hostile input")
    one.add_argument("--n", type=int, default=300, help="cases of each kind")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--only", action="append", default=[], choices=[*LOCAL, REQUESTS])
    one.add_argument("--case", action="append", default=[], type=int, help="the number of a single case")
    for name, words, minutes in (("soak", "many visitors come and go", 10), ("load", "how long visitors wait", 2)):
        other = commands.add_parser(name, help=words)
        other.add_argument("--minutes", type=float, default=minutes)
        other.add_argument("--visitors", type=int, default=30)
        other.add_argument("--seed", type=int, default=1)
        other.add_argument("--real", action="store_true", help="the real models")
    other.add_argument("--photos", type=float, default=0.3, help="share of visitors with a photo of their own")
    begin = commands.add_parser("start", help="how long a start takes")
    begin.add_argument("--times", type=int, default=3)
    walk = commands.add_parser("page", help="how long the page takes in a browser")
    walk.add_argument("--photo", help="a photo with one face; without one, an example")
    args = parser.parse_args()
    if args.command == "fuzz":
        return fuzz(args.n, args.seed, args.only, args.case)
    if args.command == "start":
        return start.measure(args.times)
    if args.command == "page":
        return page.measure(args.photo)
    if args.command == "load":
        return soak.load(args.minutes, args.visitors, args.seed, args.real, args.photos)
    return soak.soak(args.minutes, args.visitors, args.seed, args.real)


if __name__ == "__main__":
    sys.exit(main())
