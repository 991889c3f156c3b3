"""What a visitor takes away."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mcaclip.errors import StudioError
from mcaclip.results.export import mark
from mcaclip.types import to_uint8
from mcaclip.ui.handlers.views import DOWNLOADS
from tests.fakes import PROMPTS
from tests.helpers.records import read_record
from tests.helpers.studio import NOBODY, controls, edited, failing, given, last


def test_downloads_are_of_the_edit_that_is_shown(studio, session):
    second = edited(studio, session, PROMPTS[2])
    view = last(studio.files(True, second))
    assert np.array_equal(
        np.asarray(Image.open(view["download_edited"]["value"])), mark(to_uint8(second.result.image))
    ), "downloads are lossless"
    assert Image.open(view["download_pasted"]["value"]).size == (256, 256), "the photo's size"
    settings = json.loads(Path(view["download_settings"]["value"]).read_text())
    assert settings["prompts"] == [{"prompt": PROMPTS[2], "strength": 1.0}] and settings["stack"] == "fake"
    assert all(view[name]["interactive"] for name in DOWNLOADS) and view["saving"] == ""
    back = last(studio.step_back(view["session"]))
    assert not any(back[name]["interactive"] for name in DOWNLOADS), "never a download of another picture"
    face = Path(last(studio.files(True, back["session"]))["download_edited"]["value"])
    assert read_record(face)["prompts"] == [{"prompt": PROMPTS[0], "strength": 1.0}]


def test_downloads_need_an_edit(studio, session):
    for without in (NOBODY, session.unedited()):
        assert failing(studio.files(True, without), StudioError, "no edit") == {}
        assert failing(studio.animation("film", "GIF", without), StudioError, "no edit") == {}


def test_a_generated_face_has_no_photo_to_save(studio):
    session = edited(studio, last(studio.random_face(7, 0.7, NOBODY))["session"], PROMPTS[1])
    view = last(studio.files(True, session))
    assert view["download_pasted"]["interactive"] is False
    assert Path(view["download_edited"]["value"]).name == "seed_7_edited.png"


def test_downloads_remember_and_the_mark_can_be_left_out(studio, session):
    marked = np.asarray(Image.open(last(studio.files(True, session))["download_edited"]["value"]))
    view = last(studio.files(False, session))
    plain = np.asarray(Image.open(view["download_edited"]["value"]))
    assert not np.array_equal(marked, plain) and np.array_equal(plain, to_uint8(session.result.image))
    again = last(studio.rerender(controls(PROMPTS[0], 0.5), view["session"]))["session"]
    assert again.marked is False, "the switch stays off"


def test_records_say_how_the_edit_was_made(any_words, tmp_path):
    session = edited(any_words, given(any_words, tmp_path), "pink eyebrows and zombie")
    record = read_record(Path(last(any_words.files(True, session))["download_edited"]["value"]))
    assert record["modes"] == ["universal", "universal"] and record["variation"] == 0
    chosen = last(any_words.choice_taken(2, "variation", session))["session"]
    record = read_record(Path(last(any_words.files(True, chosen))["download_edited"]["value"]))
    assert record["variation"] == 2


def test_the_film_becomes_an_animation(studio, session):
    session = edited(studio, session, PROMPTS[2])
    view = last(studio.animation("film", "GIF", session))
    assert view["saving"] == ""
    assert Image.open(view["animation_file"]).n_frames == 4, "three pictures, forth and back"
    view = last(studio.animation("strength", "GIF", session))
    assert Image.open(view["animation_file"]).n_frames > 10
    path = last(studio.animation("film", "MP4", session))["animation_file"]
    with av.open(path) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert frames[0].shape == (512, 512, 3) and len(frames) % 3 == 0
    first, last_frame = frames[0].astype(int), frames[-1].astype(int)
    assert np.abs(first - last_frame)[20:120].mean() > 10, "from the original to purple hair"
    with pytest.raises(StudioError, match="do not fit"):
        list(studio.animation("film", "AVI", session))


def test_a_film_that_is_cancelled_leaves_the_page_ready(studio, session):
    views = studio.animation("strength", "MP4", session)
    shown: dict = {}
    with pytest.raises(StudioError, match="Cancelled"):
        for view in views:
            shown |= view
            if "session" in view:
                view["session"].running.cancel()
    assert shown["cancel"]["visible"] is False and shown["saving"] == "", "no bar is left standing"
