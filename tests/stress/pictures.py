"""Hostile pictures, for photos and for masks."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from random import Random

import numpy as np
from PIL import Image, ImageFile

from mcaclip.editing.mask_tools import load_mask
from mcaclip.imaging.photo import load_photo
from tests.stress.cases import World
from tests.stress.junk import damaged, text

Image.init()
FORMATS = sorted(Image.SAVE)
MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16", "I;16B"]
DTYPES = {"I": np.int32, "F": np.float32, "I;16": np.uint16, "I;16B": np.dtype(">u2")}
SIZES = ((64, 64), (200, 200), (256, 192), (1, 1), (63, 300), (64, 4000), (4000, 64), (30000, 65), (0, 0))


def photos(rng: Random, world: World) -> None:
    """A file or an array as a photo: upright RGB, or refused."""
    if rng.random() < 0.1:
        picture = load_photo(_array(rng))
    else:
        path = world.write(hostile(rng), rng.choice((".jpg", ".png", ".tif", "", ".heic", ".gif")))
        picture = load_photo(rng.choice((path, str(path))))
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    assert picture.flags["C_CONTIGUOUS"] and min(picture.shape[:2]) >= 64


def masks(rng: Random, world: World) -> None:
    """A file as a mask: numbers in [0, 1], or refused."""
    mask = load_mask(world.write(hostile(rng), ".png"))
    assert mask.ndim == 3 and mask.shape[1] == mask.shape[2]
    assert bool(((mask >= 0) & (mask <= 1)).all())


def hostile(rng: Random) -> bytes:
    """The bytes of something that calls itself a picture; a good part of them are real ones."""
    kind = rng.random()
    if kind < 0.25:
        return rng.choice(BOMBS)(rng)
    data = picture(rng)
    for limit in (0.6, 0.9):
        data = damaged(rng, data) if kind > limit else data
    return data


def picture(rng: Random) -> bytes:
    """A picture of any mode, size and format, often with junk in its side data."""
    image = _image(rng, rng.choice(MODES), rng.choice(SIZES))
    form = rng.choice(FORMATS)
    options: dict = {}
    if rng.random() < 0.3:
        options["exif"] = rng.choice((_exif(rng), rng.randbytes(200), b"Exif\0\0MM\0*"))
    if rng.random() < 0.3:
        options["icc_profile"] = rng.randbytes(rng.randrange(4000))
    if form == "TIFF":
        fitting = {"1": "group4", "L": "jpeg", "RGB": "jpeg"}.get(image.mode)  # another mode crashes libtiff itself
        options["compression"] = rng.choice((None, "tiff_lzw", "packbits", "tiff_adobe_deflate", fitting))
    if form in Image.SAVE_ALL and form != "PDF" and rng.random() < 0.4:
        options |= {"save_all": True, "append_images": [_image(rng, "RGB", rng.choice(SIZES)) for _ in range(3)]}
    if rng.random() < 0.2:
        options["transparency"] = rng.choice((0, 300, b"\0\1\2", (1, 2, 3)))
    plain = Image.new("RGB", (80, 80), (200, 150, 90))
    for last, name, given in ((image, form, options), (image, form, {}), (plain, "PNG", {})):
        stream = io.BytesIO()
        with contextlib.suppress(Exception):  # a format without this mode, or an encoder that refuses the junk
            last.save(stream, name, **given)
            break
    return stream.getvalue()


def _image(rng: Random, mode: str, size: tuple[int, int]) -> Image.Image:
    if mode in DTYPES:
        noise = np.random.default_rng(rng.getrandbits(64))
        values = noise.normal(0, 10.0 ** rng.uniform(-2, 9), size[::-1])
        if mode == "F" and rng.random() < 0.6:
            values[noise.random(values.shape) < 0.3] = rng.choice((np.nan, np.inf, -np.inf, 1e38))
        with np.errstate(all="ignore"):
            return Image.fromarray(values.astype(DTYPES[mode]))
    small = Image.frombytes("RGB", (8, 8), rng.randbytes(192)).resize((max(size[0], 1), max(size[1], 1)))
    try:
        image = small.convert(mode)
    except ValueError:
        image = Image.new(mode, small.size)
    return image if min(size) else image.crop((0, 0, *size))


def _exif(rng: Random) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = rng.choice((0, 3, 5, 6, 8, 9, 65535))
    exif[0x010E] = text(rng)[:200].encode(errors="replace").decode(errors="replace")
    return exif.tobytes()


def _array(rng: Random) -> np.ndarray:
    shapes = ((64, 64), (64, 64, 1), (64, 64, 2), (64, 64, 4), (64, 64, 5), (0, 64, 3), (64,), (2, 64, 64, 3))
    values = np.random.default_rng(rng.getrandbits(64)).random(rng.choice(shapes)) * 300
    with np.errstate(all="ignore"):
        values = values.astype(rng.choice(("u1", "u2", "<i4", "f4", "f8", "?", "c8", "O", "S3")))
    return values[::-1] if rng.random() < 0.3 else values


# -- small files that claim to be large, and other lies -------------------------------------------------------


def png(width: int, height: int, kind: bytes, rows: bytes, chunks: bytes = b"") -> bytes:
    """A PNG file. `kind` is its depth, colour type, compression, filter and interlace."""
    header = _chunk(b"IHDR", struct.pack(">II", width, height) + kind)
    return b"\x89PNG\r\n\x1a\n" + header + chunks + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _large_png(rng: Random) -> bytes:
    """Sizes around and far above the limit, the small one with all its pixels."""
    sizes = ((7000, 7100), (7100, 7100), (60000, 60000), (2**31 - 1, 2**31 - 1), (50_000_000, 1))
    width, height = rng.choice(sizes)
    return png(width, height, b"\x08\0\0\0\0", bytes(height * (width + 1)) if width == 7000 else b"\0" * 1000)


def _deep_png(rng: Random) -> bytes:
    return png(300, 300, rng.choice((b"\x10\x06\0\0\1", b"\x10\0\0\0\0", b"\x10\2\0\0\0")), bytes(300 * 2401))


def _talkative_png(rng: Random) -> bytes:
    """A text, profile or animation chunk that unpacks to far more than the picture."""
    name, start = rng.choice(((b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")))
    packed = _chunk(name, start + zlib.compress(bytes(80_000_000), 9))
    texts = _chunk(b"tEXt", b"a\0" + b"b" * 100) * 20_000
    animation = _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    return png(100, 100, b"\x08\2\0\0\0", bytes(30100), rng.choice((packed, texts, animation)))


def _palette_png(rng: Random) -> bytes:
    """A palette without colours, or transparency that is longer than it."""
    chunks = rng.choice((b"", _chunk(b"PLTE", b""), _chunk(b"PLTE", b"abc") + _chunk(b"tRNS", bytes(256))))
    return png(100, 100, b"\x08\3\0\0\0", bytes(rng.choices((0, 1), k=10100)), chunks)


def _header_only(rng: Random) -> bytes:
    """Headers of formats with a size that the data behind them does not have."""
    size = rng.choice((64, 5000, 65500, 2**31 - 1))
    short, long = struct.pack("<H", size & 0xFFFF), struct.pack("<I", size)
    heads = (
        f"P6 {size} {size} 255\n".encode(),
        f"P5 {size} {size} 65535\n".encode(),
        f"Pf {size} {size} -1.0\n".encode(),
        f"P1 {size} {size}\n".encode() + b"1 " * 100,
        b"P6 " + b"9" * 10_000 + b" 64 255\n",
        b"GIF89a" + short + short + b"\xf7\0\0" + bytes(768) + b"," + bytes(4) + short + short + b"\0\x08\xff",
        b"BM" + long + bytes(4) + b"6\0\0\0(\0\0\0" + long + long + b"\1\0\x18\0" + bytes(24),
        b"\0\0\2\0\0\0\0\0\0\0\0\0" + short + short + b"\x18\0",
        b"\0\0\x0a\0\0\0\0\0\0\0\0\0" + short + short + b"\x20\0" + b"\xff\0\0\0\0" * 100,
        b"\xff\xd8\xff\xc0\0\x11\x08" + short[::-1] * 2 + b"\3\1\x11\0\2\x11\1\3\x11\1\xff\xda",
        b"\0\0\1\0\xff\xff" + bytes(16) * 50,
        b"RIFF" + long + b"WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x1cftypavif" + bytes(20) + b"\xff\xff\xff\xffmdat",
        b"\0\0\0\x18ftypheic" + bytes(200),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n(/etc/passwd) (r) file\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        b"\xd7\xcd\xc6\x9a" + bytes(18) + b"\1\0\x09\0",
    )
    return rng.choice(heads) + bytes(rng.randrange(500))


def _tiff(rng: Random) -> bytes:
    """A directory of random entries that may point to itself."""
    tags = (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 322, 323, 324, 325, 338, 339, 330, 34675)
    chosen = sorted(rng.choices(tags, k=rng.randint(1, 19)))
    entries = b""
    for tag in chosen:
        amount, at = rng.choice((0, 1, 1, 1, 3, 2**31)), rng.choice((1, 8, 64, 100, 300, 2**31, 2**32 - 1))
        entries += struct.pack("<HHII", tag, rng.randrange(14), amount, at)
    following = struct.pack("<I", rng.choice((0, 8, 2**31)))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(chosen)) + entries + following + bytes(300)


def _many_frames(rng: Random) -> bytes:
    frame = b"!\xf9\4\0\1\0\0\0,\0\0\0\0\x40\0\x40\0\0\2\2L\1\0"
    return b"GIF89a\x40\0\x40\0\x80\0\0\0\0\0\xff\xff\xff" + frame * rng.choice((1, 3000)) + b";"


def _nothing(rng: Random) -> bytes:
    return rng.choice((b"", b"\0", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"{}", b"PK\3\4"))


def _two_in_one(rng: Random) -> bytes:
    return picture(rng)[: rng.randint(4, 199)] + picture(rng)


BOMBS = (_large_png, _deep_png, _talkative_png, _palette_png, _header_only, _header_only, _tiff, _tiff)
BOMBS += (_many_frames, _nothing, _two_in_one)

assert not ImageFile.LOAD_TRUNCATED_IMAGES
