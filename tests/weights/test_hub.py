"""Weights from the hub: verified or trusted on first use, other folders tried, nothing half-made. No network."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RepositoryNotFoundError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.weights.hub import ANSWER_SECONDS, HubFile, HubSource
from mcaclip.weights.obtain import obtain
from mcaclip.weights.sources import SourceFile, WeightEntry
from mcaclip.weights.store import Record, WeightFolders, record_path
from tests.helpers.fake_hub import FakeHub
from tests.weights.files import digest, left_in

CONTENT = b"the published weights"
FIRST, SECOND = ("first/repo", "folder/net.pt"), ("second/repo", "net.pt")


def read(path: Path) -> dict[str, Tensor]:
    return {"bytes": torch.tensor(list(path.read_bytes()), dtype=torch.uint8)}


def hub_entry(sha256: str | None = digest(CONTENT), second: str | None = None) -> WeightEntry:
    """An entry with a second place whose digest is `second`."""
    files = (HubFile(FIRST[1], sha256, FIRST[0], "0123abc"), HubFile(SECOND[1], second, SECOND[0]))
    return WeightEntry("net", "A net", "terms of the net", "test", HubSource(files, len(CONTENT)), read)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    return FakeHub(tmp_path / "hub", monkeypatch)


def content_of(path: Path) -> bytes:
    return bytes(load_file(path)["bytes"].tolist())


class TestDownload:
    def test_file_is_downloaded_converted_and_kept(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[FIRST] = CONTENT
        stages: list[tuple[str, float]] = []
        located = obtain(hub_entry(), folders, lambda *step: stages.append(step))
        assert content_of(located.path) == CONTENT
        assert left_in(folders.cache) == ["net.safetensors", "net.safetensors.json"]
        record = json.loads(record_path(located.path).read_text())
        assert (record["source_sha256"], record["trusted"]) == (digest(CONTENT), "")
        fractions = [fraction for _, fraction in stages]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(set(fractions)) >= 4

        assert obtain(hub_entry(), folders) == located
        assert hub.asked == [(*FIRST, "0123abc")], "asked once, and for the pinned revision"
        assert hub.seconds == [ANSWER_SECONDS]

    def test_second_place_is_asked_when_the_first_has_nothing(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[SECOND] = CONTENT
        assert content_of(obtain(hub_entry(), folders).path) == CONTENT
        assert hub.asked == [(*FIRST, "0123abc"), (*SECOND, None)]

    def test_second_place_is_asked_when_the_first_has_another_file(
        self, folders: WeightFolders, hub: FakeHub
    ) -> None:
        hub.files = {FIRST: b"something else", SECOND: CONTENT}
        assert content_of(obtain(hub_entry(second=digest(CONTENT)), folders).path) == CONTENT

    def test_wrong_file_everywhere_is_refused_with_all_digests(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files = {FIRST: b"something else", SECOND: b"changed"}
        with pytest.raises(WeightsError) as caught:
            obtain(hub_entry(second=digest(CONTENT)), folders)
        for content in (b"something else", b"changed", CONTENT):
            assert digest(content) in str(caught.value)
        assert left_in(folders.cache) == []

    def test_failure_names_file_places_size_terms_and_remedy(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[SECOND] = RepositoryNotFoundError("404", response=Mock())
        with pytest.raises(WeightsError) as caught:
            obtain(hub_entry(), folders)
        message = str(caught.value)
        for part in ("net.pt", "first/repo", "second/repo", "MB", "terms of the net", "MCACLIP_WEIGHTS"):
            assert part in message
        assert "cannot be reached (OSError: Name or service not known)" in message and "is not there" in message
        assert "python -m mcaclip fetch --stack paper" in message and "net.safetensors" in message
        assert "\n" not in message
        assert left_in(folders.cache) == []

    def test_size_and_terms_are_logged_before_the_download(
        self, folders: WeightFolders, hub: FakeHub, caplog: pytest.LogCaptureFixture
    ) -> None:
        hub.files[FIRST] = CONTENT
        with caplog.at_level(logging.WARNING):
            obtain(hub_entry(), folders)
        assert "MB" in caplog.text and "terms of the net" in caplog.text

    def test_cancelling_stops_and_asks_no_other_place(self, folders: WeightFolders, hub: FakeHub) -> None:
        class CancelledError(Exception):
            pass

        def cancel(stage: str, fraction: float) -> None:
            if fraction > 0:
                raise CancelledError

        hub.files = {FIRST: CONTENT, SECOND: CONTENT}
        with pytest.raises(CancelledError):
            obtain(hub_entry(), folders, cancel)
        assert len(hub.asked) == 1

    def test_file_that_changed_meanwhile_is_started_anew(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[FIRST] = CONTENT + b", an older version"
        hub.stops_after = 5
        with pytest.raises(WeightsError, match="broke off"):
            obtain(hub_entry(), folders)
        hub.files[FIRST], hub.stops_after = CONTENT, None
        assert content_of(obtain(hub_entry(), folders).path) == CONTENT
        assert hub.resumed_at == [0, 0]

    def test_file_that_is_stated_to_be_another_is_not_downloaded(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[FIRST] = b"something else"
        hub.states_digests = True
        with pytest.raises(WeightsError, match=f"sha256 is {digest(b'something else')}, expected {digest(CONTENT)}"):
            obtain(hub_entry(), folders)
        assert hub.resumed_at == []

    def test_interrupted_conversion_downloads_nothing_again(self, folders: WeightFolders, hub: FakeHub) -> None:
        def interrupted(path: Path) -> dict[str, Tensor]:
            raise KeyboardInterrupt

        hub.files[FIRST] = CONTENT
        with pytest.raises(KeyboardInterrupt):
            obtain(replace(hub_entry(), read=interrupted), folders)
        obtain(hub_entry(), folders)
        assert hub.resumed_at == [0, len(CONTENT)]

    def test_file_in_the_cache_of_the_hub_is_taken(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.put_into_cache(*SECOND, CONTENT)
        assert content_of(obtain(hub_entry(), folders).path) == CONTENT
        assert hub.asked == []


class TestTrustOnFirstUse:
    def test_unknown_digest_is_recorded(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[SECOND] = b"from the second place"
        path = obtain(hub_entry(), folders).path
        record = json.loads(record_path(path).read_text())
        assert (record["trusted"], record["source_sha256"]) == ("net.pt", digest(b"from the second place"))
        assert hub_entry().find(folders) is not None

    def test_other_content_is_refused_from_then_on(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files[SECOND] = b"trusted"
        path = obtain(hub_entry(), folders).path
        path.write_bytes(b"damaged, so that it has to be made anew")
        hub.files[SECOND] = b"exchanged"
        with pytest.raises(WeightsError) as caught:
            obtain(hub_entry(), folders)
        assert digest(b"exchanged") in str(caught.value)
        assert f"The digest of its first use is {digest(b'trusted')}" in str(caught.value)
        hub.files[SECOND] = b"trusted"
        assert content_of(obtain(hub_entry(), folders).path) == b"trusted"

    def test_trusted_file_is_not_taken_where_every_digest_is_pinned(
        self, folders: WeightFolders, hub: FakeHub
    ) -> None:
        """After a table that pins the second place, what was trusted before has to be fetched anew."""
        hub.files[SECOND] = b"trusted"
        obtain(hub_entry(), folders)
        assert hub_entry(second=digest(CONTENT)).find(folders) is None

    def test_folder_copied_from_another_machine_is_taken(
        self, folders: WeightFolders, hub: FakeHub, tmp_path: Path
    ) -> None:
        hub.files[FIRST] = CONTENT
        entry = hub_entry(sha256=None)
        obtain(entry, folders)
        elsewhere = WeightFolders(folders.cache, tmp_path / "new", folders.assets)
        assert obtain(entry, elsewhere).where == "local folder"
        assert len(hub.asked) == 1


class TestLocalFolder:
    def test_original_is_taken_without_the_hub(self, folders: WeightFolders, local: Path, hub: FakeHub) -> None:
        (local / "net.pt").write_bytes(CONTENT)
        assert obtain(hub_entry(), folders).path == folders.cache / "net.safetensors"
        assert hub.asked == []

    def test_other_file_is_refused_with_both_digests(self, folders: WeightFolders, local: Path, hub: FakeHub) -> None:
        hub.files[FIRST] = CONTENT
        (local / "net.pt").write_bytes(b"other")
        with pytest.raises(WeightsError) as caught:
            obtain(hub_entry(second=digest(CONTENT)), folders)
        for part in (str(local / "net.pt"), digest(b"other"), digest(CONTENT)):
            assert part in str(caught.value)
        assert hub.asked == [], "it is not passed over"

    def test_copy_of_an_unpinned_file_is_trusted_on_first_use_as_the_hubs_is(
        self, folders: WeightFolders, local: Path, hub: FakeHub
    ) -> None:
        (local / "net.pt").write_bytes(b"of the second place")
        found = obtain(hub_entry(), folders)
        assert content_of(found.path) == b"of the second place" and hub.asked == []
        (folders.cache / "net.safetensors").unlink()
        (local / "net.pt").write_bytes(b"exchanged")
        with pytest.raises(WeightsError, match=digest(b"of the second place")):
            obtain(hub_entry(), folders)

    def test_file_that_is_not_on_the_hub_is_taken_if_it_has_its_digest(
        self, folders: WeightFolders, local: Path, hub: FakeHub
    ) -> None:
        source = HubSource((HubFile("net.pt", None, "some/where"),), 1, (SourceFile("Net.bin", digest(CONTENT)),))
        entry = WeightEntry("net", "A net", "terms", "test", source, read)
        (local / "Net.bin").write_bytes(b"another")
        with pytest.raises(WeightsError, match=digest(b"another")):
            obtain(entry, folders)
        (local / "Net.bin").write_bytes(CONTENT)
        assert content_of(obtain(entry, folders).path) == CONTENT

    def test_original_without_any_known_digest_is_trusted_on_first_use(
        self, folders: WeightFolders, local: Path, hub: FakeHub
    ) -> None:
        entry = hub_entry(sha256=None)
        (local / "net.pt").write_bytes(b"mine")
        obtain(entry, folders)
        (folders.cache / "net.safetensors").unlink()
        (local / "net.pt").write_bytes(b"other")
        with pytest.raises(WeightsError, match=digest(b"mine")):
            obtain(entry, folders)


class TestOwnFiles:
    """A file of the user's own making, in place of the published one: its record says what it is."""

    @pytest.fixture
    def own(self, local: Path) -> Path:
        return self.make(local, b"random")

    def make(self, folder: Path, content: bytes, remark: str = "made by `python -m train stand-in`") -> Path:
        path = folder / "net.safetensors"
        save_file({"bytes": torch.tensor(list(content), dtype=torch.uint8)}, path)
        Record(digest(path.read_bytes()), 1, digest(content), remark=remark).save_beside(path)
        return path

    def test_it_is_used_and_every_use_says_so(
        self, folders: WeightFolders, own: Path, hub: FakeHub, caplog: pytest.LogCaptureFixture
    ) -> None:
        located = obtain(hub_entry(), folders)
        assert content_of(located.path) == b"random"
        assert "made by `python -m train stand-in`" in caplog.text and str(own.parent) in caplog.text

    def test_real_and_own_weights_never_replace_each_other(
        self, folders: WeightFolders, own: Path, hub: FakeHub
    ) -> None:
        hub.files[FIRST] = CONTENT
        real = replace(folders, local=None)
        for _ in range(2):
            assert content_of(obtain(hub_entry(), folders).path) == b"random"
            assert content_of(obtain(hub_entry(), real).path) == CONTENT
        assert len(hub.asked) == 1

    def test_new_file_is_taken(self, folders: WeightFolders, own: Path, hub: FakeHub) -> None:
        obtain(hub_entry(), folders)
        self.make(own.parent, b"random too")
        assert content_of(obtain(hub_entry(), folders).path) == b"random too"

    def test_damaged_file_is_refused(self, folders: WeightFolders, own: Path, hub: FakeHub) -> None:
        own.write_bytes(b"cut")
        with pytest.raises(WeightsError, match="train stand-in"):
            obtain(hub_entry(), folders)

    def test_without_a_remark_only_the_published_source_counts(
        self, folders: WeightFolders, local: Path, hub: FakeHub
    ) -> None:
        self.make(local, b"random", remark="")
        with pytest.raises(WeightsError, match="made from another source file"):
            obtain(hub_entry(), folders)

    def test_in_the_cache_it_counts_for_nothing(self, folders: WeightFolders, hub: FakeHub) -> None:
        self.make(folders.cache, b"random")
        hub.files[FIRST] = CONTENT
        assert content_of(obtain(hub_entry(), folders).path) == CONTENT


