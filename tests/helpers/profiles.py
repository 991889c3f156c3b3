"""Colour profiles (ICC version 2), written by hand: neither Pillow nor the project brings any but that of sRGB."""

from __future__ import annotations

import itertools
import struct

import numpy as np

# Columns: the primaries red, green, blue as XYZ under D50.
ADOBE = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
PROPHOTO = ((0.79767, 0.13519, 0.03134), (0.28804, 0.71188, 0.00009), (0.0, 0.0, 0.82491))
_D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(primaries: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A profile of three primaries and one gamma, such as those of Adobe RGB (2.2) and ProPhoto (1.8)."""
    columns = zip(*primaries, strict=True)
    tags = {f"{name}XYZ": _xyz(column) for name, column in zip("rgb", columns, strict=True)}
    return _profile("mntr", "RGB ", "XYZ ", tags | {f"{name}TRC": _curve(gamma) for name in "rgb"})


def grey_profile(gamma: float) -> bytes:
    """A profile of greyscale."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _curve(gamma)})


def cmyk_profile() -> bytes:
    """A profile of four inks whose colours are duller than those of a screen."""
    cells = []
    for cyan, magenta, yellow, black in itertools.product((0, 1), repeat=4):
        paper = (1 - 0.85 * black) * (1 - 0.35 * cyan - 0.35 * magenta - 0.08 * yellow)
        a = (1 - black) * (60 * magenta - 30 * cyan)
        b = (1 - black) * (75 * yellow - 40 * cyan - 10 * magenta)
        cells.append((round(paper * 243), round(128 + a), round(128 + b)))
    identity = np.arange(256, dtype=np.uint8).tobytes()
    matrix = struct.pack(">9i", *(65536 * int(row == column) for row in range(3) for column in range(3)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + identity * 4
    table += np.array(cells, np.uint8).tobytes() + identity * 3
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": table})


def _xyz(value: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(part * 65536) for part in value))


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _profile(kind: str, space: str, connection: str, tags: dict[str, bytes]) -> bytes:
    text = b"made for a test\0"
    tags = {
        "desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        "cprt": b"text" + bytes(4) + text,
        "wtpt": _xyz(_D50),
        **tags,
    }
    offset, entries, content = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        entries += name.encode() + struct.pack(">II", offset + len(content), len(data))
        content += padded
    head = bytes(8) + struct.pack(">I", 0x02100000) + (kind + space + connection).encode()
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", *(round(part * 65536) for part in _D50)) + bytes(48)
    body = head + struct.pack(">I", len(tags)) + entries + content
    return struct.pack(">I", len(body)) + body[4:]
