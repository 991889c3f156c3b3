"""A Hugging Face Hub of a few bytes: the client's functions that `mcaclip.weights.hub` calls, without a network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import huggingface_hub
import pytest
from huggingface_hub import file_download


class FakeHub:
    """Files by (repo, file). What is not there cannot be reached.

    Attributes:
        files: what can be downloaded; an exception in place of the content is raised.
        asked: the (repo, file, revision) of every request, in order.
        resumed_at: where every download started, in order.
        seconds: the timeout of every request, in order.
        states_digests: whether the hub gives the sha256 of a file, as it does for large files.
        stops_after: bytes after which a download is interrupted, None for never.
    """

    def __init__(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = cache
        self.files: dict[tuple[str, str], bytes | Exception] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.resumed_at: list[int] = []
        self.seconds: list[float] = []
        self.states_digests = False
        self.stops_after: int | None = None
        self._urls: dict[str, tuple[str, str, str | None]] = {}
        monkeypatch.setattr(huggingface_hub, "hf_hub_url", self._url)
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", self._metadata)
        monkeypatch.setattr(file_download, "http_get", self._download)
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", self._cached)

    def _url(self, repo: str, file: str, *, revision: str | None) -> str:
        url = f"hub:{repo}/{file}@{revision}"
        self._urls[url] = (repo, file, revision)
        return url

    def _metadata(self, url: str, *, timeout: float, token: bool) -> SimpleNamespace:
        assert token is False, "no token of the user is needed"
        repo, file, _ = self._urls[url]
        self.asked.append(self._urls[url])
        self.seconds.append(timeout)
        content = self.files.get((repo, file), OSError("Name or service not known\nand more lines"))
        if isinstance(content, Exception):
            raise content
        etag = hashlib.sha256(content).hexdigest() if self.states_digests else f"v{len(content)}"
        return SimpleNamespace(etag=etag, size=len(content), location=url)

    def _download(
        self, url: str, stream: BinaryIO, *, resume_size: int, tqdm_class: type[Any], **settings: object
    ) -> None:
        repo, file, _ = self._urls[url]
        content = self.files[repo, file]
        assert isinstance(content, bytes)
        self.resumed_at.append(resume_size)
        with tqdm_class(total=len(content), initial=resume_size) as bar:
            for place in range(resume_size, len(content)):
                if place == self.stops_after:
                    raise OSError("Connection reset")
                bar.update(1)
                stream.write(content[place : place + 1])

    def put_into_cache(self, repo: str, file: str, content: bytes) -> None:
        """As if another program had downloaded the file."""
        path = self._path(repo, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _cached(self, repo: str, file: str, revision: str | None = None) -> str | None:
        path = self._path(repo, file)
        return str(path) if path.is_file() else None

    def _path(self, repo: str, file: str) -> Path:
        return self.cache / repo.replace("/", "--") / file
