"""One visitor of the page: a browser tab with values in its components, a heartbeat, one event at a time."""

from __future__ import annotations

import base64
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import torch
from gradio_client.utils import apply_diff
from PIL import Image

from mcaclip.results.session_file import SavedSession, read_session
from mcaclip.types import to_uint8
from mcaclip.ui.display import text
from tests.fakes import draw_face
from tests.stress.server import Server

API = "/gradio_api"
WAIT_SECONDS = 5.0
PATIENCE_SECONDS = 900
"""How long a visitor waits for a place before that counts as an error."""
SAME_PICTURE = 8.0
"""Mean difference of two pictures of one face as two JPEG files, in grey values; other faces are further away."""


class VisitorError(Exception):
    """The page does something that it should not."""


class Tab:
    """A browser tab with the values of its components.

    Args:
        server: of the page.
        number: of the visitor's address.
        session: the tab's name for the server.
        latencies: gets the name and the seconds of each event.
    """

    def __init__(self, server: Server, number: int, session: str, latencies: list[tuple[str, float]]):
        self.server, self.session, self.latencies = server, session, latencies
        self.client = server.client(number)
        self.client.timeout = httpx.Timeout(600)
        self.names = {one["props"].get("elem_id"): one["id"] for one in server.config["components"]}
        self.values = {one["id"]: one["props"].get("value") for one in server.config["components"]}
        beat = self.client.build_request("GET", f"{API}/heartbeat/{session}")
        self.heartbeat = self.client.send(beat, stream=True)

    def close(self) -> None:
        """Leaves."""
        self.heartbeat.close()
        self.client.close()

    def __getitem__(self, name: str) -> Any:
        return self.values[self.names[name]]

    def __setitem__(self, name: str, value: Any) -> None:
        self.values[self.names[name]] = value

    def fire(self, name: str, event: str) -> None:
        """Fires an event of a component, with everything that follows from it. Raises VisitorError."""
        fired = self.server.at(name, event)
        start = time.monotonic()
        self._run(fired)
        self.latencies.append((f"{name} {event}", time.monotonic() - start))
        self._follow(fired)

    def upload(self, data: bytes) -> dict[str, Any]:
        """Uploads a picture; Gradio's description of the file."""
        answer = self._patient(lambda: self.client.post(f"{API}/upload", files={"files": ("me.png", data)}))
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}, "orig_name": "me.png"}

    def fetch(self, file: Any) -> bytes:
        """The bytes of a file that the page shows. Raises VisitorError."""
        if not isinstance(file, dict):
            raise VisitorError(f"There is no file: {file}")
        answer = self.client.get(f"{API}/file={file['path']}")
        if answer.status_code != 200:
            raise VisitorError(f"A file of the page is gone: {answer.status_code}")
        return answer.content

    def _follow(self, event: dict[str, Any]) -> None:
        """Everything that comes after an event."""
        for one in self.server.events:
            if one["trigger_after"] == event["id"]:
                self._run(one)
                self._follow(one)

    def _run(self, event: dict[str, Any]) -> None:
        body = {"data": [self.values[one] for one in event["inputs"]], "fn_index": event["id"]}
        body |= {"session_hash": self.session, "trigger_id": event["targets"][0][0], "event_data": None}
        if not event["queue"]:
            answer = self._patient(lambda: self.client.post(f"{API}/run/predict", json=body))
            self._take(event, answer.json()["data"])
            return
        until = time.monotonic() + PATIENCE_SECONDS
        while (refusal := self._queued(event, body)) is not None:
            if text.TOO_MANY not in refusal or time.monotonic() > until:
                raise VisitorError(f"{event['api_name']}: {refusal}")
            time.sleep(WAIT_SECONDS)

    def _queued(self, event: dict[str, Any], body: dict[str, Any]) -> str | None:
        """Takes what the event yields; the server's refusal, or None."""
        self._patient(lambda: self.client.post(f"{API}/queue/join", json=body))
        shown: list[Any] | None = None
        with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                output = message.get("output") or {}
                if message.get("msg") == "process_generating" and message["success"]:
                    data = output["data"]
                    shown = data if shown is None else [apply_diff(*pair) for pair in zip(shown, data, strict=True)]
                    self._take(event, shown)
                elif message.get("msg") in ("process_completed", "unexpected_error"):
                    if not message["success"]:
                        return str(output.get("error") or message)
                    if shown is None:
                        self._take(event, output["data"])
                    return None
        raise VisitorError(f"{event['api_name']} did not end")

    def _take(self, event: dict[str, Any], data: list[Any]) -> None:
        for number, value in zip(event["outputs"], data, strict=True):
            update = isinstance(value, dict) and value.get("__type__") == "update"
            self.values[number] = value.get("value", self.values[number]) if update else value

    def _patient(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer, after as many requests to wait as it takes. Raises VisitorError for any other refusal."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (answer := ask()).status_code in (429, 503) and time.monotonic() < until:
            time.sleep(WAIT_SECONDS)
        if answer.status_code != 200:
            raise VisitorError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:200]}")
        return answer


