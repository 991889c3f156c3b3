"""The public endpoints, as other programs use them, and the health check. No browser is needed."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from mcaclip.keep import read_record
from tests.fakes import PROMPTS


@pytest.fixture(scope="module")
def client(site, tmp_path_factory) -> Client:
    return Client(site.url, verbose=False, download_files=tmp_path_factory.mktemp("client"))


def test_photo_to_edit(client, portrait, tmp_path):
    photo = handle_file(portrait(faces=2))
    aligned, found = client.predict(photo, 1, api_name="/align")
    assert Image.open(aligned).size == (1024, 1024) and len(found["faces"]) == 2 and len(found["quad"]) == 4
    _, session, said = client.predict(photo, 1, "good", api_name="/invert")
    assert said["identity"] == 0.78 and "likeness" in said["words"]
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(tmp_path / "mask.png")
    wish = f"{PROMPTS[0]}; {PROMPTS[2]}:0.5"
    mask = handle_file(str(tmp_path / "mask.png"))
    edited, overlay, session, figures = client.predict(handle_file(session), wish, 1.2, 0.0, mask, api_name="/edit")
    assert read_record(Path(edited))["prompts"] == [
        {"prompt": PROMPTS[0], "strength": 1.2},
        {"prompt": PROMPTS[2], "strength": 0.5},
    ]
    assert Image.open(overlay).size == (1024, 1024) and figures["mask_painted"] is True
    again = client.predict(handle_file(session), PROMPTS[1], 1.0, 0.0, None, api_name="/edit")
    assert again[3]["prompt"] == PROMPTS[1]


def test_random_face_to_edit(client):
    _, session, said = client.predict(7, 0.7, api_name="/sample")
    assert said == {"name": "seed_7", "identity": None, "words": said["words"]}
    *_, figures = client.predict(handle_file(session), PROMPTS[0], 1.0, 0.5, None, api_name="/edit")
    assert figures["mask_threshold"] == 0.5 and figures["modes"] == ["fitted"]
    with pytest.raises(AppError, match="no universal network"):
        client.predict(handle_file(session), PROMPTS[0], 1.0, 0.5, None, "universal", api_name="/edit")


def test_errors_say_what_to_do(client, portrait):
    with pytest.raises(AppError, match="seed"):
        client.predict(-3, 0.7, api_name="/sample")
    with pytest.raises(AppError, match="not a session"):
        client.predict(handle_file(portrait()), PROMPTS[0], 1.0, 0.0, None, api_name="/edit")


def test_nothing_of_a_call_stays(client, site, tmp_path_factory):
    client.predict(3, 0.7, api_name="/sample")
    assert not list(site.folder.glob("call-*"))


def test_only_documented_endpoints_exist(client):
    api = client.view_api(return_format="dict")
    assert set(api["named_endpoints"]) == {"/align", "/invert", "/sample", "/edit"}
    assert not api["unnamed_endpoints"]


def test_health(site):
    with urlopen(site.url + "healthz") as answer:
        assert answer.status == 200 and json.load(answer)["status"] == "ready"
