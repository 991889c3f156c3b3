"""Picture files as people have them: colour profiles, HEIC, deep greys, icons, every format, hostile files."""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from mcaclip.errors import ImageError
from mcaclip.imaging import photo
from mcaclip.imaging.decode import MAX_PIXELS
from mcaclip.imaging.photo import load_photo
from tests.helpers.profiles import ADOBE, PROPHOTO, cmyk_profile, grey_profile, rgb_profile

RGB_PROFILES = {"Adobe RGB": rgb_profile(ADOBE, 2.2), "ProPhoto": rgb_profile(PROPHOTO, 1.8)}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NEARLY_LOSSLESS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "MPO": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": -1, "chroma": 444},
    "ICO": {"sizes": [(96, 96)]},
}


@pytest.fixture
def picture() -> np.ndarray:
    """`uint8 [96, 96, 3]`: smooth in all colours, not symmetric in any way."""
    rows, columns = np.mgrid[0:96, 0:96]
    return np.stack([rows * 2.6, columns * 2.6, 250 - rows - columns], axis=2).astype(np.uint8)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **NEARLY_LOSSLESS.get(kind, {}), **options)
    return buffer.getvalue()


def _decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _by_imagecms(image: Image.Image, profile: bytes) -> np.ndarray:
    made = ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(made).astype(int)


def _error(values: np.ndarray, expected: np.ndarray) -> int:
    return int(np.abs(values.astype(int) - expected).max())


# --- colour profiles


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "MPO", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("profile", RGB_PROFILES.values(), ids=RGB_PROFILES)
def test_rgb_profiles_are_converted(picture: np.ndarray, kind: str, profile: bytes) -> None:
    data = _saved(Image.fromarray(picture), kind, icc_profile=profile)
    plain = _decoded(data).convert("RGB")
    assert _error(load_photo(data), _by_imagecms(plain, profile)) < 2
    assert _error(load_photo(data), np.asarray(plain).astype(int)) > 15


def test_jpeg2000_profiles_are_converted(picture: np.ndarray) -> None:
    data, profile = _saved(Image.fromarray(picture), "JPEG2000"), RGB_PROFILES["ProPhoto"]
    box = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    header, old = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    (header_size,), (old_size,) = struct.unpack_from(">I", data, header), struct.unpack_from(">I", data, old)
    grown = struct.pack(">I", header_size - old_size + len(box))
    tagged = data[:header] + grown + data[header + 4 : old] + box + data[old + old_size :]
    assert _error(load_photo(tagged), _by_imagecms(_decoded(data), profile)) < 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_grey_profiles_are_converted(picture: np.ndarray, kind: str) -> None:
    profile = grey_profile(1.4)
    data = _saved(Image.fromarray(picture[:, :, 1]), kind, icc_profile=profile)
    assert _error(load_photo(data), _by_imagecms(_decoded(data), profile)) < 2
    with_alpha = _saved(Image.fromarray(picture[:, :, 1]).convert("LA"), "PNG", icc_profile=profile)
    assert _error(load_photo(with_alpha), _by_imagecms(Image.fromarray(picture[:, :, 1]), profile)) < 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_profiles_are_converted(picture: np.ndarray, kind: str) -> None:
    data = _saved(Image.fromarray(picture).convert("CMYK"), kind, icc_profile=cmyk_profile())
    assert _error(load_photo(data), _by_imagecms(_decoded(data), cmyk_profile())) < 2


def test_lab_with_a_profile_and_without(picture: np.ndarray) -> None:
    lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(picture), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert image is not None
    for profile in (None, ImageCms.ImageCmsProfile(lab).tobytes()):
        data = _saved(image, "TIFF", icc_profile=profile)
        expected = _by_imagecms(_decoded(data), ImageCms.ImageCmsProfile(lab).tobytes())
        assert _error(load_photo(data), expected) < 2
        assert np.abs(expected - picture).mean() < 2  # 8 bits of Lab are coarse


def test_palette_with_a_profile(picture: np.ndarray) -> None:
    image, profile = Image.fromarray(picture).quantize(64), RGB_PROFILES["Adobe RGB"]
    expected = _by_imagecms(image.convert("RGB"), profile)
    assert _error(load_photo(_saved(image, "PNG", icc_profile=profile)), expected) < 2
    holes = _saved(image, "PNG", icc_profile=profile, transparency=bytes([0] * 8 + [255] * 56))
    clear = np.asarray(image) < 8
    assert (load_photo(holes)[clear] == 255).all()
    assert _error(load_photo(holes)[~clear], expected[~clear]) < 2


