"""JSON from outside."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcaclip.platform import strict_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES, st.booleans())
def test_values_come_back(value, ascii_only):
    assert strict_json.loads(json.dumps(value, ensure_ascii=ascii_only), 1_000_000) == value


@given(st.text(st.characters(), max_size=60) | st.text('[]{}":,0123456789.-eENaIfinty\\\\ud', max_size=60))
def test_any_text_is_a_value_or_refused(text):
    try:
        value = strict_json.loads(text, 100)
    except ValueError as error:
        assert str(error) in ("its text is too long", "its text is no proper JSON")
    else:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    ["NaN", "[Infinity]", "1e999", "-1e400", "9" * 21, '{"a": 1, "a": 1}', '"\\ud800"', "[" * 99_999, "", "{'a': 1}"],
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match="no proper JSON"):
        strict_json.loads(text, 1_000_000)


def test_length_is_bounded():
    assert strict_json.loads("[1]", 3) == [1]
    with pytest.raises(ValueError, match="too long"):
        strict_json.loads("[12]", 3)
