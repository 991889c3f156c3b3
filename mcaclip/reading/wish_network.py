"""The network that reads wishes: four learned questions to the token states of a frozen language model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from mcaclip.errors import WeightsError
from mcaclip.nn.safetensors_io import load_strictly
from mcaclip.reading.sentence_encoder import WIDTH

INNER, HEADS = 192, 4
QUESTIONS = ("thing", "away", "colour", "amount")
AMOUNTS = (0.5, 1.0, 1.3)
"""Factors on the strength for "a little", nothing said, and "very"."""
REMEDY = "restore it from the repository, or train it again: `python -m train reader`"


@dataclass(frozen=True)
class Answers:
    """What the network says of texts.

    Attributes:
        said: logits `[T, 2 C + 1]` of what a text names, in the order of `wishes_of`: "clean-shaven" and "not
            clean-shaven" both name the opposite of a beard.
        away: logit `[T]` that what is named is wished away.
        lab: the colour in Lab / 50, `[T, 3]`.
        coloured: logit `[T]` that a colour is named.
        amount: logits `[T, 3]` of `AMOUNTS`.
    """

    said: Tensor
    away: Tensor
    lab: Tensor
    coloured: Tensor
    amount: Tensor

    @property
    def wishes(self) -> Tensor:
        """Logits `[T, 2 C + 1]` of what is wished for, in the order of `wishes_of`."""
        named, away = self.said.log_softmax(1), F.logsigmoid(self.away)[:, None]
        stays = F.logsigmoid(-self.away)[:, None]
        wanted, unwanted, nothing = named.tensor_split((named.shape[1] // 2, named.shape[1] - 1), 1)
        turned = torch.cat([unwanted, wanted], 1) + away
        kept = torch.cat([wanted, unwanted], 1) + stays
        return torch.cat([torch.logaddexp(kept, turned), nothing], 1)


def wishes_of(names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """What the numbers of `Answers.wishes` stand for: a concept's name and a sign; no name for no wish, the last."""
    return (*((name, 1) for name in names), *((name, -1) for name in names), ("", 1))


class WishNetwork(nn.Module):
    """Answers `QUESTIONS` about texts; `names` are those of the concepts, in the order of its answers."""

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self.names = tuple(names)
        self.inner = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, INNER))
        self.mix = nn.TransformerEncoderLayer(INNER, HEADS, 2 * INNER, 0.1, F.gelu, batch_first=True, norm_first=True)
        self.questions = nn.Parameter(torch.randn(len(QUESTIONS), INNER) * 0.05)
        self.key, self.value = nn.Linear(INNER, INNER), nn.Linear(INNER, INNER)
        self.said = nn.Linear(INNER, 2 * len(names) + 1)
        self.away = nn.Linear(INNER, 1)
        self.colour = nn.Sequential(nn.Linear(INNER, INNER), nn.GELU(), nn.Linear(INNER, 4))
        self.amount = nn.Linear(INNER, len(AMOUNTS))

    @classmethod
    def load(cls, path: Path) -> WishNetwork:
        """The frozen network of a file.

        Raises:
            WeightsError: missing, damaged, or another network's file.
        """
        try:
            with safe_open(path, "pt") as file:
                names = json.loads((file.metadata() or {})["concepts"])
        except Exception as error:  # whatever a damaged file raises
            raise WeightsError(f"{path} is no reader of prompts ({error}); {REMEDY}") from error
        network = cls(names)
        load_strictly(network, path, "is no reader of prompts", REMEDY)
        return network.requires_grad_(False).eval()

    def forward(self, states: Tensor, mask: Tensor) -> Answers:
        """Answers about texts of token states `[T, L, 384]` with `mask bool [T, L]`."""
        x = self.mix(self.inner(states), src_key_padding_mask=~mask)
        scores = torch.einsum("qd,tld->tql", self.questions, self.key(x)) / INNER**0.5
        weights = scores.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
        thing, away, colour, amount = (weights @ self.value(x)).unbind(1)
        read = self.colour(colour)
        return Answers(self.said(thing), self.away(away)[:, 0], read[:, :3], read[:, 3], self.amount(amount))
