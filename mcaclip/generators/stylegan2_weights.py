"""Published StyleGAN2 weights (rosinality's layout) to the names of `mcaclip.generators.stylegan2`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.generators.base import W_DIM, seeded_z
from mcaclip.generators.stylegan2 import (
    MAPPING_LR_MUL,
    NUM_MAPPING_LAYERS,
    SIZES,
    StyleGAN2,
    StyleGAN2Config,
    fir_kernel,
)
from mcaclip.nn.equal_linear import mapping_stack
from mcaclip.nn.published import REMEDY, check_layout, group, module_layout, read_checkpoint, some, state_entry

OWN_REMEDY = "The file stays as it is; name a StyleGAN2 of config-f in the layout of rosinality's stylegan2-pytorch"
MEAN_OF = 4096
"""Codes whose mean stands for a missing `latent_avg`."""

_PARTS = {
    "conv.weight": "conv.weight",
    "conv.modulation.weight": "conv.style.weight",
    "conv.modulation.bias": "conv.style.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}
_KERNEL = re.compile(r"\.(blur|upsample)\.kernel$")
_NUMBERED = re.compile(r"(conv|to_rgb)(?:1|s\.(\d+))\.(.+)")


def from_rosinality(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the entries of a published `g_ema`; the constant FIR kernels are left out.

    Convolution weights lose their leading dimension of 1. Keys that do not belong to the layout keep their names,
    so that a strict load finds them.
    """
    renamed = {}
    for key, value in state.items():
        if not _KERNEL.search(key):
            name = our_name(key)
            renamed[name] = value.squeeze(0) if name.endswith("conv.weight") else value
    return renamed


def our_name(key: str) -> str:
    """Our name of a published key: `convs.3.conv.modulation.bias` is `convs.4.conv.style.bias`.

    The published layer numbers start behind `conv1` and `to_rgb1`; ours count those two as well.
    """
    if key == "input.input":
        return "constant"
    if match := re.fullmatch(r"noises\.noise_(\d+)", key):
        return f"convs.{match[1]}.noise"
    match = _NUMBERED.fullmatch(key)
    if match is None or match[3] not in _PARTS:
        return key
    number = 0 if match[2] is None else int(match[2]) + 1
    return f"{match[1]}s.{number}.{_PARTS[match[3]]}"


def rosinality_layout(size: int) -> dict[str, tuple[int, ...]]:
    """Every key of a published generator of this size with its shape."""
    with torch.device("meta"):
        model = StyleGAN2(StyleGAN2Config(size))
    own = module_layout(model)
    del own["w_avg"]
    last = len(model.layers) - 1
    keys = ["input.input", *(f"style.{i}.{part}" for i in range(1, 9) for part in ("weight", "bias"))]
    keys += [f"noises.noise_{index}" for index in range(last + 1)]
    for name in ["conv1", *(f"convs.{index}" for index in range(last))]:
        keys += [f"{name}.{part}" for part in _PARTS if part != "bias"]
    for name in ["to_rgb1", *(f"to_rgbs.{index}" for index in range(last // 2))]:
        keys += [f"{name}.{part}" for part in _PARTS if part not in ("noise.weight", "activate.bias")]
    layout = {key: own[our_name(key)] for key in keys}
    layout |= {key: (1, *shape) for key, shape in layout.items() if key.endswith("conv.weight")}
    layout |= {f"convs.{index}.conv.blur.kernel": (4, 4) for index in range(0, last, 2)}
    return layout | {f"to_rgbs.{index}.upsample.kernel": (4, 4) for index in range(last // 2)}


def read_own_stylegan2(path: Path) -> dict[str, Tensor]:
    """The same for a file of the user's own, which no message says to delete."""
    return read_stylegan2(path, OWN_REMEDY)


def read_stylegan2(path: Path, remedy: str = REMEDY) -> dict[str, Tensor]:
    """A published generator (`g_ema` and `latent_avg`) as the state dict of `StyleGAN2`, in float32.

    Checkpoints of a training have no `latent_avg`; it is computed.

    Raises:
        WeightsError: the file is damaged, has another layout, or another up-sampling filter.
    """
    content = read_checkpoint(path, remedy)
    state = state_entry(path, content, "g_ema", remedy)
    noises = [value for key, value in state.items() if key.startswith("noises.") and isinstance(value, Tensor)]
    size = max((noise.shape[-1] for noise in noises if noise.ndim), default=0)
    if size not in SIZES:
        known = ", ".join(map(str, SIZES))
        raise WeightsError(
            f"{path} is no StyleGAN2 generator of {known} px (the largest noise map: {size}). {remedy}"
        )
    state = {key: value.float() for key, value in check_layout(path, state, rosinality_layout(size), remedy).items()}
    if broken := [key for key, value in state.items() if not bool(value.isfinite().all())]:
        raise WeightsError(f"{path} holds values that are no numbers ({some(broken)}). {remedy}")
    for key, value in state.items():
        if _KERNEL.search(key) and not torch.allclose(value, fir_kernel(), atol=1e-6):
            raise WeightsError(
                f"{path} was trained with another filter than [1, 3, 3, 1] ({key}), which cannot run here"
            )
    w_avg = content["latent_avg"] if "latent_avg" in content else mean_code(state)
    if not isinstance(w_avg, Tensor) or w_avg.numel() != W_DIM:
        raise WeightsError(f"{path}: latent_avg is not {W_DIM} numbers. {remedy}")
    return from_rosinality(state) | {"w_avg": w_avg.float().reshape(W_DIM)}


@torch.no_grad()
def mean_code(state: Mapping[str, Tensor]) -> Tensor:
    """The mean w `[512]` of `MEAN_OF` seeded z; `state` has the mapping network's `style.1.weight` and so on."""
    mapping = mapping_stack(W_DIM, NUM_MAPPING_LAYERS, MAPPING_LR_MUL)
    mapping.load_state_dict(group(state, "style."))
    return mapping(seeded_z(MEAN_OF, 0)).mean(0)
