"""The edit network of a whole family of methods: how the words meet the code, a latent mapper, and perhaps masks.

MCA-CLIP is Feature Fusion, mapper and CORAL masks. With CF-CLIP's text module or the bare code in place of Feature
Fusion, or without masks, the same network is one of the methods that MCA-CLIP stands on, or an ablation of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.editing.network.coral import CoralMasks, MaskConfig
from mcaclip.editing.network.feature_fusion import PAPER_FUSION, FeatureFusion, FeatureFusionConfig
from mcaclip.editing.network.latent_mapper import LEVEL_GROUPS, SINGLE_GROUP, LatentMapper
from mcaclip.editing.network.no_text import NoMasks, StyleOnly, StyleOnlyConfig
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig, TextEmbeddingModule
from mcaclip.errors import WeightsError
from mcaclip.generators.base import NUM_WS, W_DIM, LayerSpec
from mcaclip.nn.header import (
    WeightsHeader,
    check_header,
    number,
    quoted,
    read_tensors,
    read_weights_header,
    whole_number,
)
from mcaclip.nn.published import module_layout
from mcaclip.nn.safetensors_io import save_half
from mcaclip.types import TextCode

FORMAT = "mcaclip-edit-2"
TEXT = "text."
"""What the names of text codes begin with in a file."""
FIRST_GENERATOR, FIRST_CLIP = "mobilestylegan", "FaceCLIP"
MCA = "mca"

REMEDY = "use another copy of it, or fit the prompt again with `python -m train prompt`"
MAX_LAYERS, MAX_SIZE, MAX_TOKENS = 64, 8192, 512
LIMITS: Mapping[str, tuple[int, int] | tuple[float, float]] = {
    "num_ws": (NUM_WS, NUM_WS),
    "dim": (W_DIM, W_DIM),
    "heads": (1, MAX_SIZE),
    "attention_dim": (1, MAX_SIZE),
    "feedforward_dim": (1, MAX_SIZE),
    "num_layers": (0, MAX_LAYERS),
    "lr_mul": (1e-6, 1e6),
    "text_norm": (1e-6, 1e6),
    "hidden": (1, MAX_SIZE),
    "text_dim": (0, W_DIM),
    "initial_logit": (-1e6, 1e6),
    "mapper_layers": (0, MAX_LAYERS),
    "mapper_lr_mul": (1e-6, 1e6),
    "delta_scale": (-1e6, 1e6),
    "first_row": (0, NUM_WS - 1),
    "last_row": (0, NUM_WS - 1),
}
"""What the numbers in a file's settings may be, so that it is known what a network costs before it is built."""

FusionConfig = FeatureFusionConfig | TextEmbeddingConfig | StyleOnlyConfig
"""How the words meet the code: Feature Fusion, CF-CLIP's text module, or not at all."""

FUSION_KINDS: Mapping[str, type[FusionConfig]] = {
    "feature-fusion": FeatureFusionConfig,
    "text-embedding": TextEmbeddingConfig,
    "style-only": StyleOnlyConfig,
}
"""Names in files to the shapes that they stand for."""

MAPPER_GROUPS = {"levels": LEVEL_GROUPS, "single": SINGLE_GROUP}
"""Names in files to the groups of rows of a latent mapper."""


@dataclass(frozen=True)
class MCAConfig:
    """Everything that defines the network's shape.

    Attributes:
        fusion: see `FusionConfig`.
        masks: see `MaskConfig`; None for a method without masks.
        mapper_layers: fully connected layers a group (4 in StyleCLIP).
        mapper_lr_mul: their learning-rate multiplier (0.01 in StyleCLIP, which is why its Ranger uses lr 0.5).
        delta_scale: factor on the mapper's output (0.1 in StyleCLIP).
        first_row: rows below it are never shifted (0 in the paper). Colour edits leave the coarse rows alone.
        last_row: the last row that is shifted.
        mapper_groups: one mapper for the coarse, the medium and the fine rows each, or a single one for all of them.
    """

    fusion: FusionConfig = PAPER_FUSION
    masks: MaskConfig | None = field(default_factory=MaskConfig)
    mapper_layers: int = 4
    mapper_lr_mul: float = 0.01
    delta_scale: float = 0.1
    first_row: int = 0
    last_row: int = 17
    mapper_groups: Literal["levels", "single"] = "levels"


PAPER_CONFIG = MCAConfig()
"""Structure as published: Eq. 1 to the letter, masks that do not see the words."""

COMPACT_CONFIG = MCAConfig(
    fusion=FeatureFusionConfig("tokens", heads=4, attention_dim=64, feedforward_dim=128, layer_norm=True),
    masks=MaskConfig(text_dim=512, cascade=True),
    mapper_layers=2,
    mapper_lr_mul=1.0,
    delta_scale=0.3,
)
"""What assets/ ships: a seventh of the size, one network for several prompts."""


def build_fusion(config: FusionConfig) -> nn.Module:
    """The module of a shape; all are called as `FeatureFusion` is and give `t_w [B, 18, 512]`."""
    if isinstance(config, FeatureFusionConfig):
        return FeatureFusion(config)
    if isinstance(config, TextEmbeddingConfig):
        return TextEmbeddingModule(**asdict(config))
    return StyleOnly()


