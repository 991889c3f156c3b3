"""Rows on disk: a run that was cut short goes on, and damaged files are named and left as they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mcaclip.errors import StudioError
from mcaclip.evaluation.row_log import RowLog, append_row, read_rows


@dataclass(frozen=True)
class Row:
    name: str
    score: float | None
    hit: bool | None = None
    moved: dict[str, float] = field(default_factory=dict)


FIRST, SECOND = Row("one", 0.5, True, {"hair": 1.0}), Row("two", None)


@pytest.fixture
def out(tmp_path):
    log = RowLog(tmp_path, Row, {"size": 256})
    log.add(FIRST)
    log.add(SECOND)
    return tmp_path


def test_rows_are_found_again_and_others_come_behind_them(out):
    log = RowLog(out, Row, {"size": 256})
    assert log.rows == [FIRST, SECOND]
    log.add(FIRST)
    assert RowLog(out, Row, {"size": 256}).rows == [FIRST, SECOND, FIRST]


def test_line_that_is_incomplete_after_a_crash_is_replaced(out):
    file = out / "rows.jsonl"
    with file.open("a") as stream:
        stream.write('{"name": "thr' + "e" * 10_000)
    log = RowLog(out, Row, {"size": 256})
    assert log.rows == [FIRST, SECOND]
    log.add(FIRST)
    assert [row["name"] for _, row in read_rows(file)] == ["one", "two", "one"]


@pytest.mark.parametrize(
    "line",
    [
        "garbage", "7", "[" * 5000, "{}", '{"name": 7, "score": 1}', '{"name": "a", "score": "1"}',
        '{"name": "a", "score": 1, "hit": 1}', '{"name": "a", "score": 1, "other": 1}',
    ],
)  # fmt: skip
def test_damaged_row_is_named_and_nothing_is_changed(out, line):
    file = out / "rows.jsonl"
    file.write_text(f"{file.read_text()}{line}\n")
    before = file.read_bytes()
    with pytest.raises(StudioError, match=r"line 3 of .*rows.jsonl is damaged.*another --out"):
        RowLog(out, Row, {"size": 256})
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 5000])
def test_damaged_record_of_settings_is_named(out, content):
    (out / "about.json").write_bytes(content)
    with pytest.raises(StudioError, match=r"about.json is damaged.*another --out"):
        RowLog(out, Row, {"size": 256})


def test_folder_in_place_of_a_file_and_the_reverse_are_refused(tmp_path):
    for name in ("rows.jsonl", "about.json"):
        (tmp_path / name / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    for out in (tmp_path / "rows.jsonl", tmp_path / "about.json", tmp_path / "file"):
        with pytest.raises(StudioError, match="cannot be used"):
            RowLog(out, Row, {})


def test_first_row_makes_the_file(tmp_path):
    append_row(tmp_path / "rows.jsonl", {"a": 1})
    assert list(read_rows(tmp_path / "rows.jsonl")) == [(1, {"a": 1})]
