"""The bench of two commits."""

from __future__ import annotations

import json
import subprocess

import pytest

from mcaclip.cli import bench, bench_compare
from mcaclip.errors import StudioError

PROGRAM = """
import json, sys
assert sys.argv[1:4] == ["bench", "--json", "--repeats"]
print(json.dumps([{{"stage": "pass", "seconds": {seconds}}}, {{"stage": "{name}", "seconds": 1}}]))
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout whose first commit takes half the time."""
    package = tmp_path / "mcaclip"
    package.mkdir()

    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init", "-q")
    for seconds, name in ((0.5, "old"), (1.0, "new")):
        (package / "__main__.py").write_text(PROGRAM.format(seconds=seconds, name=name))
        git("add", "-A")
        git("commit", "-qm", name)
    monkeypatch.setattr(bench_compare, "checkout", lambda: tmp_path)
    return tmp_path


def run(revision: str, json: bool = False) -> int:
    return bench.run(bench.Options(compare=revision, json=json))


def test_two_commits_are_compared_stage_by_stage(project, capsys):
    assert run("HEAD~1", json=True) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["stage"] == "pass" and row["best"] == row["median"] == 1 and row["other best"] == 0.5
    assert row["ratio"] == 2
    assert run("HEAD~1") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("pass ") and last.endswith(" 2.00")
    kept = subprocess.run(["git", "-C", str(project), "worktree", "list"], capture_output=True, text=True, check=True)
    assert len(kept.stdout.splitlines()) == 1


def test_a_revision_that_is_not_there_is_named(project):
    for revision in ("nowhere", "--help"):
        with pytest.raises(StudioError, match=f"'{revision}' is no commit"):
            run(revision)


def test_a_commit_whose_bench_fails_is_told_with_its_last_words(project):
    (project / "mcaclip" / "__main__.py").write_text("raise SystemExit('no such option: --json')")
    with pytest.raises(StudioError, match="no such option: --json"):
        run("HEAD")


def test_without_a_checkout_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(StudioError, match="needs a git checkout"):
        bench_compare.checkout(tmp_path)