class Server(ThreadingHTTPServer):
    """Speaks as much of the hub's protocol as the client needs.

    Attributes:
        content: the one file it has.
        stated: the digest that it says the file has.
        ranges: what was asked for in each download, None for the whole file.
    """

    content: bytes
    stated: str
    ranges: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self._head(200, len(self.server.content))

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        rest = self.server.content[start:]
        self._head(206 if wanted else 200, len(rest))
        with contextlib.suppress(ConnectionError):  # the client may have hung up
            self.wfile.write(rest)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{self.server.stated}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


SERVED = bytes(range(256)) * 256


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.content, server.stated, server.ranges = SERVED, digest(SERVED), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        template = url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield server
        server.shutdown()


SERVED_SOURCE = HubSource((HubFile("net.pt", digest(SERVED), "owner/net"),), len(SERVED))
SERVED_ENTRY = WeightEntry("net", "A net", "free", "test", SERVED_SOURCE, read)


class TestRealClient:
    """The hub's own client against a server on this machine."""

    def test_interrupted_download_goes_on_where_it_stopped(
        self, folders: WeightFolders, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class StoppedError(Exception):
            pass

        def stop_at_half(stage: str, fraction: float) -> None:
            if fraction > 0.5:
                raise StoppedError

        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
        with pytest.raises(StoppedError):
            obtain(SERVED_ENTRY, folders, stop_at_half)
        assert content_of(obtain(SERVED_ENTRY, folders).path) == SERVED
        first, second = server.ranges
        assert first is None and second is not None
        assert len(SERVED) / 2 <= int(second.removeprefix("bytes=").removesuffix("-")) < len(SERVED)

    def test_damaged_download_is_not_kept(self, folders: WeightFolders, server: Server) -> None:
        server.content = b"x" * len(SERVED)
        with pytest.raises(WeightsError, match="is not the expected file"):
            obtain(SERVED_ENTRY, folders)
        server.content = SERVED
        assert content_of(obtain(SERVED_ENTRY, folders).path) == SERVED
        assert server.ranges == [None, None]

    def test_without_a_network_it_asks_once_and_gives_up(
        self, folders: WeightFolders, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def sleep(seconds: float) -> None:
            raise AssertionError("it waits to try again")

        server.shutdown()
        server.server_close()
        monkeypatch.setattr("time.sleep", sleep)
        with pytest.raises(WeightsError, match="the hub cannot be reached"):
            obtain(SERVED_ENTRY, folders)

    def test_switched_off_hub_is_not_asked(
        self, folders: WeightFolders, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(WeightsError, match=r"switched off \(HF_HUB_OFFLINE\)"):
            obtain(SERVED_ENTRY, folders)
        assert server.ranges == []