def test_alpha_survives_the_conversion(picture: np.ndarray) -> None:
    image, profile = Image.fromarray(picture).convert("RGBA"), RGB_PROFILES["ProPhoto"]
    alpha = np.full((96, 96), 255, np.uint8)
    alpha[:30], alpha[30:60] = 0, 51
    image.putalpha(Image.fromarray(alpha))
    expected = _by_imagecms(Image.fromarray(picture), profile)
    loaded = load_photo(_saved(image, "PNG", icc_profile=profile))
    assert (loaded[:30] == 255).all() and _error(loaded[60:], expected[60:]) < 2
    assert _error(loaded[30:60], np.rint(0.2 * expected[30:60] + 0.8 * 255).astype(int)) < 2


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_srgb_profile_changes_no_bit(picture: np.ndarray, mode: str) -> None:
    image = Image.fromarray(picture).convert(mode)
    assert np.array_equal(load_photo(_saved(image, "PNG", icc_profile=SRGB)), load_photo(_saved(image, "PNG")))


BAD_PROFILES = {
    "no profile at all": ("RGB", b"nothing of the kind"),
    "cut off": ("RGB", rgb_profile(ADOBE, 2.2)[:200]),
    "of inks for light": ("RGB", cmyk_profile()),
    "of grey for colour": ("RGB", grey_profile(1.4)),
    "of colour for grey": ("L", rgb_profile(ADOBE, 2.2)),
    "of light for inks": ("CMYK", rgb_profile(ADOBE, 2.2)),
}


@pytest.mark.parametrize("case", BAD_PROFILES)
def test_bad_profiles_are_ignored_with_a_warning(picture: np.ndarray, caplog: Any, case: str) -> None:
    mode, profile = BAD_PROFILES[case]
    image = Image.fromarray(picture).convert(mode)
    with caplog.at_level(logging.WARNING, logger="mcaclip.imaging.decode"):
        loaded = load_photo(_saved(image, "TIFF", icc_profile=profile))
    assert np.array_equal(loaded, np.asarray(image.convert("RGB")))
    assert "Colour profile ignored" in caplog.text


# --- HEIC

TURNED = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    5: lambda a: np.transpose(a, (1, 0, 2)),
    6: lambda a: np.rot90(a, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_pictures_are_turned_once(picture: np.ndarray, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(TURNED[orientation](picture[:80])))
    data = _saved(stored, kind, exif=exif.tobytes())
    for source in (data, Image.open(io.BytesIO(data))):
        loaded = load_photo(source)
        assert loaded.shape == (80, 96, 3) and _error(loaded, picture[:80].astype(int)) <= (0 if kind == "PNG" else 4)


def test_heic_gives_its_primary_picture() -> None:
    frames = [Image.new("RGB", (70, 70), colour) for colour in ("red", "lime", "blue")]
    data = _saved(frames[0], "HEIF", save_all=True, append_images=frames[1:], primary_index=1)
    for source in (data, Image.open(io.BytesIO(data))):
        assert _error(load_photo(source), np.array((0, 255, 0))) <= 2


@pytest.mark.parametrize("side", [8000, 60])
def test_heic_size_is_checked_in_the_header(picture: np.ndarray, side: int) -> None:
    data = bytearray(_saved(Image.fromarray(picture), "HEIF"))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", side, side)
    with pytest.raises(ImageError, match=f"{side} x {side}"):
        load_photo(bytes(data))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    data = _saved(Image.fromarray(noise), kind)
    with pytest.raises(ImageError, match="try again"):
        load_photo(data[: int(len(data) * share)])


# --- more than 8 bits


def _tiff(values: np.ndarray, **tags: int) -> bytes:
    """A TIFF file of one channel, with further tags of 16 bits (`t281=4095`)."""
    info = {258: values.itemsize * 8, 339: {"u": 1, "i": 2, "f": 3}[values.dtype.kind]}
    info |= {256: values.shape[1], 257: values.shape[0], 259: 1, 262: 1, 277: 1, 278: values.shape[0]}
    info |= {int(name[1:]): value for name, value in tags.items()}
    info |= {273: 8 + 2 + 12 * (len(info) + 2) + 4, 279: values.nbytes}
    entries = b"".join(
        struct.pack("<HHIHH", number, 3, 1, value, 0) if value < 65536 else struct.pack("<HHII", number, 4, 1, value)
        for number, value in sorted(info.items())
    )
    return b"II*\0" + struct.pack("<IH", 8, len(info)) + entries + bytes(4) + values.tobytes()


def _ramp(largest: float, dtype: type) -> np.ndarray:
    return np.tile(np.linspace(0, largest, 128), (64, 1)).astype(dtype)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int32, np.float32])
