"""Where pictures, words and their changes lie in a space of both, as MCA-CLIP's Figure 1 shows it.

CLIP puts pictures and texts into two separate clouds, so a text's own place says little about an edit. The directions
from before a change to after it are comparable: CLIP-NCE rests on this, and the cosines here say how far it is true.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.errors import StudioError
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.platform.atomic import written_whole

PACKAGES = {"sklearn": "scikit-learn", "matplotlib": "matplotlib"}
INSTALL = 'pip install "mcaclip-studio[feature-space]"'
PERPLEXITY = 30.0
BATCH = 16

Cosines = Mapping[str, float]


def check_packages() -> None:
    """Raises StudioError where t-SNE or the drawing of it is not installed."""
    absent = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if absent:
        raise StudioError(f"feature-space needs {' and '.join(absent)}: {INSTALL}.")


@dataclass(frozen=True)
class Embeddings:
    """Unit vectors of one space, for N faces, P prompts and T templates.

    Attributes:
        sources: the faces, `[N, D]`.
        edits: their edits, `[P, N, D]`.
        neutral: the texts about a face that is not edited, `[T, D]`.
        texts: the prompts in the templates, `[P, T, D]`.
    """

    sources: Tensor
    edits: Tensor
    neutral: Tensor
    texts: Tensor

    @property
    def picture_changes(self) -> Tensor:
        """Directions from the faces to their edits, `[P, N, D]`."""
        return F.normalize(self.edits - self.sources, dim=-1)

    @property
    def text_changes(self) -> Tensor:
        """Directions from the neutral texts to the prompts, `[P, T, D]`."""
        return F.normalize(self.texts - self.neutral, dim=-1)


@torch.no_grad()
def embed(
    space: ClipSpace, sources: Tensor, edits: Tensor, prompts: Sequence[str], device: str | torch.device = "cpu"
) -> Embeddings:
    """The embeddings of faces `[N, 3, S, S]`, of their edits by each prompt `[P, N, 3, S, S]`, and of the words.

    Args:
        device: where the space is; pictures may be elsewhere, and the embeddings are on the CPU.
    """

    def pictures(images: Tensor) -> Tensor:
        return torch.cat([space.encode_image(part.to(device)).cpu() for part in images.split(BATCH)])

    def words(texts: Sequence[str]) -> Tensor:
        return space.encode_text(texts).cpu()

    return Embeddings(
        pictures(sources),
        pictures(edits.flatten(0, 1)).unflatten(0, edits.shape[:2]),
        words(space.presentation.neutral),
        torch.stack([words(space.presentation.texts(prompt)) for prompt in prompts]),
    )


def cosines(made: Embeddings) -> Cosines:
    """Mean cosines of places and of changes, by what is compared; a vector is never compared with itself."""
    pictures, texts = torch.cat([made.sources[None], made.edits]), torch.cat([made.neutral[None], made.texts])
    found = {
        "places: picture to picture": _between(pictures.flatten(0, 1)),
        "places: text to text": _between(texts.flatten(0, 1)),
        "places: picture to text": float((pictures.flatten(0, 1) @ texts.flatten(0, 1).T).mean()),
    }
    changes = {"picture": made.picture_changes, "text": made.text_changes}
    for one, other in (("picture", "picture"), ("text", "text"), ("picture", "text")):
        same, different = _same_and_other(changes[one], changes[other], alike=one == other)
        found[f"changes: {one} to {other}, the same change"] = same
        found[f"changes: {one} to {other}, another change"] = different
    towards = F.normalize(made.text_changes.mean(1), dim=-1)
    nearest = (made.picture_changes @ towards.T).argmax(-1)
    found["share of edits whose nearest text direction is their own"] = float(
        (nearest == torch.arange(len(nearest))[:, None]).float().mean()
    )
    return found


def _between(vectors: Tensor) -> float:
    """Mean cosine of unit vectors `[M, D]` to the others."""
    count = len(vectors)
    return float((vectors.sum(0).square().sum() - count) / (count * (count - 1)))


def _same_and_other(one: Tensor, other: Tensor, alike: bool) -> tuple[float, float]:
    """Mean cosines of `[P, A, D]` to `[P, B, D]` of the same P and of another; without the diagonal where `alike`."""
    table = torch.einsum("pad,qbd->pqab", one, other)
    if alike:
        count = table.shape[-1]
        own = (table.sum((2, 3)).diagonal() - count) / max(count * (count - 1), 1)
    else:
        own = table.mean((2, 3)).diagonal()
    apart = ~torch.eye(len(table), dtype=torch.bool)
    return float(own.mean()), float(table.mean((2, 3))[apart].mean())


def by_prompt(made: Embeddings) -> list[tuple[float, float, float]]:
    """For each prompt: mean cosine of its picture changes, of its text changes, and of the two to each other."""
    rows = []
    for pictures, texts in zip(made.picture_changes, made.text_changes, strict=True):
        rows.append((_between(pictures), _between(texts), float((pictures @ texts.T).mean())))
    return rows


def as_markdown(tables: Mapping[str, Cosines], prompts: Sequence[str], rows: Mapping[str, Sequence]) -> str:
    """The cosines of every space side by side, then those of every prompt by space."""
    names = list(tables)
    lines = ["# Feature space", "", "Mean cosines.", ""]
    kinds = next(iter(tables.values()))
    lines += markdown_table(["", *names], [[kind, *(f"{tables[n][kind]:.2f}" for n in names)] for kind in kinds])
    for name in names:
        lines += ["", f"## {name}: changes by prompt", ""]
        cells = ([prompt, *(f"{v:.2f}" for v in row)] for prompt, row in zip(prompts, rows[name], strict=True))
        lines += markdown_table(["", "picture to picture", "text to text", "picture to text"], cells)
    return "\n".join(lines) + "\n"


def spread(vectors: Tensor, seed: int) -> np.ndarray:
    """Places `[M, 2]` of unit vectors `[M, D]` by t-SNE, on their cosines."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed)
    return np.asarray(tsne.fit_transform(vectors.numpy()))


