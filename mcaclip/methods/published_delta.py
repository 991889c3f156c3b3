"""DeltaEdit's published files: the network (`net_*.pth`) and the relevance of StyleGAN2's channels (`fs3.npy`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from mcaclip.methods.delta_mapper import DeltaMapper, delta_config
from mcaclip.nn.published import check_layout, module_layout, read_checkpoint, some

REMEDY = "The file stays as it is; name what DeltaEdit's training wrote, the state dict of its DeltaMapper"
_LAYERS = ".mapping."
_FIRST = "sm_coarse.mapping.1.weight"


def is_deltaedit(content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is DeltaEdit's: its file is the network's state dict itself."""
    return _FIRST in content


def read_published_delta(path: Path, relevance: Tensor, relevance_path: Path) -> DeltaMapper:
    """The frozen network for StyleGAN2 FFHQ 1024 and OpenAI's CLIP ViT-B/32.

    The published files hold nothing else: styles enter as they are, without any statistics.

    Args:
        path: of the checkpoint.
        relevance: `fs3.npy`, `[6048, 512]`. A row that is no number, of a channel without effect, becomes 0; the
            published code lets such a channel move, and so does `DeltaEditMethod`.
        relevance_path: of that file.

    Raises:
        WeightsError: a file has another layout, or values that are no numbers or too large.
    """
    content = read_checkpoint(path, REMEDY)
    with torch.device("meta"):
        config = delta_config(StyleGAN2(StyleGAN2Config()))
    config = replace(config, relevant=sum(config.widths), pixels="plain")
    with torch.device("meta"):
        model = DeltaMapper(config)
    layout = module_layout(model)
    if tuple(relevance.shape) != layout["relevance"]:
        wanted, found = (" x ".join(map(str, shape)) for shape in (layout["relevance"], relevance.shape))
        raise WeightsError(
            f"{relevance_path} holds {found} numbers, not {wanted}: name the fs3.npy of StyleGAN2 FFHQ 1024"
        )
    own = {
        "scale": torch.ones(layout["scale"]),
        "relevance": torch.nan_to_num(relevance.float(), 0.0, 0.0, 0.0),
    }
    state = own | {key.replace(_LAYERS, "."): value for key, value in content.items()}
    state = check_layout(path, state, layout, REMEDY)
    if broken := [key for key, value in state.items() if not bool(value.half().isfinite().all())]:
        raise WeightsError(f"{path} holds values that are no numbers, or too large ({some(broken)}). {REMEDY}")
    model.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    return model.requires_grad_(False).eval()