def test_greys_of_fewer_bits_than_their_words(bits: int, dtype: type) -> None:
    ramp = _ramp(2**bits - 1, dtype)
    expected = np.rint(ramp.astype(np.float64) / (2**bits - 1) * 255)
    assert _error(load_photo(_tiff(ramp))[:, :, 0], expected) <= 1
    if dtype == np.uint16:
        assert _error(load_photo(_saved(Image.fromarray(ramp), "PNG"))[:, :, 1], expected) <= 1


def test_tags_say_what_white_is() -> None:
    ramp = _ramp(900, np.uint16)
    assert load_photo(_tiff(ramp)).max() == round(900 / 1023 * 255)
    assert load_photo(_tiff(ramp, t281=4095)).max() == round(900 / 4095 * 255)
    assert load_photo(_tiff(ramp, t281=65535)).max() == round(900 / 65535 * 255)
    white_is_zero = load_photo(_tiff(_ramp(65535, np.uint16), t262=0))
    assert white_is_zero[0, 0, 0] == 255 and white_is_zero[0, -1, 0] == 0


def test_full_32_bits_and_signed_16() -> None:
    expected = np.linspace(0, 255, 128)
    for largest, dtype in ((2**32 - 1, np.uint32), (2**31 - 1, np.int32), (2**15 - 1, np.int16)):
        assert _error(load_photo(_tiff(_ramp(largest, dtype)))[0, :, 0], expected) <= 1


def test_sixteen_bits_of_pgm_are_whole(tmp_path: Path) -> None:
    dark = _ramp(6000, np.uint16)
    path = tmp_path / "dark.pgm"
    path.write_bytes(b"P5 128 64 65535\n" + dark.astype(">u2").tobytes())
    assert load_photo(path).max() == round(6000 / 65535 * 255)


def test_what_is_no_number_is_black() -> None:
    ramp = _ramp(1, np.float32)
    ramp[0, :3] = np.nan, np.inf, -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_photo(_tiff(ramp))
        assert loaded[0, :3, 0].tolist() == [0, 255, 0]
        assert _error(loaded[1, :, 0], np.linspace(0, 255, 128)) <= 1
        assert not load_photo(_tiff(np.full((64, 64), np.nan, np.float32))).any()


def test_overbright_floats_are_cut_off() -> None:
    ramp = _ramp(1, np.float32)
    ramp[0, 0] = 300.0  # a lamp
    assert _error(load_photo(_tiff(ramp))[1, :, 0], np.linspace(0, 255, 128)) <= 1


def test_transparent_level_of_deep_grey_lies_over_white() -> None:
    ramp = _ramp(65535, np.uint16)
    loaded = load_photo(_saved(Image.fromarray(ramp), "PNG", transparency=0))
    assert (loaded[:, 0] == 255).all() and loaded[0, 1, 0] < 5