class MCANetwork(nn.Module):
    """Fusion -> latent mapper -> delta_w, and the mask nets, for one generator's layers."""

    def __init__(self, layers: Sequence[LayerSpec], config: MCAConfig = PAPER_CONFIG):
        super().__init__()
        self.config = config
        self.fusion = build_fusion(config.fusion)
        self.mapper = LatentMapper(
            MAPPER_GROUPS[config.mapper_groups], num_layers=config.mapper_layers, lr_mul=config.mapper_lr_mul
        )
        self.coral: CoralMasks | NoMasks = CoralMasks(layers, config.masks) if config.masks else NoMasks(layers)
        rows = torch.arange(self.mapper.num_ws)
        active = (rows >= config.first_row) & (rows <= config.last_row)
        self.register_buffer("active_rows", active.float()[None, :, None], persistent=False)

    def forward(self, w_plus: Tensor, text: TextCode) -> tuple[Tensor, Tensor]:
        """The edit's direction for these faces, in float32 whatever precision the generator runs in.

        Args:
            w_plus: `[B, 18, 512]`.
            text: a prompt for each of the B faces.

        Returns:
            `t_w [B, 18, 512]` and `delta_w [B, 18, 512]` (at strength 1).
        """
        with torch.autocast(w_plus.device.type, enabled=False):
            t_w = self.fusion(w_plus, text.embedding, text.tokens, text.token_mask)
            return t_w, self.config.delta_scale * self.mapper(t_w) * self.active_rows


@dataclass(frozen=True)
class EditHeader:
    """What a file of an edit network says of itself.

    Attributes:
        layers: the generator's layers that it has masks for.
        prompts: what was fitted: prompt to its record.
        generator: name of the generator it was fitted on (see `mcaclip.config.SLOTS`).
        clip: name of the space of words it was fitted in.
        config: the network's shape.
        method: the method that it was fitted for (see `mcaclip.methods`), or `UNIVERSAL`.
        words: of a universal network, digest of the text tower whose codes it learned (`text_digest`); else empty.
        imported: of a published mapper, the name of the file that it was imported from; else empty. It has no masks
            and brings the code of its words along, so it fits every stack.
    """

    layers: tuple[LayerSpec, ...]
    prompts: dict[str, dict]
    generator: str
    clip: str
    config: MCAConfig
    method: str = MCA
    words: str = ""
    imported: str = ""


class FittedNetwork(NamedTuple):
    """A frozen edit network, its prompts with their records, and each prompt's words as it was fitted to them."""

    network: MCANetwork
    prompts: dict[str, dict]
    codes: dict[str, TextCode]


def save_network(
    network: MCANetwork,
    path: Path,
    prompts: Mapping[str, Mapping[str, object]],
    codes: Mapping[str, TextCode],
    generator: str = FIRST_GENERATOR,
    clip: str = FIRST_CLIP,
    method: str = MCA,
    words: str = "",
    imported: str = "",
) -> None:
    """Write the edit network alone (no generator, no CLIP) as float16 safetensors.

    A file keeps its prompts' text codes, so that it goes on working when the text encoder is trained anew.

    Args:
        prompts: what was fitted: prompt to its record (for instance figures and useful strengths).
        codes: the text code of each of these prompts.
        generator: see `EditHeader`.
        clip: see `EditHeader`.
        method: see `EditHeader`.
        words: see `EditHeader`.
        imported: see `EditHeader`.
    """
    metadata = {
        "format": FORMAT,
        "config": json.dumps(_config_to_json(network.config)),
        "layers": json.dumps([asdict(spec) for spec in network.coral.layers]),
        "prompts": json.dumps(prompts),
        "generator": generator,
        "clip": clip,
        "method": method,
        "words": words,
        "imported": imported,
    }
    save_half(dict(network.state_dict()) | _pack(list(prompts), codes), path, metadata)


def _pack(prompts: Sequence[str], codes: Mapping[str, TextCode]) -> dict[str, Tensor]:
    """Text codes as tensors of the file, without padding."""
    packed = {}
    for place, prompt in enumerate(prompts):
        code = codes[prompt]
        packed[f"{TEXT}{place}.embedding"] = code.embedding
        packed[f"{TEXT}{place}.tokens"] = code.tokens[:, code.token_mask[0]]
    return packed


def _unpack(prompts: Sequence[str], packed: Mapping[str, Tensor]) -> dict[str, TextCode]:
    codes = {}
    for place, prompt in enumerate(prompts):
        tokens = packed[f"{TEXT}{place}.tokens"].float()
        embedding = F.normalize(packed[f"{TEXT}{place}.embedding"].float(), dim=-1)
        codes[prompt] = TextCode(embedding, tokens, torch.ones(tokens.shape[:2], dtype=torch.bool))
    return codes


def read_header(path: Path) -> EditHeader:
    """What `save_network` wrote beside the weights, which are not read.

    Raises:
        WeightsError: not such a file.
    """
    return _parsed(path, read_weights_header(path, REMEDY).metadata)


