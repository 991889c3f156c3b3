"""The same rows on Ray, where it is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcaclip.__main__ import main
from mcaclip.cli.invert import Options
from mcaclip.cli.many.on_ray import OnRay
from tests.fakes import load_fake, write_photo
from tests.helpers.toy_doer import ToyDoer, toy_rows

OPTIONS = Options(photos=(Path("a"),), out=Path("out"), engine="ray")


@pytest.fixture(scope="module")
def _ray():
    ray = pytest.importorskip("ray")
    with OnRay(ToyDoer(Path()), 2, OPTIONS):
        yield ray


@pytest.mark.usefixtures("_ray")
def test_a_lost_actor_loses_no_other_row(tmp_path):
    rows = toy_rows("a", "b", "deadly", "unlucky", "refused", "c")
    with OnRay(ToyDoer(tmp_path), 2, OPTIONS) as engine:
        assert engine.check(rows) == {4: "refused"}
        records = {record.row: record for done in engine.run(rows) for record in done}
    assert {number for number, record in records.items() if record.status == "done"} == {0, 1, 3, 4, 5}
    assert records[2].status == "failed" and "lost" in records[2].reason


@pytest.mark.usefixtures("_ray")
def test_a_url_gets_pictures_and_a_table_of_them(tmp_path):
    from pyarrow import parquet

    for seed in range(3):
        write_photo(tmp_path / f"{seed}.png", seed=seed)
    write_photo(tmp_path / "none.png", faces=0)
    out = tmp_path / "out"
    command = ["edit", str(tmp_path), "--prompt", "purple hair", "--out", f"file://{out}", "--engine", "ray"]
    for status in ("done", "already there"):
        assert main(command, load_fake) == 3
        rows = parquet.read_table(out / "summary.parquet").to_pylist()
        assert sorted(row["status"] for row in rows) == [*[status] * 3, "failed"]
    said = [json.loads(path.read_text(encoding="utf-8")) for path in out.glob("*/result.json")]
    assert [one["prompt"] for one in said] == ["purple hair"] * 3
