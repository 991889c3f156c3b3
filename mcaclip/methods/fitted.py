"""The methods with one network per prompt: StyleCLIP mapper, CF-CLIP, CoralStyleCLIP, MCA-CLIP and its ablations.

They differ in their network and in the losses it was fitted with (see `train.prompt.presets`), not in how they edit.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import carried_over
from mcaclip.editing.library import Library, collect, find_fitted
from mcaclip.editing.network.prompted import ReadyEdit
from mcaclip.editing.render import draw, prepare
from mcaclip.editing.request import EditRequest
from mcaclip.editing.stack_fit import StackFit
from mcaclip.methods.base import EditMethod, MethodContext, MethodEdit
from mcaclip.types import EditSettings, Inversion, ProgressCallback

IMPORTED = "imported from {}"


def network_edit(
    context: MethodContext,
    prompted: ReadyEdit,
    prompt: str,
    face: Inversion,
    strength: float,
    callback: ProgressCallback | None,
) -> MethodEdit:
    """The edit of a face that a network makes: its shift, inside its masks if it has any."""
    request = EditRequest.of_networks(EditSettings(prompt, strength), lambda _: prompted)
    started = time.monotonic()
    parser = context.photo_parser if face.photo is not None else None
    prepared = prepare(source_of(context.generator, face, parser, callback), request)
    picture = carried_over(prepared, draw(prepared, callback))
    notes = (IMPORTED.format(prompted.imported),) if prompted.imported else ()
    return MethodEdit.of(face, picture.image, started, picture.masks, picture.shifts[0].delta_w, notes=notes)


class FittedMethod(EditMethod):
    """A method whose fitted networks are in `MethodContext.libraries`."""

    def __init__(self, name: str, context: MethodContext):
        super().__init__(context)
        self.name = name

    @property
    def library(self) -> Library:
        """Its networks by prompt."""
        return self.context.libraries.get(self.name, {})

    def ready(self, prompt: str) -> bool:
        """See `EditMethod.ready`."""
        return find_fitted(self.library, prompt) is not None

    def fit(self, prompt: str, callback: ProgressCallback | None = None) -> FittedMethod:
        """See `EditMethod.fit`."""
        context = self.context
        if context.fitter is None:
            raise self.not_ready(prompt)
        path = context.fitter(self.name, prompt, callback)
        fit = StackFit.of(context.slots, context.generator.layers)
        own = {**self.library, **collect([], [path], fit, context.device, self.name)}
        return FittedMethod(self.name, replace(context, libraries={**context.libraries, self.name: own}))

    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`."""
        words = find_fitted(self.library, prompt)
        if words is None:
            raise self.not_ready(prompt)
        return network_edit(self.context, self.library[words].prompted(words), words, face, strength, callback)
