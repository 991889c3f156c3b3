"""The networks that every kind of edit works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.editing.universal import UniversalEdit
from mcaclip.generators.base import Generator
from mcaclip.perception.base import Identity, PhotoParser


@dataclass(frozen=True)
class EditNetworks:
    """A stack's networks, frozen and shared by all who edit.

    Attributes:
        generator: the full-size generator.
        preview: its 256 px stand-in.
        space: words and pictures.
        identity: tells people apart.
        universal: the network that takes any prompt, or why there is none.
        photo_parser: finds the parts of photos; without it only the networks' masks limit an edit.
    """

    generator: Generator
    preview: Generator
    space: ClipSpace
    identity: Identity
    universal: UniversalEdit = field(default_factory=UniversalEdit, kw_only=True)
    photo_parser: PhotoParser | None = field(default=None, kw_only=True)
