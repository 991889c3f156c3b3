"""The latent mapper M: from 18 (fused) style rows to the raw shift of a W+ code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mcaclip.nn.equal_linear import mapping_stack

LEVEL_GROUPS: Mapping[str, tuple[int, int]] = {"coarse": (0, 4), "medium": (4, 8), "fine": (8, 18)}
"""Rows [start, stop) of the three groups: pose and shape, features, colour and texture."""

SINGLE_GROUP: Mapping[str, tuple[int, int]] = {"all": (0, 18)}
"""One mapper for every row (StyleCLIP's SingleMapper)."""

_PUBLISHED_GROUPS = {
    "course_mapping.mapping.": "groups.coarse.",  # spelled "course" in the published checkpoints
    "medium_mapping.mapping.": "groups.medium.",
    "fine_mapping.mapping.": "groups.fine.",
    "mapping.mapping.": "groups.all.",
}


class LatentMapper(nn.Module):
    """One small mapping network for each group of W+ rows.

    Each is PixelNorm (over the rows of its group, see `PixelNorm`) and `num_layers` activated EqualLinear
    layers. The output is the raw shift; the edit is `delta_w = 0.1 * M(t_w)`.

    Source: MCA-CLIP section 3 and StyleCLIP (Patashnik et al. 2021) section 5, `LevelsMapper`; with
    `groups=SINGLE_GROUP`, `SingleMapper`. Published weights load after `rename_published_mapper_keys`.
    """

    def __init__(
        self,
        groups: Mapping[str, tuple[int, int]] = LEVEL_GROUPS,
        enabled: Sequence[str] | None = None,
        *,
        dim: int = 512,
        num_layers: int = 4,
        lr_mul: float = 0.01,
    ) -> None:
        """Creates the mapper.

        Args:
            groups: name -> rows [start, stop), contiguous from row 0.
            enabled: names of the groups that may shift their rows; None enables all. The rows of a
                disabled group stay zero and it has no parameters.
            dim: channels of a row.
            num_layers: EqualLinear layers in each group.
            lr_mul: learning rate multiplier of those layers (0.01 published).

        Raises:
            ValueError: when the groups leave a gap or overlap, or an enabled name is unknown or missing.
        """
        super().__init__()
        starts = [start for start, _ in groups.values()]
        stops = [stop for _, stop in groups.values()]
        if starts != [0, *stops[:-1]]:
            raise ValueError(f"groups must follow one another from row 0 without gaps, not {dict(groups)}")
        names = tuple(groups) if enabled is None else tuple(enabled)
        if not names or not set(names) <= set(groups):
            raise ValueError(f"enabled must name at least one of {sorted(groups)}, not {list(names)}")
        self.row_groups = dict(groups)
        self.num_ws = stops[-1]
        self.groups = nn.ModuleDict({name: mapping_stack(dim, num_layers, lr_mul) for name in names})

    def forward(self, rows: Tensor) -> Tensor:
        """Maps every group of rows to its shift.

        Args:
            rows: `float [B, num_ws, dim]`: the fused t_w (MCA-CLIP, CF-CLIP) or w_plus (StyleCLIP).

        Returns:
            `float [B, num_ws, dim]`, the shift before the factor 0.1; disabled groups are zero.

        Raises:
            ValueError: when the number of rows is not `num_ws`.
        """
        if rows.ndim != 3 or rows.shape[1] != self.num_ws:
            raise ValueError(f"expected [B, {self.num_ws}, dim], got {tuple(rows.shape)}")
        shifts = []
        for name, (start, stop) in self.row_groups.items():
            part = rows[:, start:stop]
            shifts.append(self.groups[name](part) if name in self.groups else torch.zeros_like(part))
        return torch.cat(shifts, dim=1)


def rename_published_mapper_keys(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translates StyleCLIP's or CF-CLIP's mapper keys to those of `LatentMapper`.

    `mapper.course_mapping.mapping.1.weight` becomes `groups.coarse.1.weight`; the same for medium, fine and,
    in a single mapper, `mapper.mapping.mapping.1.weight` -> `groups.all.1.weight`. The leading `mapper.` may
    be absent. Everything else (`decoder.*`, `text_mapper.*`, `mapper.fc.*`) is left out; the latter
    two belong to `TextEmbeddingModule`.
    """
    renamed = {}
    for key, value in state_dict.items():
        own = key.removeprefix("mapper.")
        for published, ours in _PUBLISHED_GROUPS.items():
            if own.startswith(published):
                renamed[ours + own.removeprefix(published)] = value
    return renamed
