"""The methods of the room Compare: which can work, and how each makes its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from mcaclip.editing.face_source import FaceCache
from mcaclip.evaluation.compare import CompareRow, compare
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import Face
from mcaclip.loading import load_parser
from mcaclip.methods.base import METHODS, MethodContext
from mcaclip.methods.registry import Editor, build_methods, method_context
from mcaclip.types import Inversion, ProgressCallback

OWN = ("mca-universal", "mca")
SHOWN = (*OWN, *(name for name in METHODS if name not in OWN))
"""Methods in the order of the page: first MCA-CLIP, which is shipped and fast."""
SLOW = "styleclip-optimisation"
"""Takes minutes per edit, so it is not chosen by default."""


class MethodSet(Protocol):
    """Methods on one editor's networks."""

    def known(self) -> tuple[str, ...]:
        """The methods with weights for at least one prompt, in the order of `SHOWN`."""

    def ready(self, prompt: str) -> tuple[str, ...]:
        """The methods that can edit with a prompt now, in the order of `SHOWN`."""

    def row(self, name: str, face: Inversion, prompt: str, callback: ProgressCallback) -> CompareRow:
        """One method on one face; the callback may raise to cancel. Raises StudioError."""


Opens = Callable[[Any], MethodSet]
"""From the page's editor to the methods on it; a stand-in editor comes with stand-in methods."""


@dataclass(frozen=True)
class EditorMethods:
    """The methods on a real editor; implements `MethodSet`. The parser is loaded for the first row."""

    editor: Editor
    faces: FaceCache[Face] = field(default_factory=lambda: FaceCache(most=1))

    @cached_property
    def tools(self) -> MethodContext:
        """Networks and weights as they are now. Raises StudioError."""
        return method_context(self.editor)

    @cached_property
    def measuring(self) -> EvaluationContext:
        """What measures the rows. Raises WeightsError."""
        parser = load_parser(self.editor.slots, self.editor.device)
        return EvaluationContext(self.tools, parser, self.editor.device)

    def known(self) -> tuple[str, ...]:
        """See `MethodSet.known`."""
        tools, always = self.tools, {SLOW}
        there = {name for name, library in tools.libraries.items() if library} | set(tools.files) | always
        return tuple(name for name in SHOWN if name in there or (name == OWN[0] and tools.universal.there))

    def ready(self, prompt: str) -> tuple[str, ...]:
        """See `MethodSet.ready`."""
        return tuple(method.name for method in build_methods(self.tools, SHOWN) if method.ready(prompt))

    def row(self, name: str, face: Inversion, prompt: str, callback: ProgressCallback) -> CompareRow:
        """See `MethodSet.row`."""
        methods = build_methods(self.tools, [name])
        measured = self.faces.get(face, lambda: Face.of("face", face, self.measuring))
        return next(compare(methods, measured, prompt, callback=callback))