def _parsed(path: Path, metadata: Mapping[str, str]) -> EditHeader:
    """The checked settings of a file. Raises WeightsError."""
    found = metadata.get("format")
    if found != FORMAT:
        what = f"of format {quoted(found)}, not {FORMAT}" if found else f"no edit network of format {FORMAT}"
        raise WeightsError(f"{path} is {what}; fit one with `python -m train prompt`")
    try:
        layers = [_layer(spec) for spec in json.loads(metadata["layers"])]
        if not 1 <= len(layers) <= MAX_LAYERS:
            raise ValueError("it has no layers, or too many")
        # files from before there was a choice do not name what they were fitted on
        generator, clip = metadata.get("generator", FIRST_GENERATOR), metadata.get("clip", FIRST_CLIP)
        config = _config_from_json(json.loads(metadata["config"]))
        prompts, method = json.loads(metadata["prompts"]), metadata.get("method", MCA)
        if not isinstance(prompts, dict) or not all(isinstance(record, dict) for record in prompts.values()):
            raise ValueError("its prompts are no prompts")
        words, imported = metadata.get("words", ""), metadata.get("imported", "")
        if imported and config.masks is not None:
            raise ValueError("it is imported and has masks")
        return EditHeader(tuple(layers), prompts, generator, clip, config, method, words, imported)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} has damaged settings ({quoted(error)}); {REMEDY}") from error


def _layer(raw: dict) -> LayerSpec:
    """A layer of a file. Raises ValueError and its like."""
    rgb_row = raw.get("rgb_row")
    return LayerSpec(
        **{
            **raw,
            "size": whole_number(raw["size"], 1, MAX_SIZE),
            "channels": whole_number(raw["channels"], 1, MAX_SIZE),
            "rows": tuple(whole_number(row, 0, NUM_WS - 1) for row in raw["rows"]),
            "rgb_row": None if rgb_row is None else whole_number(rgb_row, 0, NUM_WS - 1),
        }
    )


def _config_to_json(config: MCAConfig) -> dict:
    kind = next(name for name, shape in FUSION_KINDS.items() if isinstance(config.fusion, shape))
    raw = asdict(config)
    return {**raw, "fusion": {"kind": kind, **raw["fusion"]}}


def _config_from_json(raw: dict) -> MCAConfig:
    """The shape that a file names, within what a network can be. Raises ValueError and its like."""
    fusion = dict(raw["fusion"])
    # files from before there was a choice do not name the kind
    shape = FUSION_KINDS[fusion.pop("kind", "feature-fusion")]
    masks = None if raw["masks"] is None else MaskConfig(**raw["masks"])
    config = MCAConfig(**{**raw, "fusion": shape(**fusion), "masks": masks})
    if config.mapper_groups not in MAPPER_GROUPS:
        raise ValueError(f"there is no mapper of {quoted(config.mapper_groups)}")
    for part in (config, config.fusion, *([masks] if masks else [])):
        for name, limits in LIMITS.items():
            if hasattr(part, name):
                check = whole_number if isinstance(limits[1], int) else number
                check(getattr(part, name), *limits)  # type: ignore[arg-type]
    return config


def _check_codes(path: Path, header: WeightsHeader, count: int) -> None:
    """Raises WeightsError when the text codes of `count` prompts are not in a file as `_pack` writes them."""
    codes = {name: shape for name, shape in header.shapes.items() if name.startswith(TEXT)}
    layout: dict[str, tuple[int, ...]] = {}
    for place in range(count):
        tokens = codes.get(f"{TEXT}{place}.tokens", ())
        length = tokens[1] if len(tokens) == 3 and 0 < tokens[1] <= MAX_TOKENS else 1
        layout |= {f"{TEXT}{place}.embedding": (1, W_DIM), f"{TEXT}{place}.tokens": (1, length, W_DIM)}
    types = {name: kind for name, kind in header.types.items() if name.startswith(TEXT)}
    check_header(path, WeightsHeader({}, codes, types), layout, REMEDY)


def load_network(path: Path, device: str | torch.device = "cpu") -> FittedNetwork:
    """Read what `save_network` wrote. Its network is built only when the file holds all of it.

    Raises:
        WeightsError: not such a file, or another layout.
    """
    raw = read_weights_header(path, REMEDY)
    header = _parsed(path, raw.metadata)
    own = {name: shape for name, shape in raw.shapes.items() if not name.startswith(TEXT)}
    try:
        with torch.device("meta"):
            layout = module_layout(MCANetwork(header.layers, header.config))
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise WeightsError(f"{path} has damaged settings ({quoted(error)}); {REMEDY}") from error
    check_header(path, WeightsHeader({}, own, raw.types), layout, REMEDY)
    _check_codes(path, raw, len(header.prompts))
    tensors = read_tensors(path, REMEDY)
    network = MCANetwork(header.layers, header.config)
    network.load_state_dict({name: tensors[name] for name in own})
    codes = {prompt: code.to(device) for prompt, code in _unpack(list(header.prompts), tensors).items()}
    return FittedNetwork(network.requires_grad_(False).eval().to(device), header.prompts, codes)
