"""Loading of photos: whatever a visitor hands in becomes upright 8-bit RGB, or a clear error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mcaclip.errors import ImageError
from mcaclip.imaging.photo import MAX_FILE_BYTES, check_photo, load_photo


@pytest.fixture
def picture() -> np.ndarray:
    """`uint8 [80, 96, 3]`: red top left quarter, the rest a gradient; not symmetric in any way."""
    rows, columns = np.mgrid[0:80, 0:96]
    image = np.stack([rows * 2, columns * 2, 255 - rows], axis=2).astype(np.uint8)
    image[:40, :48] = (255, 0, 0)
    return image


def test_png_bytes_and_array_come_back_unchanged(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    for source in (path, str(path), path.read_bytes(), picture, Image.fromarray(picture)):
        loaded = load_photo(source)
        assert loaded.dtype == np.uint8 and loaded.flags.c_contiguous
        assert np.array_equal(loaded, picture)


def test_result_does_not_share_memory_with_the_array(picture: np.ndarray) -> None:
    load_photo(picture)[:] = 0
    assert picture.any()


def test_damaged_exif_is_ignored(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "exif.jpg"
    Image.fromarray(picture).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert load_photo(path).shape == picture.shape


def test_alpha_lies_over_white(picture: np.ndarray) -> None:
    alpha = np.full((80, 96, 1), 255, np.uint8)
    alpha[:, :10] = 0
    alpha[:, 10:20] = 51
    loaded = load_photo(np.concatenate([picture, alpha], axis=2))
    assert (loaded[:, :10] == 255).all()
    assert np.array_equal(loaded[:, 20:], picture[:, 20:])
    mixed = 0.2 * picture[:, 10:20] + 0.8 * 255
    assert np.abs(loaded[:, 10:20] - mixed).max() <= 1


def test_transparent_palette_lies_over_white(tmp_path: Path) -> None:
    indices = np.zeros((70, 70), np.uint8)
    indices[:, 35:] = 1
    image = Image.fromarray(indices, mode="L").convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    path = tmp_path / "palette.png"
    image.save(path, transparency=0)
    loaded = load_photo(path)
    assert (loaded[:, :35] == 255).all()
    assert (loaded[:, 35:] == (200, 100, 50)).all()


def test_greyscale_becomes_three_equal_channels(picture: np.ndarray) -> None:
    grey = picture[:, :, 1]
    for source in (Image.fromarray(grey), grey, grey[:, :, None]):
        assert np.array_equal(load_photo(source), np.repeat(grey[:, :, None], 3, axis=2))


def test_sixteen_bit_arrays_are_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 128).round().astype(np.uint16), (64, 1))
    assert np.array_equal(load_photo(ramp)[:, :, 2], np.rint(ramp / 257).astype(np.uint8))


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (70, 70), colour) for colour in ("red", "blue")]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert (load_photo(path) == (255, 0, 0)).all()
    with Image.open(path) as opened:
        opened.seek(1)
        assert (load_photo(opened) == (255, 0, 0)).all()


def test_small_images_are_refused() -> None:
    assert load_photo(np.zeros((64, 64, 3), np.uint8)).shape == (64, 64, 3)
    with pytest.raises(ImageError, match="64 pixels"):
        load_photo(np.zeros((63, 500, 3), np.uint8))


def test_a_file_is_looked_at_without_decoding_it(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    path.write_bytes(path.read_bytes()[:200])
    check_photo(path)
    with pytest.raises(ImageError, match="damaged"):
        load_photo(path)
    path.write_bytes(b"a text")
    with pytest.raises(ImageError, match="not an image"):
        check_photo(path)


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("no image")
    with pytest.raises(ImageError, match="JPEG or PNG"):
        load_photo(path)
    with pytest.raises(ImageError, match="no file"):
        load_photo(tmp_path / "absent.jpg")
    with pytest.raises(ImageError):
        load_photo(tmp_path)


def test_files_for_other_programs_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "page.eps"
    Image.new("RGB", (100, 100)).save(path, "EPS")
    with pytest.raises(ImageError):
        load_photo(path)


@pytest.mark.parametrize("shape", [(80,), (80, 80, 2), (2, 80, 80, 3)])
def test_arrays_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="shape"):
        load_photo(np.zeros(shape, np.uint8))


def test_arrays_of_other_types_are_refused() -> None:
    with pytest.raises(ImageError, match="uint8"):
        load_photo(np.zeros((80, 80, 3), np.float32))


# --- files and bytes


def test_large_files_are_refused_before_they_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    for source in (path, bytes(MAX_FILE_BYTES + 1)):
        with pytest.raises(ImageError, match="at most 40 MB"):
            load_photo(source)


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    for source in (b"", tmp_path / "empty.jpg"):
        with pytest.raises(ImageError, match="empty"):
            load_photo(source)


def test_only_ordinary_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, words in ((tmp_path / "pipe.jpg", "ordinary"), (Path("/dev/zero"), "ordinary"), (tmp_path, "folder")):
        with pytest.raises(ImageError, match=words):
            load_photo(path)


@pytest.mark.parametrize("error", [PermissionError(13, "no"), OSError(5, "broken")])
def test_unreadable_files(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")

    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"a\.png .* try again"):
        load_photo(tmp_path / "a.png")


@pytest.mark.parametrize(
    "name", ["text.jpg", "cut.png", "absent\udcff.jpg", "line\nbreak\x1b[31m.png", "a" * 300 + ".png", "nul\0.png"]
)
def test_messages_are_printable_and_name_no_folder(tmp_path: Path, picture: np.ndarray, name: str) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    Image.fromarray(picture).save(tmp_path / "cut.png")
    os.truncate(tmp_path / "cut.png", 100)
    with pytest.raises(ImageError) as caught:
        load_photo(tmp_path / name)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 200
    assert str(tmp_path) not in message and tmp_path.name not in message
    message.encode()
