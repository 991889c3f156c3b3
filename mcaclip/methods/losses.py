"""The six losses of MCA-CLIP, StyleCLIP's, and our four extras: pure functions, one algorithm each.

Images are `float [B, 3, S, S]` in [-1, 1]; masks and regions are `float [B, 1, s, s]` in [0, 1], 1 being the
edited or named part. Unless it says otherwise, a function returns an unweighted scalar, averaged over the batch;
`weigh` applies the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.nn.ops import resize_mask


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms; the defaults are the paper's (its lambdas), with every extra switched off.

    Attributes:
        id: identity of edit and source (`identity_loss`).
        l2: size of the shift (`latent_l2`).
        nce: the prompt (`clip_nce`).
        area: mask area (`mask_area`).
        tv: mask smoothness (`mask_tv`).
        bg: change of the background (`background_loss`).
        clip: the prompt as in StyleCLIP (`clip_loss`), in place of `nce`.
        region: extra; masks open inside the named part and closed outside (`region_prior`).
        colour: extra; distance of the named part to the named colour, in Lab units (`lab_colour_distance`).
        preserve: extra; change of the picture outside the named part (`preservation_loss`).
        exemplar: extra; distance of the named part to a painted example (`exemplar_loss`).

    Source: MCA-CLIP Eq. 5-11 and its stated lambdas.
    """

    id: float = 0.2
    l2: float = 0.8
    nce: float = 0.3
    area: float = 2e-5
    tv: float = 3e-5
    bg: float = 0.2
    clip: float = 0.0
    region: float = 0.0
    colour: float = 0.0
    preserve: float = 0.0
    exemplar: float = 0.0

    @property
    def uses_parser_losses(self) -> bool:
        """Whether any extra that needs the parser has a weight."""
        return any((self.region, self.colour, self.preserve, self.exemplar))


PAPER_LOSS_WEIGHTS = LossWeights()


def weigh(terms: Mapping[str, Tensor], weights: LossWeights) -> dict[str, Tensor]:
    """The terms, named by fields of `LossWeights`, times their weights; the total loss is the sum of the values.

    Raises:
        AttributeError: a name is no field of `LossWeights`.
    """
    return {name: getattr(weights, name) * value for name, value in terms.items()}


def identity_loss(source: Tensor, edited: Tensor) -> Tensor:
    """1 - cos of two identity embeddings `float [B, D]` (normalised or not), 0..2.

    Source: MCA-CLIP, L_id.
    """
    return (1 - F.cosine_similarity(source, edited, dim=-1)).mean()


def latent_l2(delta_w: Tensor) -> Tensor:
    """Mean of the squares of the shift `float [B, num_ws, 512]`.

    Source: MCA-CLIP, L_l2. The paper writes a norm; the mean of squares is CF-CLIP's code.
    """
    return delta_w.square().mean()


def clip_loss(edited_features: Tensor, target_text: Tensor) -> Tensor:
    """1 - cos of the edits' CLIP features `float [B, D]` and their prompts' `float [B, D]`, 0..2.

    Source: StyleCLIP (Patashnik et al. 2021), L_CLIP; CoralStyleCLIP.
    """
    return (1 - F.cosine_similarity(edited_features, target_text, dim=-1)).mean()


def clip_nce_per_query(
    edited_features: Tensor,
    source_features: Tensor,
    source_text: Tensor,
    target_text: Tensor,
    extra_negatives: Tensor | None = None,
    temperature: float = 0.1,
    negatives: Literal["own", "first"] = "own",
) -> tuple[Tensor, Tensor]:
    """CLIP-NCE of every edited picture, before the mean.

    With norm(v) = v / |v|, S_j and T_j the normalised source and target texts, A_i and B_i the normalised
    pictures: query norm(B_i - A_i); positives norm(mean_j(T_j - S_j)) and norm(mean_j(T_j) - A_i); negatives
    norm(S_j - A_i); cross entropy of the cosines / temperature.

    Args:
        edited_features: CLIP features of the edits, `float [B * N, D]`: N augmented copies per image, the
            copies of one image next to each other. Inputs need not be normalised.
        source_features: features of the unaugmented sources, `float [B, D]`.
        source_text: the neutral word ("face") in T templates, `float [T, D]`.
        target_text: the prompt in the same T templates, `float [T, D]`.
        extra_negatives: hard negative directions shared by all queries, `float [K, D]` (see
            `text_directions`); the paper has none.
        temperature: divisor of the cosines.
        negatives: "own" anchors the negatives at each picture's own source; "first" at the first source
            of the batch, as CF-CLIP's published code does.

    Returns:
        The unreduced losses `float [B * N]` against the text positive and against the image positive.

    Raises:
        ValueError: the number of edits is no multiple of the sources', or `negatives` is unknown.

    Source: CF-CLIP (Yu et al. 2022) Eq. 3-7, MCA-CLIP L_NCE.
    """
    if negatives not in ("own", "first"):
        raise ValueError(f'negatives must be "own" or "first", not {negatives!r}')
    copies, rest = divmod(edited_features.shape[0], source_features.shape[0])
    if rest or not copies:
        raise ValueError(
            f"{edited_features.shape[0]} edits are no multiple of {source_features.shape[0]} source pictures"
        )
    edited, source = _norm(edited_features), _norm(source_features)
    neutral, target = _norm(source_text), _norm(target_text)

    anchors = source if negatives == "own" else source[:1].expand_as(source)
    away = _norm(neutral[None] - anchors[:, None])  # [B, T, D]
    if extra_negatives is not None:
        extra = _norm(extra_negatives).expand(len(source), -1, -1)
        away = torch.cat([away, extra], dim=1)
    text_positive = _norm((target - neutral).mean(dim=0)).expand_as(source)
    # The mean of the T_j is deliberately not normalised again before the subtraction.
    image_positive = _norm(target.mean(dim=0) - source)

    source, text_positive, image_positive, away = (
        part.repeat_interleave(copies, dim=0) for part in (source, text_positive, image_positive, away)
    )
    query = _norm(edited - source)
    return (
        _info_nce(query, text_positive, away, temperature),
        _info_nce(query, image_positive, away, temperature),
    )


