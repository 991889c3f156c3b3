"""Whether a file of weights is for a stack, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcaclip.config import Stack
from mcaclip.editing.network.mca import EditHeader
from mcaclip.errors import WeightsError
from mcaclip.generators.base import LayerSpec


@dataclass(frozen=True)
class StackFit:
    """What weights have to be made for, to be used on a stack.

    Attributes:
        generator: name of the stack's generator.
        layers: its layers.
        clip: name of the stack's space of words.
        words: digest of that space's text tower (`mcaclip.clip.text_digest`); needed for universal networks only.
    """

    generator: str
    layers: Sequence[LayerSpec]
    clip: str
    words: str = ""

    @classmethod
    def of(cls, stack: Stack, layers: Sequence[LayerSpec], words: str = "") -> StackFit:
        """What fits a stack whose generator has these layers."""
        return cls(stack.generator_name, layers, stack.clip, words)

    def has_masks(self, header: EditHeader) -> bool:
        """Whether an edit network's masks are for this generator."""
        return (header.generator, header.layers) == (self.generator, tuple(self.layers))

    def check_generator(self, path: Path, generator: str, command: str) -> None:
        """Raises WeightsError for a file that was made for another generator; `command` makes it again."""
        if generator != self.generator:
            raise WeightsError(
                f"{path} was made for {generator}, and this stack has {self.generator}: choose that stack, or make "
                f"the weights again on this one with `{command}`"
            )

    def check_masks(self, path: Path, header: EditHeader, command: str) -> None:
        """Raises WeightsError for a network whose masks are for another generator, or another size of it."""
        self.check_generator(path, header.generator, command)
        if not self.has_masks(header):
            raise WeightsError(
                f"{path} was made for {header.generator} of another size: make it again with `{command}`"
            )

    def check_clip(self, path: Path, clip: str) -> None:
        """Raises WeightsError for a file that was made with another space of words."""
        if clip != self.clip:
            raise WeightsError(
                f"{path} was made with clip {clip}, and this stack has {self.clip}, to which words mean something "
                f"else: add --clip {clip}"
            )

    def check_words(self, path: Path, header: EditHeader, command: str) -> None:
        """Raises WeightsError for a universal network that learned the words of another text encoder."""
        if header.words != self.words:
            raise WeightsError(
                f"{path} learned the words of another {header.clip} (text tower "
                f"{header.words[:12] or 'not recorded'}) than the one in use ({self.words[:12]}), to which they mean "
                f"something else: restore both with `git checkout -- assets`, or make it again with `{command}`"
            )
