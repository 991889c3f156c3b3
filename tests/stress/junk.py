"""Values, texts and bytes that nobody should send, all from a seeded generator."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

Random = np.random.Generator

TEXTS = (
    "",
    " ",
    "green lipstick",
    "purple hair:0.7",
    "purple hair:1e999",
    "purple hair:-0",
    "purple hair:nan",
    "purple hair:0.7:0.7",
    "purple hair:" + "9" * 5000,
    "a;b;c;d;e;f",
    ";;;:::",
    "green lipstick and " * 40,
    "\0",
    "green\0lipstick",
    "\ud800\udfff \udc80",
    "\u202egreen lipstick\u202c",
    "\u200b\u200d\ufeff",
    "\U0001f469\u200d\U0001f9b0 red hair \U0001f3f4\U000e0067\U000e007f",
    "z\u0301\u0301\u0301\u0301" * 50,
    "ﬀ ℌ Ｇｒｅｅｎ 𝓁𝒾𝓅𝓈",
    "зелёная помада",
    "绿色口红 lipstick",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{7*7}} ${7*7} %s %n {0.__class__}",
    "'; DROP TABLE faces; --",
    "../../../../etc/passwd",
    "..\\..\\con",
    "C:\\Windows\\nul.txt",
    "--help",
    "-rf",
    "~root",
    "CON.txt",
    "lpt¹",
    ".hidden.",
    "\r\nSet-Cookie: a=b",
    "\x1b[31mred\x07",
    "__proto__",
    "⁰¹²³٠١٢٣",
    "hair:٣",
    "1e6",
)
NUMBERS = (0, 1, -1, 2, 17, 2**31, 2**53 + 1, 2**64, 10**400, -0.0, 0.5, 1.2, 1e308, 5e-324)
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))


def pick(rng: Random, values: Any) -> Any:
    """One of the values, as it is (numpy would turn it into one of its own types)."""
    return values[int(rng.integers(len(values)))]


def text(rng: Random) -> str:
    """A text of any kind: a known nuisance, random characters of any plane, or a very long one."""
    kind = int(rng.integers(10))
    if kind < 5:
        return pick(rng, TEXTS)
    if kind < 7:
        return " ".join(pick(rng, TEXTS) for _ in range(int(rng.integers(2, 6))))
    if kind == 7:
        return pick(rng, ("a", "a ", "hair;", ":", "é", "\u0301", "𝕏", "(", "green lipstick and ")) * int(
            10 ** rng.uniform(2, 6)
        )
    top = pick(rng, (0x7F, 0x2FF, 0xFFFF, 0x10FFFF))  # surrogates included
    return "".join(map(chr, rng.integers(0, top + 1, int(rng.integers(1, 60)))))


def value(rng: Random, depth: int = 0) -> Any:
    """Any value that JSON has, and numbers that are none."""
    kind = int(rng.integers(9 if depth < 3 else 6))
    if kind == 0:
        return pick(rng, (None, True, False))
    if kind in (1, 2):
        return pick(rng, NUMBERS + NOT_FINITE)
    if kind in (3, 4, 5):
        return text(rng)[:20_000]
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(int(rng.integers(4)))]
    if kind == 7:
        return {text(rng)[:40]: value(rng, depth + 1) for _ in range(int(rng.integers(4)))}
    return nested(int(10 ** rng.uniform(1, 2.5)))


def nested(depth: int) -> list:
    """A list in a list in a list."""
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


def mutated(rng: Random, original: Any, changes: int = 1) -> Any:
    """A copy of a JSON value in which random places hold something else, nothing, or the same twice."""
    root = [copy.deepcopy(original)]
    for _ in range(changes):
        place: Any = root
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = pick(rng, keys)
            deeper = place[key]
            if not isinstance(deeper, (dict, list)) or not deeper or rng.random() < 0.2:
                break
            place = deeper
        kind = int(rng.integers(6))
        if place is root or kind > 1:
            place[key] = value(rng)
        elif kind == 0:
            del place[key]
        elif isinstance(place, list):
            place[key:key] = [place[key]] * int(rng.integers(1, 70))
        else:
            place[text(rng)[:20]] = place[key]
    return root[0] if root else None


def damaged(rng: Random, data: bytes) -> bytes:
    """Bytes that are cut, changed, repeated, or put behind or before others."""
    kind = int(rng.integers(8))
    if not data or kind == 0:
        return bytes(rng.integers(0, 256, int(rng.integers(0, 300)), dtype=np.uint8))
    at = int(rng.integers(len(data)))
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[at:]
    if kind == 3:
        return data[:at] + data[at + int(rng.integers(1, 64)) :]
    if kind == 4:
        return data[:at] + data[at : at + 64] * int(rng.integers(2, 50)) + data[at:]
    if kind == 5:  # the head, where sizes and offsets are
        changed = bytearray(data)
        for one in rng.integers(0, min(len(data), 80), int(rng.integers(1, 6))):
            changed[one] = int(pick(rng, (0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256)))))
        return bytes(changed)
    changed = bytearray(data)
    for one in rng.integers(0, len(data), int(10 ** rng.uniform(0, 2.5))):
        changed[one] = int(rng.integers(256))
    return bytes(changed)