def clip_nce(
    edited_features: Tensor,
    source_features: Tensor,
    source_text: Tensor,
    target_text: Tensor,
    extra_negatives: Tensor | None = None,
    temperature: float = 0.1,
    negatives: Literal["own", "first"] = "own",
) -> Tensor:
    """CLIP-NCE: mean over all queries and both positives; arguments as in `clip_nce_per_query`.

    The sum printed in the paper (Eq. 7) is twice this; the mean is CF-CLIP's code.

    Source: CF-CLIP Eq. 7, MCA-CLIP L_NCE.
    """
    text, image = clip_nce_per_query(
        edited_features, source_features, source_text, target_text, extra_negatives, temperature, negatives
    )
    return (text.mean() + image.mean()) / 2


def text_directions(source_text: Tensor, texts: Tensor) -> Tensor:
    """Directions from the neutral word to other captions: the hard negatives of `clip_nce`.

    Args:
        source_text: the neutral word in T templates, `float [T, D]`.
        texts: features of K captions, `float [K, D]`, or of K captions in T templates, `float [K, T, D]`.

    Returns:
        Unit vectors `float [K, D]`, formed like the text positive.
    """
    target = _norm(texts)
    if target.ndim == 3:
        target = target.mean(dim=1)
    return _norm(target - _norm(source_text).mean(dim=0))


def mask_area(masks: Sequence[Tensor], normalisation: Literal["1/side", "mean"] = "1/side") -> Tensor:
    """How much the masks are open.

    Args:
        masks: `float [B, 1, s, s]`, one per layer.
        normalisation: "1/side" is the paper's sum over layers of n_l * sum(m), read with n_l = 1 / side;
            "mean" is the mean over layers of the mean mask, 0..1. Raises ValueError for any other.

    Source: MCA-CLIP, L_area. The paper leaves n_l open: n_l = 1 would close every mask, 1 / side^2 do
        nothing at the given weight.
    """
    if normalisation == "1/side":
        return _layer_sums(masks).mul(_sides(masks).reciprocal()).sum()
    if normalisation == "mean":
        return _layer_sums(masks).div(_sides(masks).square()).mean()
    raise ValueError(f'normalisation must be "1/side" or "mean", not {normalisation!r}')


def mask_tv(masks: Sequence[Tensor], normalisation: Literal["sum", "mean"] = "sum") -> Tensor:
    """Total variation: squared differences of horizontal and of vertical neighbours.

    Args:
        masks: `float [B, 1, s, s]`, one per layer.
        normalisation: "sum" over pixels and layers is the paper's; "mean" divides by side^2 and the number
            of layers. Raises ValueError for any other.

    Source: MCA-CLIP, L_tv.
    """
    squares = [torch.cat([m.diff(dim=-1).flatten(1), m.diff(dim=-2).flatten(1)], dim=1).square() for m in masks]
    if normalisation == "sum":
        return _layer_sums(squares).sum()
    if normalisation == "mean":
        return _layer_sums(squares).div(_sides(masks).square()).mean()
    raise ValueError(f'normalisation must be "sum" or "mean", not {normalisation!r}')


def background_loss(source: Tensor, edited: Tensor, background: Tensor) -> Tensor:
    """Mean squared change of the background over all pixels and channels.

    Args:
        source: x, `float [B, 3, S, S]`.
        edited: x^, the same shape.
        background: 1 where the parser sees background, `float [B, 1, s, s]`, without gradient; resized
            when its size differs.

    Source: MCA-CLIP, L_bg.
    """
    mask = resize_mask(background, source.shape[-1])
    return F.mse_loss(edited * mask, source * mask)


