"""The latent mappers of StyleCLIP and CF-CLIP, as published: no Feature Fusion, no masks.

Both consist of parts that the edit network uses as well. The published code calls them `LevelsMapper` and
`SingleMapper` (StyleCLIP), and `FullTextMapper` with a concatenating `LevelsMapper` (CF-CLIP). Published weights load
through `read_styleclip_mapper` and `read_cfclip_mapper`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mcaclip.editing.network.latent_mapper import (
    LEVEL_GROUPS,
    SINGLE_GROUP,
    LatentMapper,
    rename_published_mapper_keys,
)
from mcaclip.editing.network.text_embedding import TextEmbeddingModule, rename_published_text_keys
from mcaclip.errors import WeightsError
from mcaclip.nn.published import REMEDY, check_layout, module_layout, read_checkpoint, some, state_entry

Rename = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

DELTA_SCALE = 0.1
"""Factor on the mapper's output, in both methods."""


class StyleCLIPMapper(nn.Module):
    """The mapper of one prompt: the shift depends on the face alone.

    Source: Patashnik et al., "StyleCLIP" (ICCV 2021), section 5.
    """

    def __init__(self, mapper: LatentMapper | None = None) -> None:
        """Wraps a mapper; None stands for one with all three groups (`LevelsMapper`)."""
        super().__init__()
        self.mapper = mapper or LatentMapper(LEVEL_GROUPS)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> StyleCLIPMapper:
        """The frozen mapper that `read_styleclip_mapper` read: its keys tell which groups it has."""
        names = _group_names(state)
        model = cls(LatentMapper(_groups_of(names), names))
        model.load_state_dict(dict(state))
        return model.requires_grad_(False).eval()

    def forward(self, w_plus: Tensor) -> Tensor:
        """`w_plus [B, 18, 512]` to `delta_w [B, 18, 512]` at strength 1."""
        return DELTA_SCALE * self.mapper(w_plus)


class CFCLIPMapper(nn.Module):
    """The shift depends on the face and on the text embedding.

    Source: Yu et al., "Towards Counterfactual Image Manipulation via CLIP" (CF-CLIP, ACM MM 2022), section 3.2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = TextEmbeddingModule()
        self.mapper = LatentMapper(LEVEL_GROUPS)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> CFCLIPMapper:
        """The frozen mapper that `read_cfclip_mapper` read."""
        model = cls()
        model.load_state_dict(dict(state))
        return model.requires_grad_(False).eval()

    def forward(self, w_plus: Tensor, text_embedding: Tensor) -> Tensor:
        """`w_plus [B, 18, 512]` and `text_embedding [B, 512]` to `delta_w [B, 18, 512]` at strength 1."""
        return DELTA_SCALE * self.mapper(self.text(w_plus, text_embedding))


def read_styleclip_mapper(path: Path) -> dict[str, Tensor]:
    """A published StyleCLIP mapper as the state dict of `StyleCLIPMapper`.

    It may have one to three of the groups coarse, medium and fine, or the single group of `SingleMapper`. The
    generator beside it (`decoder.*`) is left out.

    Raises:
        WeightsError: the file is damaged or has another layout.
    """
    state = _read_renamed(path, {"mapper.": rename_published_mapper_keys})
    names = _group_names(state)
    groups = _groups_of(names)
    if not names or not set(names) <= set(groups):
        raise WeightsError(f"{path} holds no StyleCLIP mapper (its groups: {', '.join(names) or 'none'}). {REMEDY}")
    with torch.device("meta"):
        layout = module_layout(StyleCLIPMapper(LatentMapper(groups, names)))
    return check_layout(path, state, layout)


def read_cfclip_mapper(path: Path) -> dict[str, Tensor]:
    """A published CF-CLIP mapper as the state dict of `CFCLIPMapper`; `decoder.*` is left out.

    Raises:
        WeightsError: the file is damaged or has another layout.
    """
    state = _read_renamed(path, {"text.": rename_published_text_keys, "mapper.": rename_published_mapper_keys})
    with torch.device("meta"):
        layout = module_layout(CFCLIPMapper())
    return check_layout(path, state, layout)


def _group_names(state: Mapping[str, Tensor]) -> list[str]:
    """The groups in keys like `mapper.groups.coarse.1.weight`, each once."""
    return list(dict.fromkeys(key.split(".")[2] for key in state))


def _groups_of(names: Collection[str]) -> Mapping[str, tuple[int, int]]:
    return SINGLE_GROUP if set(names) == set(SINGLE_GROUP) else LEVEL_GROUPS


def _read_renamed(path: Path, renames: Mapping[str, Rename]) -> dict[str, Any]:
    """All of `state_dict` but the generator, each key renamed by the function that knows it, under its prefix.

    Raises:
        WeightsError: the file is damaged, or no function knows one of its keys.
    """
    renamed: dict[str, Any] = {}
    unknown = []
    for key, value in state_entry(path, read_checkpoint(path), "state_dict").items():
        if key.startswith("decoder."):
            continue
        found = {prefix + name: value for prefix, rename in renames.items() for name in rename({key: value})}
        renamed |= found
        if not found:
            unknown.append(key)
    if unknown:
        raise WeightsError(
            f"{path} has another layout than expected: {len(unknown)} unknown keys ({some(unknown)}). {REMEDY}"
        )
    return renamed
