"""The documents: links lead somewhere, pictures are used, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcaclip.config import PROJECT

README_BYTES = 8000
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), *(PROJECT / "assets").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(document: Path) -> list[str]:
    """The targets of all links and pictures outside code, without those of other hosts."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub names them."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_links_lead_somewhere(document: Path):
    for link in links(document):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_picture_of_the_documents_is_shown():
    shown = {(document.parent / link).resolve() for document in DOCUMENTS for link in links(document)}
    assert {picture for picture in (PROJECT / "docs").glob("*.jpg") if picture.resolve() not in shown} == set()


def test_the_readme_is_short():
    assert len((PROJECT / "README.md").read_bytes()) <= README_BYTES


def test_files_that_the_documents_name_exist():
    for document in DOCUMENTS:
        for name in re.findall(
            r"`((?:mcaclip|train|tests|assets)/[\w./]+\.\w+)`", document.read_text(encoding="utf-8")
        ):
            assert "NAME" in name or (PROJECT / name).exists(), f"{document.name}: {name}"
