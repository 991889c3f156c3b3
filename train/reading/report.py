"""What the reader of prompts understands of wordings that its training did not see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.config import STACKS
from mcaclip.editing.prompts import load_prompts
from mcaclip.editing.reader import PromptReader
from mcaclip.errors import PromptError
from mcaclip.imaging.colour import lab_values
from mcaclip.language.concepts import concepts
from mcaclip.language.wishes import UNDERSTOOD, plain_wish
from mcaclip.language.word_tables import read_words
from mcaclip.reading.sentence_encoder import SentenceEncoder
from mcaclip.reading.wish_network import WishNetwork, wishes_of
from mcaclip.reading.wish_reader import WishReader
from train.clip.report import BLIND
from train.clip.scenes.types import DISTINCT
from train.reading.sentences import nothing_phrases


@torch.no_grad()
def report(encoder: SentenceEncoder, network: WishNetwork) -> dict[str, float]:
    """Shares of texts that are read right, 0..1.

    "part", "colour" and "part and colour" are of the blind wordings (`assets/words/report.json`) in twelve colours;
    "state" and its "sign" of phrases that are held out of the captions; "refused" of texts that wish for nothing;
    "understood" texts reach `UNDERSTOOD`. Of "everyday wishes that are made" at least one change is, right or wrong.
    """
    cases = [(part, c, text.format(c)) for part, texts in BLIND.items() for text in texts for c in DISTINCT]
    answers = network(*_encoded(encoder, [text for _, _, text in cases]))
    labs = torch.tensor([lab_values(colour) for colour in DISTINCT]) / 50
    colour = torch.cdist(answers.lab, labs).argmin(1)
    best, part = answers.wishes.softmax(1)[:, :-1].max(1)
    wishes = wishes_of(network.names)
    right = torch.tensor([wishes[n] == (f"colour of {c[0]}", 1) for n, c in zip(part.tolist(), cases, strict=True)])
    right_colour = torch.tensor([DISTINCT[n] == c[1] for n, c in zip(colour.tolist(), cases, strict=True)])
    both, understood = right & right_colour, best >= UNDERSTOOD
    nothing = network(*_encoded(encoder, nothing_phrases(held_out=True))).wishes.softmax(1)[:, :-1].amax(1)
    return {
        "part": _share(right),
        "colour": _share(right_colour),
        "part and colour": _share(both),
        "right and understood": _share(both & understood),
        "wrong and understood": _share(~both & understood),
        "refused of texts that wish for nothing": _share(nothing < UNDERSTOOD),
        "everyday wishes that are made": _share(torch.tensor(_made(encoder, network))),
        **_states(encoder, network),
    }


def _made(encoder: SentenceEncoder, network: WishNetwork) -> list[bool]:
    """Whether the studio makes something of each everyday wish."""
    wish = WishReader(encoder, network).read
    stack, own, made = STACKS["compact"], Path(), []
    reader = PromptReader({}, load_prompts(), "", lambda text: plain_wish(text) or wish(text), stack, own)
    for text in read_words("report")["everyday"]["wishes"]:
        try:
            made.append(bool(reader.read_all(text).readings))
        except PromptError:
            made.append(False)
    return made


def _states(encoder: SentenceEncoder, network: WishNetwork) -> dict[str, float]:
    """Held-out phrases of states whose concepts have the same name or words."""
    by_state = {
        phrase: (concept.name, sign)
        for concept in concepts().values()
        for sign, side in concept.sides
        for phrase in side.things
    }
    usual, held_out = read_words("states")["usual"], read_words("states")["held_out"]
    cases = [
        (by_state[usual[state][0]], phrase)
        for state, phrases in held_out.items()
        if usual[state][0] in by_state
        for phrase in phrases
    ]
    answers = network(*_encoded(encoder, [phrase for _, phrase in cases]))
    wishes = wishes_of(network.names)
    found = [wishes[number] for number in answers.wishes.argmax(1).tolist()]
    named = [(read, wanted) for read, (wanted, _) in zip(found, cases, strict=True) if read[0] == wanted[0]]
    return {
        "state": round(len(named) / len(cases), 3),
        "sign of states that are found": _share(torch.tensor([read == wanted for read, wanted in named])),
    }


def _encoded(encoder: SentenceEncoder, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    pieces = encoder.encode(texts)
    return pieces.states, pieces.mask


def _share(right: Tensor) -> float:
    return round(float(right.float().mean()), 3)