def draw(made: Embeddings, prompts: Sequence[str], title: str, path: Path, seed: int = 0) -> None:
    """Two panels: where pictures and texts lie, and where their changes lie; one colour per prompt.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.2), layout="constrained")
    places, changes = figure.subplots(1, 2)
    figure.suptitle(title)
    colours = [matplotlib.colormaps["tab10"](number % 10) for number in range(len(prompts))]
    grey = (0.55, 0.55, 0.55, 1.0)
    _panel(places, [made.sources, *made.edits], [made.neutral, *made.texts], [grey, *colours], seed)
    places.set_title("pictures and texts")
    _panel(changes, list(made.picture_changes), list(made.text_changes), colours, seed)
    changes.set_title("changes: edit minus face, prompt minus neutral text")
    for label, colour in zip(["not edited", *prompts], [grey, *colours], strict=True):
        places.plot([], [], "s", color=colour, label=label)
    for label, marker in (("picture", "o"), ("text", "^")):
        places.plot([], [], marker, color="black", markerfacecolor="none", label=label)
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _panel(
    axes: object, pictures: Sequence[Tensor], texts: Sequence[Tensor], colours: Sequence[tuple], seed: int
) -> None:
    """One scatter of groups of vectors `[M, D]`: pictures as discs, texts as triangles."""
    groups = [*pictures, *texts]
    at = np.split(spread(torch.cat(groups), seed), np.cumsum([len(group) for group in groups])[:-1])
    for number, points in enumerate(at):
        text = number >= len(pictures)
        colour = colours[number - len(pictures) if text else number]
        axes.scatter(*points.T, s=26, marker="^" if text else "o", color=colour, alpha=0.75, linewidths=0)  # type: ignore[attr-defined]
    axes.set_xticks([])  # type: ignore[attr-defined]
    axes.set_yticks([])  # type: ignore[attr-defined]
