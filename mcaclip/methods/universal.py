"""MCA-CLIP's universal mode: one network, which gets the words from the text encoder at the moment of the edit.

Source: MCA-CLIP (2025), the same network as the fitted one, trained on all prompts that the text encoder knows.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mcaclip.editing.network.mca import FIRST_CLIP, FIRST_GENERATOR
from mcaclip.errors import PromptError
from mcaclip.methods.base import METHODS, EditMethod, MethodEdit
from mcaclip.methods.fitted import network_edit
from mcaclip.types import Inversion, ProgressCallback


class UniversalMethod(EditMethod):
    """Needs one network for all prompts, `MethodContext.universal`."""

    name = "mca-universal"

    def ready(self, prompt: str) -> bool:
        """See `EditMethod.ready`."""
        return self.context.universal.there

    def how_to_fit(self, prompt: str) -> str:
        """See `EditMethod.how_to_fit`: empty for a stack on which no universal network can be trained."""
        slots = self.context.slots
        if (slots.generator, slots.clip) != (FIRST_GENERATOR, FIRST_CLIP):
            return ""
        return super().how_to_fit(prompt)

    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`. Raises WeightsError as well, for a network that cannot be read."""
        if not self.context.universal.there:
            raise self.not_ready(prompt)
        started = time.monotonic()
        prompted = self.context.universal.prompted(prompt, self.context.space.text_code)
        made = network_edit(self.context, prompted, prompt, face, strength, callback)
        # encoding the words counts as well; a fitted network has them in its file
        return replace(made, seconds=time.monotonic() - started)

    def not_ready(self, prompt: str) -> PromptError:
        """See `EditMethod.not_ready`: why the network is missing, and how to make one where that is possible."""
        problem, command = self.context.universal.problem, self.how_to_fit(prompt)
        more = f". Train one with: {command}" if command and command not in problem else ""
        return PromptError(f"{METHODS[self.name].title} cannot edit here: {problem}{more}")
