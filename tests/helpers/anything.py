"""Values and files that nobody should send, for tests of what comes from outside."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
"""Characters of every plane, surrogates included."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
"""Any JSON value, and numbers that JSON does not have."""
ANYWHERE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""For tests that write each example to the same temporary file."""


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """A safetensors file with a few other bytes, and perhaps cut; half of the changes go to its header."""
    spoiled = bytearray(whole)
    size, header = len(spoiled), int.from_bytes(spoiled[:8], "little") + 8
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, header), st.integers(0, size - 1)))
        spoiled[at] = data.draw(st.integers(0, 255))
    return bytes(spoiled[: data.draw(st.sampled_from([size, size - 1, header]))])
