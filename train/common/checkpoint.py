"""Checkpoints of trainings on disk: written whole or not at all, and checked when they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mcaclip.errors import TrainingError
from mcaclip.platform.atomic import written_whole
from train.common.arrays import reason, unusable

KEYS = ("model", "averaged", "optimizer", "step", "seconds", "torch_rng", "numpy_rng", "fingerprint")


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        TrainingError: the disk is full or cannot be written.
    """
    try:
        with written_whole(path) as temporary, temporary.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch replaces errors of the disk by its own
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise TrainingError(
            f"{path} cannot be written ({reason(cause)}); an earlier checkpoint is still there. "
            "Free some space, or choose another --out, and run the same command again."
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `train.common.loop.TrainingLoop` wrote; its parts are not yet checked against a model.

    Raises:
        TrainingError: the file is damaged, or is no checkpoint of this version.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch lets through whatever unpickling garbage raises
        raise unusable(path, f"it is damaged or no checkpoint: {reason(error)}") from error
    if not isinstance(state, dict):
        raise unusable(path, "it holds no run")
    if lacking := [key for key in KEYS if key not in state]:
        raise unusable(path, f"it is of another version, without {', '.join(lacking)}")
    return state


def check_weights(path: Path, given: object, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights from a checkpoint that a module with the weights `own` can take.

    Raises:
        TrainingError: they have other names or shapes, or are not finite.
    """
    if not isinstance(given, dict) or given.keys() != own.keys():
        raise unusable(path, "it holds the weights of another network")
    for name, tensor in given.items():
        if not isinstance(tensor, Tensor) or tensor.shape != own[name].shape:
            raise unusable(path, f"its weights {name} have another shape")
        if not tensor.isfinite().all() and own[name].isfinite().all():
            raise unusable(path, f"its weights {name} are not finite")
    return given


def check_optimizer(path: Path, given: object, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimiser from a checkpoint, with the settings of `optimizer`.

    Raises:
        TrainingError: it belongs to other parameters, or is not finite.
    """
    own = optimizer.state_dict()
    fault = unusable(path, "its optimiser's state does not fit this network")
    if not isinstance(given, dict) or not isinstance(given.get("state"), dict):
        raise fault
    groups = given.get("param_groups")
    if not isinstance(groups, list) or len(groups) != len(own["param_groups"]):
        raise fault
    for group, saved in zip(own["param_groups"], groups, strict=True):
        if isinstance(saved, dict) and "step" in saved:  # Ranger counts the steps of a group, not of a parameter
            if type(saved["step"]) is not int or saved["step"] < 0:
                raise fault
            group["step"] = saved["step"]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not given["state"].keys() <= set(range(len(parameters))):
        raise fault
    for number, values in given["state"].items():
        if not isinstance(values, dict):
            raise fault
        for tensor in (value for value in values.values() if isinstance(value, Tensor)):
            if tensor.ndim and tensor.shape != parameters[number].shape:
                raise fault
            if not tensor.isfinite().all():
                raise unusable(path, "its optimiser's state is not finite")
    return {**own, "state": given["state"]}


def take_averaged(path: Path, module: nn.Module) -> None:
    """Give a module the averaged weights of a run's checkpoint.

    Raises:
        TrainingError: there is no such file, it is damaged, or it is another network's.
    """
    if not path.is_file():
        raise TrainingError(f"there is no file {path}: --start-from takes the checkpoint.pt of a run")
    module.load_state_dict(check_weights(path, read_checkpoint(path)["averaged"], module.state_dict()))
