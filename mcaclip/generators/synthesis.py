"""Synthesis written once for every generator: plain, with features, from a layer on; `compose` edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.types import Progress, ProgressCallback

LayerHook = Callable[[int], None]
"""Called with the layer's number before it is computed; may raise to cancel."""


@dataclass(frozen=True)
class Synthesis:
    """A generated image with the features it was made of.

    Attributes:
        image: `[B, 3, S, S]`, nominally in [-1, 1], not clamped.
        features: one `[B, C_l, s_l, s_l]` for each layer asked for, by layer number.
    """

    image: Tensor
    features: dict[int, Tensor]


def synthesize(
    generator: Generator, w_plus: Tensor, keep: Iterable[int] = (), hook: LayerHook | None = None
) -> Synthesis:
    """Generate images of `w_plus [B, 18, 512]`, keeping the features of the layers in `keep`."""
    keep = set(keep)
    x = generator.start(len(w_plus))
    rgb: Tensor | None = None
    features: dict[int, Tensor] = {}
    for index in range(len(generator.layers)):
        if hook:
            hook(index)
        x = generator.layer(index, x, w_plus)
        if index in keep:
            features[index] = x
        rgb = layer_rgb(generator, index, x, w_plus, rgb)
    return Synthesis(finished_picture(generator, rgb), features)


@dataclass(frozen=True)
class Resume:
    """A synthesis on its way: what layer `layer` starts from.

    Attributes:
        x: features of the layer below, `[B, C, s, s]`.
        rgb: sum of the RGB outputs below, or None.
    """

    layer: int
    x: Tensor
    rgb: Tensor | None

    def expand(self, batch: int) -> Resume:
        """The same for `batch` samples; B must be 1."""
        rgb = None if self.rgb is None else self.rgb.expand(batch, -1, -1, -1)
        return Resume(self.layer, self.x.expand(batch, -1, -1, -1), rgb)


def checkpoints(generator: Generator, w_plus: Tensor) -> Iterator[Resume]:
    """What every layer starts from, the first one included, in order."""
    x, rgb = generator.start(len(w_plus)), None
    for index in range(len(generator.layers)):
        state = Resume(index, x, rgb)
        yield state
        x, rgb = _step(generator, w_plus, state)


def features_behind(generator: Generator, w_plus: Tensor, layer: int) -> tuple[Resume, Tensor]:
    """What a layer starts from, and its features."""
    state = next(islice(checkpoints(generator, w_plus), layer, None))
    return state, generator.layer(layer, state.x, w_plus)


def features_below(generator: Generator, w_plus: Tensor, end: int) -> dict[int, Tensor]:
    """The features of the layers `0 .. end - 1` by number, without a picture."""
    features, x = {}, generator.start(len(w_plus))
    for index in range(end):
        features[index] = x = generator.layer(index, x, w_plus)
    return features


def finish_from(generator: Generator, w_plus: Tensor, state: Resume) -> Tensor:
    """The picture `[B, 3, S, S]` from a state on."""
    x, rgb = state.x, state.rgb
    for index in range(state.layer, len(generator.layers)):
        x, rgb = _step(generator, w_plus, Resume(index, x, rgb))
    return finished_picture(generator, rgb)


def _step(generator: Generator, w_plus: Tensor, state: Resume) -> tuple[Tensor, Tensor | None]:
    x = generator.layer(state.layer, state.x, w_plus)
    return x, layer_rgb(generator, state.layer, x, w_plus, state.rgb)


def layer_rgb(generator: Generator, index: int, x: Tensor, w_plus: Tensor, below: Tensor | None) -> Tensor | None:
    """The sum of the RGB outputs up to layer `index`, whose features are `x`; `below` is the sum without it."""
    if generator.layers[index].rgb_row is None:
        return below
    return generator.add_rgb(below, generator.rgb(index, x, w_plus))


def layer_hook(generator: Generator, offset: float, callback: ProgressCallback | None) -> LayerHook:
    """Reports the layers of one of an edit's two passes, the one that begins at the fraction `offset`."""

    def hook(layer: int) -> None:
        if callback:
            callback(Progress("editing", offset + 0.5 * layer / len(generator.layers)))

    return hook


def finished_picture(generator: Generator, rgb: Tensor | None) -> Tensor:
    """The picture of the sum of all RGB outputs."""
    assert rgb is not None, "a generator needs at least one layer with an RGB output"
    return generator.finish(rgb)
