"""Values, texts and bytes that nobody should send, all from a seeded generator."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

TEXTS = (
    *("", " ", "green lipstick", "hair:٣", "⁰¹²³٠١٢٣", "зелёная помада", "绿色口红 lipstick", "ﬀ ℌ Ｇｒｅｅｎ 𝓁𝒾𝓅𝓈"),
    *("purple hair:0.7", "purple hair:1e999", "purple hair:-0", "purple hair:nan", "purple hair:0.7:0.7"),
    *("purple hair:" + "9" * 5000, "a;b;c;d;e;f", ";;;:::", "green lipstick and " * 40, "1e6"),
    *("\0", "green\0lipstick", "\ud800\udfff \udc80", "\u202egreen lipstick\u202c", "\u200b\u200d\ufeff"),
    *("\U0001f469\u200d\U0001f9b0 red hair \U0001f3f4\U000e0067\U000e007f", "z\u0301\u0301\u0301\u0301" * 50),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "'; DROP TABLE faces; --", "__proto__"),
    *("{{7*7}} ${7*7} %s %n {0.__class__}", "\r\nSet-Cookie: a=b", "\x1b[31mred\x07", "--help", "-rf"),
    *("../../../../etc/passwd", "..\\..\\con", "C:\\Windows\\nul.txt", "~root", "CON.txt", "lpt¹", ".hidden."),
)
NUMBERS = (0, 1, -1, 2, 17, 2**31, 2**53 + 1, 2**64, 10**400, -0.0, 0.5, 1.2, 1e308, 5e-324)
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))


def text(rng: Random) -> str:
    """A text of any kind: a known nuisance, several, a very long one, or random characters of any plane."""
    kind = rng.randrange(10)
    if kind < 5:
        return rng.choice(TEXTS)
    if kind < 7:
        return " ".join(rng.choices(TEXTS, k=rng.randint(2, 5)))
    if kind == 7:
        unit = rng.choice(("a", "a ", "hair;", ":", "é", "\u0301", "𝕏", "(", "green lipstick and "))
        return unit * int(10 ** rng.uniform(2, 6))
    top = rng.choice((0x7F, 0x2FF, 0xFFFF, 0x10FFFF))  # surrogates included
    return "".join(chr(rng.randint(0, top)) for _ in range(rng.randint(1, 59)))


def value(rng: Random, depth: int = 0) -> Any:
    """Any JSON value, and numbers that JSON does not have."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind < 3:
        return rng.choice(NUMBERS + NOT_FINITE)
    if kind < 6:
        return text(rng)[:20_000]
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 7:
        return {text(rng)[:40]: value(rng, depth + 1) for _ in range(rng.randrange(4))}
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
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if not isinstance(place[key], (dict, list)) or not place[key] or rng.random() < 0.2:
                break
            place = place[key]
        kind = rng.randrange(6)
        if place is root or kind > 1:
            place[key] = value(rng)
        elif kind == 0:
            del place[key]
        elif isinstance(place, list):
            place[key:key] = [place[key]] * rng.randint(1, 69)
        else:
            place[text(rng)[:20]] = place[key]
    return root[0]


def damaged(rng: Random, data: bytes) -> bytes:
    """Bytes that are cut, changed, repeated or replaced."""
    kind = rng.randrange(8)
    if not data or kind == 0:
        return rng.randbytes(rng.randrange(300))
    at = rng.randrange(len(data))
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[at:]
    if kind == 3:
        return data[:at] + data[at + rng.randint(1, 63) :]
    if kind == 4:
        return data[:at] + data[at : at + 64] * rng.randint(2, 49) + data[at:]
    head = kind == 5  # where sizes and offsets are
    changed = bytearray(data)
    for _ in range(rng.randint(1, 5) if head else int(10 ** rng.uniform(0, 2.5))):
        at = rng.randrange(min(len(data), 80) if head else len(data))
        changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256))) if head else rng.randrange(256)
    return bytes(changed)
