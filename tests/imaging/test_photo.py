"""Loading of photos: whatever a visitor hands in becomes upright 8-bit RGB, or a clear error."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.errors import ImageError
from mcaclip.imaging.decode import MAX_PIXELS
from mcaclip.imaging.photo import load_photo


@pytest.fixture
def picture() -> np.ndarray:
    """`uint8 [80, 96, 3]`: red top left quarter, the rest a gradient; not symmetric in any way."""
    rows, columns = np.mgrid[0:80, 0:96]
    image = np.stack([rows * 2, columns * 2, 255 - rows], axis=2).astype(np.uint8)
    image[:40, :48] = (255, 0, 0)
    return image


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


def test_png_and_array_come_back_unchanged(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    for source in (path, str(path), picture, Image.fromarray(picture)):
        loaded = load_photo(source)
        assert loaded.dtype == np.uint8 and loaded.flags.c_contiguous
        assert np.array_equal(loaded, picture)


def test_result_does_not_share_memory_with_the_array(picture: np.ndarray) -> None:
    load_photo(picture)[:] = 0
    assert picture.any()


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (6, lambda a: np.rot90(a, 1)),
        (8, lambda a: np.rot90(a, -1)),
    ],
)
def test_exif_rotation_is_undone(tmp_path: Path, picture: np.ndarray, orientation: int, stored) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored(picture))).save(path, exif=exif)
    assert np.array_equal(load_photo(path), picture)


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


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = tmp_path / "cmyk.tiff"
    Image.new("CMYK", (70, 70), (0, 255, 255, 0)).save(path)
    assert (load_photo(path) == (255, 0, 0)).all()


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 128).round().astype(np.uint16), (64, 1))
    expected = np.rint(ramp / 257).astype(np.uint8)
    path = tmp_path / "deep.png"
    Image.fromarray(ramp).save(path)
    assert np.array_equal(load_photo(path)[:, :, 0], expected)
    assert np.array_equal(load_photo(ramp)[:, :, 2], expected)


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_floating_point_greyscale(white: float) -> None:
    ramp = np.tile(np.linspace(0, white, 128, dtype=np.float32), (64, 1))
    assert np.array_equal(load_photo(Image.fromarray(ramp))[:, :, 0], np.rint(ramp / white * 255))


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (70, 70), colour) for colour in ("red", "blue")]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert (load_photo(path) == (255, 0, 0)).all()
    with Image.open(path) as opened:
        opened.seek(1)
        assert (load_photo(opened) == (255, 0, 0)).all()


@pytest.mark.parametrize("share", [0.2, 0.6])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_truncated_file_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    path = tmp_path / "cut.img"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    with pytest.raises(ImageError, match="damaged"):
        load_photo(path)


def test_pixels_are_capped_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    for width, height in ((7072, 7072), (30000, 30000)):
        path.write_bytes(_png_header(width, height))  # would fail as damaged if it were decoded
        with pytest.raises(ImageError, match="50 million"):
            load_photo(path)
    assert 7072 * 7072 > MAX_PIXELS > 7071 * 7071


def test_small_images_are_refused() -> None:
    assert load_photo(np.zeros((64, 64, 3), np.uint8)).shape == (64, 64, 3)
    with pytest.raises(ImageError, match="64 pixels"):
        load_photo(np.zeros((63, 500, 3), np.uint8))


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
