"""The bench of this checkout and of another commit, in turn on the same machine: `bench --compare REV`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from mcaclip.errors import StudioError
from mcaclip.platform.console import say

ROUNDS = 3
"""How often each of the two is measured."""
HERE = "this checkout"


def run(revision: str, words: Sequence[str], as_json: bool) -> int:
    """Measures both and writes a table, or JSON; the exit status.

    Args:
        words: options of `bench` for both.

    Raises:
        StudioError: no git checkout, no such revision, or a bench that fails.
    """
    root = checkout()
    with other_commit(root, revision) as other:
        # the other one first: should it know no --json, nobody waits for this one
        trees = {revision: other, HERE: root}
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
        for number in range(ROUNDS):
            for name, tree in trees.items():
                if not as_json:
                    say(f"round {number + 1} of {ROUNDS}: {name}")
                measured[name].append(bench(tree, name, ["--json", *words]))
    rows = compared(measured[HERE], measured[revision])
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        for line in table(rows, revision):
            say(line)
    return 0


def checkout(start: Path = Path(__file__).parent) -> Path:
    """The git checkout that holds this package. Raises StudioError where there is none."""
    try:
        return Path(git(start, "rev-parse", "--show-toplevel"))
    except (OSError, subprocess.CalledProcessError) as error:
        raise StudioError(
            "bench --compare needs a git checkout of the project; this copy of mcaclip is installed without one."
        ) from error


@contextmanager
def other_commit(root: Path, revision: str) -> Iterator[Path]:
    """The files of another commit, in a folder that goes away again. Raises StudioError for an unknown revision."""
    try:
        commit = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise StudioError(f"{revision!r} is no commit here; `git log --oneline` lists those that are.") from error
    with TemporaryDirectory(prefix="mcaclip-bench-") as folder:
        tree = Path(folder) / "tree"
        git(root, "worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def git(folder: Path, *words: str) -> str:
    """What a git command prints, stripped."""
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def bench(tree: Path, name: str, words: Sequence[str]) -> dict[str, float]:
    """Seconds per stage of the bench of the files in `tree`, which people call `name`.

    Raises:
        StudioError: it fails.
    """
    command = [sys.executable, "-m", "mcaclip", "bench", *words]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    try:
        return {one["stage"]: float(one["seconds"]) for one in json.loads(done.stdout)}
    except (ValueError, TypeError, KeyError) as error:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise StudioError(f"The bench of {name} failed, or knows no --json. It said: {said}") from error


def compared(
    here: Sequence[Mapping[str, float]], other: Sequence[Mapping[str, float]]
) -> list[dict[str, float | str]]:
    """For the stages that both have: best and median seconds of each, and the ratio of the best ones."""
    rows: list[dict[str, float | str]] = []
    for stage in here[0]:
        if stage in other[0]:
            mine, theirs = [one[stage] for one in here], [one[stage] for one in other]
            found = {
                "best": min(mine),
                "median": median(mine),
                "other best": min(theirs),
                "other median": median(theirs),
            }
            rows.append({"stage": stage, **found, "ratio": min(mine) / min(theirs)})
    return rows


def table(rows: Sequence[Mapping[str, float | str]], revision: str) -> list[str]:
    """The rows as lines."""
    lines = [f"{'seconds, best (median)':32} {HERE:>17} {revision[:17]:>17}   ratio"]
    for row in rows:
        mine, theirs = (
            f"{row[a]:.3f} ({row[b]:.3f})" for a, b in (("best", "median"), ("other best", "other median"))
        )
        lines.append(f"{row['stage']:32} {mine:>17} {theirs:>17} {row['ratio']:7.2f}")
    return lines
