"""The edit network that a fit starts with."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mcaclip.config import Stack
from mcaclip.editing.network.mca import MCAConfig, MCANetwork, load_network, read_header
from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator
from mcaclip.loading import home_of, universal_of
from mcaclip.nn.equal_linear import EqualLinear

log = logging.getLogger(__name__)


def shifted_rows(config: MCAConfig, generator: Generator, trained_through: Generator) -> MCAConfig:
    """The network's configuration without the rows above a preview: they get no gradient, so they are not shifted."""
    seen, used = (
        max(row for spec in made.layers for row in (*spec.rows, spec.rgb_row) if row is not None)
        for made in (trained_through, generator)
    )
    return replace(config, last_row=min(config.last_row, seen)) if seen < used else config


def masks_above(config: MCAConfig, generator: Generator, trained_through: Generator) -> MCAConfig:
    """The network's configuration with mask nets above a preview that see the mask below them."""
    seen = len(trained_through.layers)
    if config.masks is None or config.masks.cascade or seen == len(generator.layers):
        return config
    return replace(config, masks=replace(config.masks, cascade_from=seen))


def new_network(generator: Generator, config: MCAConfig, start_from: Path | None = None) -> MCANetwork:
    """An edit network for a generator's layers.

    Args:
        config: its configuration; a network to start from keeps its own sizes.
        start_from: a file with the first weights; random ones when None.

    Raises:
        TrainingError: the file holds a network of another kind, or for other layers.
        WeightsError: it holds no network, or one whose weights are not finite.
    """
    if start_from is None:
        return MCANetwork(generator.layers, config).to(generator.w_avg.device)
    header = read_header(start_from)
    if _kind(header.config) != _kind(config) or header.layers != tuple(generator.layers):
        raise TrainingError(f"{start_from} has another structure than this fit: start without --start-from")
    shape = replace(header.config, first_row=config.first_row, last_row=config.last_row)
    network = MCANetwork(generator.layers, shape)
    network.load_state_dict(load_network(start_from).network.state_dict())
    return network.to(generator.w_avg.device)


def parameter_groups(network: nn.Module, lr: float, equalised_factor: float) -> list[dict[str, Any]]:
    """The optimiser's groups of what learns: the plain layers, then the equalised ones by their multiplier.

    A step on the weights that an equalised layer stores acts `lr_mul` times weaker at run time, so its rate is
    divided by that: the published 0.5 for an `lr_mul` of 0.01 is a rate of 5e-3. Plain layers at 0.5 diverge in 40
    steps.

    Args:
        network: equalised layers may stand anywhere in it.
        lr: of the plain layers.
        equalised_factor: of the equalised layers' rate, before that division, to `lr`.
    """
    equalised: dict[float, list[nn.Parameter]] = {}
    for layer in network.modules():
        if isinstance(layer, EqualLinear):
            equalised.setdefault(layer.lr_mul, []).extend(p for p in layer.parameters() if p.requires_grad)
    known = {parameter for group in equalised.values() for parameter in group}
    plain = [p for p in network.parameters() if p.requires_grad and p not in known]
    return [
        {"params": plain, "lr": lr},
        *({"params": group, "lr": lr * equalised_factor / lr_mul} for lr_mul, group in equalised.items()),
    ]


def default_start(stack: Stack, generator: Generator, config: MCAConfig) -> Path | None:
    """The universal network, which knows parts and colours, where a fit of this kind can start from it."""
    if home_of(stack) != stack:  # its masks are for another generator, or its words of another space
        return None
    found = universal_of(stack, generator, torch.device("cpu")).path
    if found is None or _kind(read_header(found).config) != _kind(config):
        return None
    log.info("starting from %s; --from-scratch starts from random weights", found.name)
    return found


def _kind(config: MCAConfig) -> tuple[object, ...]:
    """What the method or the preset decides about a network, apart from its sizes."""
    variant = getattr(config.fusion, "variant", None)
    return type(config.fusion), variant, config.masks is None
