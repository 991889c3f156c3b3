"""The public endpoints, as other programs use them, and the health check; without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.fakes import PROMPTS
from tests.helpers.records import read_record


@pytest.fixture(scope="module")
def client(site, tmp_path_factory) -> Client:
    return Client(site.url, verbose=False, download_files=tmp_path_factory.mktemp("client"))


def test_photo_to_edit(client, portrait, tmp_path):
    photo = handle_file(portrait(faces=2))
    aligned, found = client.predict(photo, 1, True, api_name="/align")
    assert Image.open(aligned).size == (1024, 1024) and len(found["faces"]) == 2 and len(found["quad"]) == 4
    _, session, figures = client.predict(photo, 1, "good", True, api_name="/invert")
    assert figures["identity"] == 0.78 and "likeness" in figures["words"]
    Image.fromarray(np.full((64, 64), 255, np.uint8)).save(tmp_path / "mask.png")
    prompts = f"{PROMPTS[0]}; {PROMPTS[2]}:0.5"
    mask = handle_file(str(tmp_path / "mask.png"))
    answer = client.predict(handle_file(session), prompts, 1.2, 0.0, mask, api_name="/edit")
    edited, overlay, session, figures, pasted = answer
    assert read_record(Path(edited))["prompts"] == [
        {"prompt": PROMPTS[0], "strength": 1.2},
        {"prompt": PROMPTS[2], "strength": 0.5},
    ]
    assert Image.open(overlay).size == (1024, 1024) and figures["mask_painted"] is True
    assert Image.open(pasted).size == Image.open(portrait(faces=2)).size and read_record(Path(pasted))
    again = client.predict(handle_file(session), PROMPTS[1], 1.0, 0.0, None, api_name="/edit")
    assert again[3]["prompt"] == PROMPTS[1]


def test_random_face_to_edit(client, site):
    _, session, figures = client.predict(7, 0.7, api_name="/sample")
    assert figures == {"name": "seed_7", "identity": None, "likeness": None, "words": figures["words"]}
    site.editor.resolved.clear()
    *_, figures, pasted = client.predict(handle_file(session), PROMPTS[0], threshold=0.5, api_name="/edit")
    assert pasted is None and figures["mask_threshold"] == 0.5 and figures["modes"] == ["fitted"]
    assert site.editor.resolved == [PROMPTS[0]], "the prompt is read once"
    with pytest.raises(AppError, match="no universal network"):
        client.predict(handle_file(session), PROMPTS[0], 1.0, 0.5, None, "universal", api_name="/edit")


def test_errors_say_what_to_do(client, portrait):
    with pytest.raises(AppError, match="not a session"):
        client.predict(handle_file(portrait()), PROMPTS[0], 1.0, 0.0, None, api_name="/edit")
    with pytest.raises(AppError, match="consent=True"):
        client.predict(handle_file(portrait()), api_name="/invert")


def test_arguments_have_names_and_defaults(client, portrait):
    found = client.view_api(return_format="dict")
    api = found["named_endpoints"]
    assert not found["unnamed_endpoints"]
    named = {name: [one["parameter_name"] for one in api[name]["parameters"]] for name in api}
    assert named == {
        "/align": ["photo", "face", "consent"],
        "/invert": ["photo", "face", "effort", "consent"],
        "/sample": ["seed", "truncation"],
        "/edit": ["session", "prompt", "strength", "threshold", "mask", "mode", "likeness"],
    }
    assert client.predict(api_name="/sample")[2]["name"] == "seed_0"
    session = client.predict(photo=handle_file(portrait()), consent=True, api_name="/invert")[1]
    figures = client.predict(session=handle_file(session), prompt=PROMPTS[0], api_name="/edit")[3]
    assert figures["strength"] == 1.0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"strength": None}, "strength is None"),
        ({"strength": "much"}, "strength is much"),
        ({"threshold": 7}, "threshold is 7"),
        ({"likeness": 2}, "likeness is 2"),
        ({"mode": "<b>best</b>"}, '"<b>best</b>" does not exist'),
        ({"prompt": 5}, "prompt is 5"),
        ({"prompt": ""}, "prompt is empty"),
    ],
)
def test_wrong_values_are_named(client, values, words):
    *_, session, _ = client.predict(7, api_name="/sample")
    with pytest.raises(AppError) as refused:
        client.predict(**{"session": handle_file(session), "prompt": PROMPTS[0], **values}, api_name="/edit")
    assert words in str(refused.value)


@pytest.mark.parametrize("seed", [1e300, -1, 0.5, None, "seven"])
def test_seeds_that_are_none_are_refused(client, seed):
    with pytest.raises(AppError, match="The seed is a whole number"):
        client.predict(seed, api_name="/sample")


def test_a_call_leaves_no_files(client, site, tmp_path_factory):
    client.predict(3, 0.7, api_name="/sample")
    assert not list(site.folder.glob("call-*"))


def test_health(site):
    with urlopen(site.url + "healthz") as answer:
        assert answer.status == 200 and json.load(answer)["status"] == "ready"
