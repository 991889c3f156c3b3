"""The words of a text that tell one wish from another."""

from __future__ import annotations

import re

_STOP_WORDS = (
    "a an the this that these those some any of in on at by for from into onto over under up with and or "
    "but as so to is are was were be been being am has have having had do does did done who whose which "
    "what it its it's he him his she her hers they them their theirs i me my you your we our we're i'm "
    "there here very really quite rather just also both should would could will can shall may must "
    "make makes made making give gives given turn turns turned get gets got want wants please let like "
    "about against across along among around beside between during near through toward towards upon via while when "
    "where then than each every one own such other another only even still now if because being gets got "
    "wear wears wearing wore worn looking looks look photo photograph picture image portrait shot close "
    "closeup selfie face person people someone somebody anyone man men woman women guy lady"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that ask for a picture of a person or have grammatical function only: they do not distinguish faces."""
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def content_words(text: str) -> list[str]:
    """The words of a text without stop words, in lower case, each once, in order, of any script.

    A text of stop words alone ("a woman") keeps them.
    """
    words = [word.removesuffix("'s") for word in _WORD.findall(text.lower().replace("’", "'"))]
    return list(dict.fromkeys([word for word in words if word not in STOP_WORDS] or words))
