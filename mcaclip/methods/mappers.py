"""The latent mappers that StyleCLIP and CF-CLIP published, read as edit networks of this studio.

Both consist of parts that the edit network has as well: a mapper for groups of rows and, in CF-CLIP, a text module in
front of it. There are no masks, so an edit is plainly `G(w + delta_w)`. W means the same to StyleGAN2 FFHQ and to the
compact generator, so the shift edits faces on both.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.network.latent_mapper import rename_published_mapper_keys
from mcaclip.editing.network.mca import MAPPER_GROUPS, MCAConfig, MCANetwork, save_network
from mcaclip.editing.network.no_text import StyleOnlyConfig
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig, rename_published_text_keys
from mcaclip.errors import WeightsError
from mcaclip.generators.base import W_DIM
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from mcaclip.methods.published_delta import is_deltaedit
from mcaclip.nn.published import check_layout, module_layout, read_checkpoint, some, state_entry
from mcaclip.types import TextCode

STYLECLIP, CF_CLIP = "styleclip-mapper", "cf-clip"
LABELS = {STYLECLIP: "StyleCLIP", CF_CLIP: "CF-CLIP"}
"""How cards name where a mapper is from."""
REMEDY = "The file stays as it is; name one that StyleCLIP's or CF-CLIP's training wrote"
_GENERATOR = "decoder."
_TEXT_NETWORKS = "text_mapper."


@dataclass(frozen=True)
class PublishedMapper:
    """A mapper of one prompt.

    Attributes:
        path: its file.
        method: `STYLECLIP` or `CF_CLIP`.
        prompt: what it was trained for, `opts["description"]`; empty where the file does not say it.
        groups: see `MCAConfig.mapper_groups`.
        state: of an `MCANetwork`; the mappers of groups that the file does not have are zero.
    """

    path: Path
    method: str
    prompt: str
    groups: Literal["levels", "single"]
    state: Mapping[str, Tensor]

    @property
    def needs_text(self) -> bool:
        """Whether it has to be given CLIP's feature of its prompt."""
        return self.method == CF_CLIP

    def network(self, text_norm: float = 1.0) -> MCANetwork:
        """The frozen network; `text_norm` is the length of CLIP's raw text feature (see `TextEmbeddingConfig`)."""
        network = _build(self.method, self.groups, text_norm)
        network.load_state_dict(dict(self.state))
        return network.requires_grad_(False).eval()

    def save(self, to: Path, prompt: str, name: str, text_feature: Tensor | None, record: Mapping[str, str]) -> None:
        """Write it as a file of the studio; see `save_network`.

        Args:
            prompt: the words that it was trained for.
            name: of its card.
            text_feature: CLIP ViT-B/32's raw feature of the prompt, `[512]`; StyleCLIP's mappers need none.
            record: what else is noted of it.
        """
        feature = torch.zeros(W_DIM) if text_feature is None else text_feature.detach().float().cpu()
        code = TextCode(F.normalize(feature[None], dim=-1), torch.zeros(1, 1, W_DIM), torch.ones(1, 1).bool())
        network = self.network(float(feature.norm()) or 1.0)
        note = {**record, "name": name}
        save_network(
            network, to, {prompt: note}, {prompt: code}, "stylegan2", "any", self.method, imported=self.path.name
        )


def read_mapper(path: Path) -> PublishedMapper:
    """A checkpoint of StyleCLIP's or CF-CLIP's training: `state_dict` and `opts`.

    It may have one to three of the groups coarse, medium and fine, or (StyleCLIP) a single mapper for all rows. The
    generator beside it (`decoder.*`) is left out.

    Raises:
        WeightsError: the file is damaged or has another layout; it is not touched.
    """
    content = read_checkpoint(path, REMEDY)
    if is_deltaedit(content):
        raise WeightsError(f"{path} is DeltaEdit's network: add --relevance FILE, the fs3.npy that belongs to it")
    published = state_entry(path, content, "state_dict", REMEDY)
    method = CF_CLIP if any(key.startswith(_TEXT_NETWORKS) for key in published) else STYLECLIP
    state = _renamed(path, published, method)
    names = {key.split(".")[2] for key in state if key.startswith("mapper.")}
    groups: Literal["levels", "single"] = "single" if method == STYLECLIP and names == {"all"} else "levels"
    if not names or not names <= set(MAPPER_GROUPS[groups]):
        raise WeightsError(f"{path} holds no mapper (its groups: {', '.join(sorted(names)) or 'none'}). {REMEDY}")
    with torch.device("meta"):
        layout = module_layout(_build(method, groups, 1.0))
    lacking = [key for key in layout if key.startswith("mapper.") and key.split(".")[2] not in names]
    state |= {key: torch.zeros(layout[key]) for key in lacking}
    state = check_layout(path, state, layout, REMEDY)
    if broken := [key for key, value in state.items() if not bool(value.half().isfinite().all())]:
        raise WeightsError(f"{path} holds values that are no numbers, or too large ({some(broken)}). {REMEDY}")
    return PublishedMapper(path, method, _description(content.get("opts")), groups, state)


def check_text_feature(path: Path, feature: Tensor) -> Tensor:
    """The feature `[512]` itself, in float32.

    Raises:
        WeightsError: it is no raw text feature of CLIP ViT-B/32.
    """
    flat = feature.detach().float().flatten()
    if flat.shape != (W_DIM,) or not bool(flat.isfinite().all()) or not float(flat.norm()):
        raise WeightsError(f"{path} is not {W_DIM} numbers: save what CLIP ViT-B/32 says of the prompt")
    if abs(float(flat.norm()) - 1) < 0.01:
        raise WeightsError(
            f"{path} is a normalised feature, and CF-CLIP was trained on the raw one, whose length is about 10: "
            "save what `encode_text` gives, before any normalisation"
        )
    return flat


def _build(method: str, groups: Literal["levels", "single"], text_norm: float) -> MCANetwork:
    with torch.device("meta"):
        layers = StyleGAN2(StyleGAN2Config()).layers
    fusion = TextEmbeddingConfig(text_norm=text_norm) if method == CF_CLIP else StyleOnlyConfig()
    return MCANetwork(layers, MCAConfig(fusion=fusion, masks=None, mapper_groups=groups))


def _renamed(path: Path, published: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The tensors under the names of an `MCANetwork`. Raises WeightsError for one that has no place in it."""
    renamed: dict[str, Any] = {}
    unknown = []
    for key, value in published.items():
        if key.startswith(_GENERATOR):
            continue
        found = {f"mapper.{name}": value for name in rename_published_mapper_keys({key: value})}
        if method == CF_CLIP:
            found |= {f"fusion.{name}": value for name in rename_published_text_keys({key: value})}
        renamed |= found
        unknown += [] if found else [str(key)]
    if unknown:
        raise WeightsError(
            f"{path} is no mapper of StyleCLIP or CF-CLIP: {len(unknown)} unknown keys ({some(unknown)}). {REMEDY}"
        )
    return renamed


def _description(opts: object) -> str:
    """The prompt in a file's options."""
    options = vars(opts) if isinstance(opts, argparse.Namespace) else opts
    said = options.get("description") if isinstance(options, Mapping) else None
    return " ".join(said.split()) if isinstance(said, str) else ""
