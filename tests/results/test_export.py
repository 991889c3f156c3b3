"""Exported pictures: their settings, marks and formats."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
from PIL import Image

from mcaclip.results import export as keep
from tests.helpers.records import read_record


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)


def test_png_keeps_pixels_record_and_says_ai_edited(tmp_path, picture):
    record = {"prompt": "grüner Lippenstift", "strength": 0.7}
    keep.write_png(tmp_path / "a.png", picture, record)
    saved = Image.open(tmp_path / "a.png")
    assert np.array_equal(np.asarray(saved), picture)
    assert saved.info["Description"] == "AI-edited"
    assert saved.info["srgb"] == 0, "the colours say that they are sRGB"
    assert "compositeWithTrainedAlgorithmicMedia" in saved.info["XML:com.adobe.xmp"]
    assert read_record(tmp_path / "a.png") == record == json.loads(saved.info[keep.RECORD_KEY])


@pytest.mark.parametrize("shape", [(64, 64, 3), (1024, 1024, 3), (300, 900, 3)])
def test_mark_is_small_and_in_the_corner(shape):
    image = np.full(shape, 128, np.uint8)
    marked = keep.mark(image)
    changed = (marked != image).any(axis=2)
    assert 0 < changed.mean() < 0.3
    assert not changed[: shape[0] // 2].any()
    assert changed[:, shape[1] // 2 :].any()
    assert (image == 128).all(), "the original is left alone"


def test_gif_runs_forth_and_back(tmp_path):
    frames = [np.full((32, 32, 3), 40 * step, np.uint8) for step in range(5)]
    keep.write_gif(tmp_path / "sweep.gif", frames)
    animation = Image.open(tmp_path / "sweep.gif")
    assert animation.n_frames == 8 and animation.info["loop"] == 0
    with pytest.raises(ValueError, match="two"):
        keep.write_gif(tmp_path / "one.gif", frames[:1])


def test_jpeg_says_ai_edited_and_holds_the_record_unless_it_is_too_large(tmp_path, picture):
    keep.write_jpeg(tmp_path / "a.jpg", picture, {"prompt": "grün \ud800"})
    keep.write_jpeg(tmp_path / "b.jpg", picture, {"prompt": "x" * 70_000})
    for name, record in (("a.jpg", '{"prompt": "grün \ufffd"}'), ("b.jpg", "AI-edited")):
        saved = Image.open(tmp_path / name)
        assert saved.info["comment"].decode() == record and saved.getexif()[270] == "AI-edited"
        assert b"compositeWithTrainedAlgorithmicMedia" in saved.info["xmp"]


def test_mp4_says_ai_edited_and_shows_every_frame_for_its_time(tmp_path):
    frames = [np.full((64, 64, 3), value, np.uint8) for value in (20, 120, 220)]
    keep.write_mp4(tmp_path / "film.mp4", frames, 0.4)
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.metadata["comment"] == keep.MARK
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (64, 64, "yuv420p")
        shown = [float(frame.to_ndarray(format="rgb24").mean()) for frame in film.decode(video=0)]
        assert len(shown) == round(3 * 0.4 * float(stream.average_rate))
    third = len(shown) // 3
    assert np.allclose(shown, np.repeat([20, 120, 220], third), atol=6)
    assert not [path for path in tmp_path.iterdir() if path.name != "film.mp4"]
