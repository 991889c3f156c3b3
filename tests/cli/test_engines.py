"""Who does rows: each is done once, and none is lost with its worker."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from mcaclip.cli.many.engines import ATTEMPTS, Engine, InProcess, Processes
from mcaclip.errors import StudioError
from tests.helpers.toy_doer import ToyDoer, toy_rows


def _both(folder: Path) -> list[Engine]:
    return [InProcess(ToyDoer(folder)), Processes(ToyDoer(folder), 2)]


@pytest.mark.parametrize("which", [0, 1])
def test_every_row_is_done_once_and_refused_edits_are_named(tmp_path, which):
    rows = toy_rows("a", "b", "refused", "d")
    with _both(tmp_path)[which] as engine:
        assert engine.check(rows) == {2: "refused"}
        records = [record for done in engine.run(rows) for record in done]
    assert sorted(record.row for record in records) == [0, 1, 2, 3]
    assert {record.status for record in records} == {"done"} and len(list(tmp_path.iterdir())) == 4
    assert ({record.folder for record in records} == {str(os.getpid())}) == (which == 0)


def test_a_lost_worker_loses_no_row(tmp_path):
    rows = toy_rows("a", "deadly", "unlucky", "b", "buggy", "c")
    with Processes(ToyDoer(tmp_path), 2) as engine:
        records = {record.row: record for done in engine.run(rows) for record in done}
    assert {number for number, record in records.items() if record.status == "done"} == {0, 2, 3, 5}
    assert "signal 9" in records[1].reason and "status 1" in records[4].reason
    assert len(list(tmp_path.glob("deadly-*"))) == len(list(tmp_path.glob("unlucky-*"))) == ATTEMPTS


def test_workers_end_with_the_engine_even_when_it_is_left_early(tmp_path):
    with Processes(ToyDoer(tmp_path), 2) as engine:
        next(engine.run(toy_rows("a", "b", "c")))
        children = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
        workers = [child for child in children if "multiprocessing.spawn" in " ".join(child.cmdline())]
        assert len(workers) == 2
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in workers)


@pytest.mark.parametrize("which", [0, 1])
def test_what_cannot_be_made_says_why(tmp_path, which):
    make = ToyDoer(tmp_path, "no weights")
    with (
        pytest.raises(StudioError, match="no weights"),
        InProcess(make) if which == 0 else Processes(make, 2) as engine,
    ):
        list(engine.run(toy_rows("a")))


def test_workers_that_die_before_any_row_is_done_end_the_command(tmp_path):
    with Processes(ToyDoer(tmp_path), 1) as engine, pytest.raises(StudioError, match="--jobs"):
        list(engine.run(toy_rows("deadly1", "deadly2", "deadly3")))