def _deep_png(values: np.ndarray) -> bytes:
    """A PNG of `uint16 [H, W, 3 or 4]`."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    colour = {3: 2, 4: 6}[channels]
    return _png(width, height, (b"IDAT", zlib.compress(rows)), bits=16, colour=colour)


def _png(width: int, height: int, *chunks: tuple[bytes, bytes], bits: int = 8, colour: int = 2) -> bytes:
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (header, *chunks, (b"IEND", b""))
    )


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour(picture: np.ndarray, channels: int) -> None:
    alpha = np.full((96, 96, channels - 3), 255, np.uint8)
    deep = np.concatenate([picture, alpha], axis=2).astype(np.uint16) * 257
    assert _error(load_photo(_deep_png(deep)), picture.astype(int)) <= 1
    with pytest.raises(ImageError, match="16 bits per colour"):
        load_photo(_deep_png(deep // 16))
    assert not load_photo(_deep_png(np.zeros((64, 64, 3), np.uint16))).any()


# --- every format


@pytest.mark.parametrize("kind", photo._FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "1", "LA", "CMYK"])
def test_every_format_comes_back(picture: np.ndarray, kind: str, mode: str) -> None:
    opaque = Image.fromarray(picture)
    image = opaque.quantize(32) if mode == "P" else opaque.convert(mode)
    try:
        data = _saved(image, kind)
    except (OSError, ValueError) as error:
        pytest.skip(f"Pillow writes no {mode} as {kind}: {error}")
    stored = _decoded(data)
    loaded = load_photo(data)
    assert loaded.shape == (96, 96, 3)
    assert _error(loaded, np.asarray(stored.convert("RGBA").convert("RGB")).astype(int)) <= 1
    if kind in ("PNG", "WEBP", "TIFF", "BMP", "PPM", "TGA", "ICO") and stored.mode == mode:
        assert np.array_equal(loaded, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("bitmap", ["png", "bmp"])
def test_icon_gives_its_largest_picture(bitmap: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)  # large for its size
    for side in (64, 128, 256):
        image = Image.fromarray(noise[:side, :side])
        data = _saved_icon(image, bitmap, [(16, 16), (side, side), (48, 48)])
        assert np.array_equal(load_photo(data), noise[:side, :side])
    with pytest.raises(ImageError, match="48 x 48"):
        load_photo(_saved_icon(Image.fromarray(noise), bitmap, [(16, 16), (48, 48)]))


def _saved_icon(image: Image.Image, bitmap: str, sizes: list[tuple[int, int]]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "ICO", sizes=sizes, bitmap_format=bitmap)
    return buffer.getvalue()


def test_icon_that_hides_a_large_picture_is_not_decoded() -> None:
    inner = _png(9000, 9000, (b"IDAT", b""))
    entry = struct.pack("<BBBBHHII", 64, 64, 0, 0, 1, 32, len(inner), 22)
    with pytest.raises(ImageError, match="50 million"):
        load_photo(b"\0\0\1\0\1\0" + entry + inner)


# --- hostile pictures


@pytest.mark.parametrize("side", [7072, 30000])
def test_pixels_are_capped_before_decoding(side: int) -> None:
    with pytest.raises(ImageError, match="50 million"):  # it would fail as damaged if it were decoded
        load_photo(_png(side, side, (b"IDAT", zlib.compress(bytes(64)))))
    assert 7072 * 7072 > MAX_PIXELS > 7071 * 7071


def _gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b",\0\0\0\0" + struct.pack("<HHB", 64, 64, 0)


HOSTILE = {
    "text chunk": _png(80, 80, (b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000))), (b"IDAT", b"")),
    "profile chunk": _png(80, 80, (b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000))), (b"IDAT", b"")),
    "no width": _png(0, 80, (b"IDAT", b"")),
    "large screen of a gif": _gif(65535, 65535),
    "gif without data": _gif(64, 64),
    "large bmp": b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0),
    "large ppm": b"P6 60000 60000 255\n",
    "large tiff": _tiff(np.zeros((64, 64), np.uint16), t256=65535, t257=65535),
    "tiff of many channels": _tiff(np.zeros((64, 64), np.uint16), t277=60000),
    "tiff of many bits": _tiff(np.zeros((64, 64), np.uint16), t258=60000),
    "tiff that points far away": _tiff(np.zeros((64, 64), np.uint16))[:200],
    "icon without pictures": b"\0\0\1\0\0\0",
    "icon of nothing": b"\0\0\1\0\xff\xff",
    "tga of zeros": bytes(16) + b"\x18\0",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pictures_are_refused_in_words(case: str, capfd: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError) as caught:
            load_photo(HOSTILE[case])
    assert str(caught.value).isprintable() and str(caught.value).endswith(("try again.", "pixels per side."))
    assert capfd.readouterr().err == ""


def test_of_many_frames_only_one_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.new("L", (64, 64), level) for level in range(200)]
    for kind in ("GIF", "PNG", "TIFF"):
        data = _saved(frames[0], kind, save_all=True, append_images=frames[1:])
        opened = Image.open(io.BytesIO(data))
        with monkeypatch.context() as context:
            context.setattr(type(opened), "seek", lambda *_: pytest.fail("another frame was read"))
            assert not load_photo(data).any()


def test_odd_pictures_raise_no_warning(picture: np.ndarray, recwarn: pytest.WarningsRecorder) -> None:
    palette = _saved(Image.fromarray(picture).quantize(64), "PNG", transparency=bytes(range(64)))
    load_photo(palette)
    with pytest.raises(ImageError):
        load_photo(_png(10_000, 10_000, (b"IDAT", b"")))
    assert not recwarn.list
