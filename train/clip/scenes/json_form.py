"""Scenes and captions as JSON, for what is painted once and talked of many times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from train.clip.scenes.types import Caption, Claim, Paint, Scene


def to_json(told: Sequence[Scene] | Sequence[Caption]) -> str:
    """Scenes, or captions, as one line."""
    return json.dumps([asdict(one) for one in told])


def read_scenes(text: str) -> list[Scene]:
    """What `to_json` made of scenes."""
    return [_scene(kept) for kept in json.loads(text)]


def read_captions(text: str) -> list[Caption]:
    """What `to_json` made of captions."""
    return [Caption(kept["text"], tuple(_claim(claim) for claim in kept["claims"])) for kept in json.loads(text)]


def _scene(kept: Mapping[str, Any]) -> Scene:
    return Scene(
        kept["face"],
        tuple(Paint(**paint) for paint in kept["paints"]),
        tuple(kept["states"]),
        kept["character"],
        tuple((part, (lab[0], lab[1], lab[2])) for part, lab in kept["natural"]),
        kept["face_like"],
    )


def _claim(kept: Mapping[str, Any]) -> Claim:
    return Claim(**{**kept, "paint": Paint(**kept["paint"]) if kept["paint"] else None})