class Visitor:
    """Somebody with one face, who checks that no other face comes.

    Args:
        tab: of the visitor.
        rng: chooses the face and the edits.
        portraits: pictures of generated faces by seed, of all visitors: a seed has one face.
        photos: how likely it comes with a photo, which takes a reconstruction.
    """

    def __init__(self, tab: Tab, rng: Random, portraits: dict[int, np.ndarray], photos: float = 0.3):
        self.tab, self.rng = tab, rng
        self.name, self.code = "", torch.empty(0)
        if rng.random() >= photos:
            seed = rng.randrange(1000, 1040)
            self.name = f"seed_{seed}"
            tab["seed"] = seed
            tab.fire("make-face", "click")
            self.face = self._stage()
            self._same(portraits.setdefault(seed, self.face), "a generated face")
        else:
            self.name = "me"
            photo = io.BytesIO()
            Image.fromarray(to_uint8(draw_face(rng.getrandbits(31)))).resize((400, 400)).save(photo, "PNG")
            tab["photo"], tab["aligned-box"] = tab.upload(photo.getvalue()), True
            tab.fire("photo", "upload")
            tab.fire("agree", "click")
            self.face = self._stage()

    def edit(self, prompt: str) -> None:
        """Makes an edit and checks that the page shows it beside this visitor's own face."""
        self.tab["prompt"] = prompt
        self.tab.fire("edit-now", "click")
        self.check()

    def slide(self) -> None:
        """Moves a slider and lets it go."""
        for _ in range(3):
            self.tab["strength"] = round(self.rng.uniform(0.3, 1.5), 2)
            self.tab.fire("strength", "input")
        self.tab.fire("strength", "release")
        self.check()

    def check(self) -> None:
        """Checks that everything that can be downloaded is this visitor's own."""
        self._same(self._stage(), "the original")
        self.tab.fire("prepare", "click")
        saved = _read(self.tab.fetch(self.tab["download-session"]))
        if saved.name != self.name:
            raise VisitorError(f"The face of {saved.name} came to {self.name}")
        if len(self.code) and not torch.equal(saved.w_plus, self.code):
            raise VisitorError("The latent code of another face came")
        self.code = saved.w_plus

    def _stage(self) -> np.ndarray:
        """The face on the stage before any edit."""
        return _small(base64.b64decode(self.tab["stage-view"]["before"].partition(",")[2]))

    def _same(self, picture: np.ndarray, what: str) -> None:
        difference = float(np.abs(picture - self.face).mean())
        if difference > SAME_PICTURE:
            raise VisitorError(f"Another face came as {what}: {difference:.0f}")


def _small(data: bytes) -> np.ndarray:
    """A picture as `float32 [16, 16, 3]`."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB").resize((16, 16), Image.Resampling.BOX), np.float32)


def _read(data: bytes) -> SavedSession:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.safetensors"
        path.write_bytes(data)
        return read_session(path)