def preservation_loss(source: Tensor, edited: Tensor, region: Tensor) -> Tensor:
    """Mean squared change outside the named part (`region` 1); arguments as in `background_loss`.

    Source: ours (extra).
    """
    return background_loss(source, edited, 1 - region)


def region_prior(masks: Sequence[Tensor], region: Tensor) -> Tensor:
    """Balanced cross entropy of the masks to the named part: open inside it, closed outside.

    A cost of open cells outside alone closes every mask within a few steps, and a closed mask has no gradient to open
    it again. Inside and outside count the same, however small the part is. A coarse cell counts as inside only as far
    as the part covers more than half of it.

    Args:
        masks: `float [B, 1, s, s]` in [0, 1], one per layer.
        region: the named part of the source, `float [B, 1, S, S]`, without gradient.

    Returns:
        Mean over layers and samples.

    Source: ours (extra).
    """
    costs = []
    for mask in masks:
        cover = resize_mask(region, mask.shape[-1])
        inside, outside = (2 * cover - 1).clamp_min(0), 1 - cover
        opened = -((mask + 1e-6).log() * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp_min(1)
        closed = -((1 - mask + 1e-6).log() * outside).sum((1, 2, 3)) / outside.sum((1, 2, 3)).clamp_min(1)
        costs.append((opened + closed).mean())
    return torch.stack(costs).mean()


def exemplar_loss(edited: Tensor, exemplar: Tensor, region: Tensor, detail: float = 2.0) -> Tensor:
    """Distance of the named part to a painted example of the prompt, in values and fine detail.

    Without it an edit may reach a colour by a flat patch: no other loss preserves the texture of hair.

    Args:
        edited: `float [B, 3, S, S]`, [-1, 1].
        exemplar: the same face in the prompt's colour, `float [B, 3, S, S]`, without gradient.
        region: the named part, `float [B, 1, S, S]`, without gradient.
        detail: weight of the differences of neighbouring pixels.

    Returns:
        Mean absolute difference over each sample's region, mean over the batch.

    Source: ours (extra).
    """
    weight = region / region.sum((1, 2, 3), keepdim=True).clamp_min(1.0)
    difference = edited - exemplar
    down, right = difference.diff(dim=2).abs(), difference.diff(dim=3).abs()
    loss = (difference.abs().mean(1, keepdim=True) * weight).sum((1, 2, 3))
    loss = loss + detail * (down.mean(1, keepdim=True) * weight[:, :, 1:]).sum((1, 2, 3))
    loss = loss + detail * (right.mean(1, keepdim=True) * weight[..., 1:]).sum((1, 2, 3))
    return loss.mean()


def lab_colour_distance(image: Tensor, region: Tensor, target_lab: Tensor, lightness_weight: float = 0.0) -> Tensor:
    """Mean Lab distance of the named part's pixels to the named colour.

    Chroma counts pixel by pixel; lightness counts only by the region's mean, so that light, shadow and texture of the
    face stay.

    Args:
        image: `float [B, 3, S, S]`, [-1, 1].
        region: pixel weights, `float [B, 1, s, s]`, without gradient; resized when its size differs.
        target_lab: `float [B, 3]` or `float [3]`: L, a, b.
        lightness_weight: factor on the distance of the region's mean L; needed for black, white and grey.

    Returns:
        Lab units (0..about 150), weighted mean over each sample's region, then mean over the batch; a
        sample with an empty region gives 0.

    Source: ours (extra); CIE76 distance.
    """
    weight = resize_mask(region, image.shape[-1])
    weight = weight / weight.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
    delta = srgb_to_lab(image) - target_lab.expand(image.shape[0], 3)[:, :, None, None]
    # The small constant keeps the root's gradient finite where the colour is reached exactly.
    chroma = (delta[:, 1:].square().sum(dim=1, keepdim=True) + 1e-4).sqrt()
    lightness = (delta[:, :1] * weight).sum(dim=(1, 2, 3)).abs()
    return ((chroma * weight).sum(dim=(1, 2, 3)) + lightness_weight * lightness).mean()


def _norm(vector: Tensor) -> Tensor:
    """Unit vectors; the eps bounds the gradient when an edit has not moved the picture at all."""
    return F.normalize(vector, dim=-1, eps=1e-6)


def _info_nce(query: Tensor, positive: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """-log softmax of the positive for unit `query, positive [N, D]` and `negatives [N, M, D]`; `[N]`."""
    own = (query * positive).sum(dim=-1, keepdim=True)
    others = torch.einsum("nd,nmd->nm", query, negatives)
    logits = torch.cat([own, others], dim=1) / temperature
    return -logits.log_softmax(dim=1)[:, 0]


def _layer_sums(maps: Sequence[Tensor]) -> Tensor:
    """Sum over the pixels of each map, mean over the batch: `[layers]`."""
    return torch.stack([m.flatten(1).sum(dim=1).mean() for m in maps])


def _sides(masks: Sequence[Tensor]) -> Tensor:
    return torch.tensor([m.shape[-1] for m in masks], dtype=masks[0].dtype, device=masks[0].device)
