"""The methods that are a network a prompt: StyleCLIP mapper, CF-CLIP, CoralStyleCLIP, MCA-CLIP and its ablations.

They differ in their network and in the losses it was fitted with (see `train.prompt.presets`), not in how they edit.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mcaclip.editing.library import FittedEdit, Library, collect
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.editing.render import layer_hook, open_masks
from mcaclip.errors import PromptError
from mcaclip.generators.synthesis import apply_shift, synthesize
from mcaclip.language.grammar import understand
from mcaclip.methods.base import MethodEdit, Tools, fit_command, not_ready
from mcaclip.types import ProgressCallback, TextCode


def find_prompt(library: Collection[str], text: str) -> str | None:
    """The fitted prompt that says the same, letter by letter or by part and colour; None when there is none."""
    words, meaning = " ".join(text.lower().split()), understand(text)
    same = [prompt for prompt in library if prompt.lower() == words]
    alike = [prompt for prompt in library if meaning is not None and understand(prompt) == meaning]
    return next(iter([*same, *alike]), None)


@torch.no_grad()
def network_edit(
    tools: Tools,
    network: MCANetwork,
    words: TextCode,
    w_plus: Tensor,
    strength: float,
    callback: ProgressCallback | None,
    own_masks: bool = True,
) -> MethodEdit:
    """The edit that a network makes for words it knows: its shift, inside its masks.

    Args:
        words: as the network knows them.
        w_plus: `[18, 512]`.
        own_masks: whether the masks belong to this generator; those of another one's layers mean nothing here, and
            only the shift is used.
    """
    started, generator, code = time.monotonic(), tools.generator, w_plus[None].to(tools.device)
    layers = range(len(generator.layers))
    source = synthesize(generator, code, keep=layers, hook=layer_hook(generator, 0.0, callback))
    t_w, delta_w = network(code, words)
    masks = network.masks(source.features, t_w) if own_masks else open_masks(generator, code)
    delta_w = strength * delta_w
    image = apply_shift(generator, code, delta_w, masks, source.image, layer_hook(generator, 0.5, callback))
    return MethodEdit(
        image=image[0].clamp(-1, 1).cpu(),
        source=source.image[0].clamp(-1, 1).cpu(),
        masks=tuple(mask[0].cpu() for mask in masks),
        delta_w=delta_w[0].cpu(),
        delta_s=None,
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True)
class FittedMethod:
    """A method whose fitted networks are in `Tools.libraries`; implements `EditMethod`."""

    name: str
    tools: Tools
    needs_fitting = True

    @property
    def library(self) -> Library:
        """Its networks by prompt."""
        return self.tools.libraries.get(self.name, {})

    def ready(self, prompt: str) -> bool:
        """See `EditMethod.ready`."""
        return find_prompt(self.library, prompt) is not None

    def how_to_fit(self, prompt: str) -> str:
        """See `EditMethod.how_to_fit`."""
        return fit_command(self.name, prompt, self.tools.slots)

    def fit(self, prompt: str, callback: ProgressCallback | None = None) -> FittedMethod:
        """See `EditMethod.fit`."""
        tools = self.tools
        if tools.fitter is None:
            raise not_ready(self.name, prompt, tools.slots)
        path = tools.fitter(self.name, prompt, callback)
        place = (tools.slots.generator, tools.generator.layers, tools.slots.clip, tools.device, self.name)
        own = {**self.library, **collect([], [path], *place)}
        return replace(self, tools=replace(tools, libraries={**tools.libraries, self.name: own}))

    def edit(
        self, w_plus: Tensor, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`."""
        words, entry = self._entry(prompt)
        network, _, codes = entry.fitted()
        return network_edit(self.tools, network, codes[words], w_plus, strength, callback, entry.own_masks)

    def _entry(self, prompt: str) -> tuple[str, FittedEdit]:
        words = find_prompt(self.library, prompt)
        if words is None:
            error: PromptError = not_ready(self.name, prompt, self.tools.slots)
            raise error
        return words, self.library[words]
