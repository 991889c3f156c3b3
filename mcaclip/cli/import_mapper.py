"""`python -m mcaclip import`: take a published mapper's file over into the user's own edits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcaclip import weights
from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.batch import missing
from mcaclip.cli.options import Arg
from mcaclip.editing.prompts import find_prompt, load_prompts
from mcaclip.errors import StudioError, WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.platform.naming import slug
from mcaclip.validate import clean_prompt

if TYPE_CHECKING:
    from torch import Tensor

    from mcaclip.methods.mappers import PublishedMapper

CLIP = "clip_vit_b32"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Take a published mapper (StyleCLIP, CF-CLIP, DeltaEdit) over into your own edits.

    It is then a card of the page and a row of the comparison, on both generators. DeltaEdit's network is one for all
    prompts and a row of the comparison on the paper stack. The file is only read.
    """

    file: Annotated[
        Path, Arg("checkpoint of StyleCLIP's, CF-CLIP's or DeltaEdit's training", metavar="FILE", positional=True)
    ]
    name: Annotated[
        str | None, Arg('of its card (default: its prompt and where it is from, "purple hair (StyleCLIP)")')
    ] = None
    prompt: Annotated[str | None, Arg("what it was trained for (default: what the file says)")] = None
    text_feature: Annotated[
        Path | None,
        Arg(
            "for CF-CLIP where CLIP ViT-B/32 is not on this machine: a .npy file of its raw feature of the prompt",
            metavar="FILE",
        ),
    ] = None
    relevance: Annotated[
        Path | None, Arg("for DeltaEdit: the fs3.npy that its code reads beside the network", metavar="FILE")
    ] = None
    overwrite: Annotated[bool, Arg("replace what was imported under this name before")] = False


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Reads the mapper and writes it into the folder of own edits; the exit status. Raises StudioError."""
    if problem := missing(options.file):
        raise StudioError(f"there is no file {options.file}: it {problem}")
    if options.relevance is not None:
        return _import_deltaedit(options, options.relevance)
    folder = weights.WeightFolders.from_environment().edits
    if folder.is_file():
        raise StudioError(f"MCACLIP_EDITS is the file {folder}: set it to a folder, which can take another edit")
    from mcaclip.methods.mappers import LABELS, read_mapper

    mapper = read_mapper(options.file)
    if not (options.prompt or mapper.prompt):
        raise StudioError(f"{options.file} does not say what it was trained for: add --prompt WORDS")
    prompt = clean_prompt(options.prompt or mapper.prompt)
    name = clean_prompt(options.name or f"{prompt} ({LABELS[mapper.method]})")
    if entry := find_prompt(load_prompts(), name):
        raise StudioError(f'the prompt library has "{entry.prompt}" already: give it another --name')
    to = folder / f"imported_{slug(name)}.safetensors"
    if to.exists() and not options.overwrite:
        raise StudioError(f'"{name}" is there already ({to}): give it another --name, or add --overwrite')
    feature = _text_feature(mapper, prompt, options.text_feature)
    folder.mkdir(parents=True, exist_ok=True)
    mapper.save(to, prompt, name, feature, {"sha256": sha256_of(options.file)})
    sys.stdout.write(
        f"{to}\n"
        f'"{name}" is a card of the page and a prompt of `edit`; `compare --prompt "{prompt}"` has it as '
        f"{mapper.method}. It has no masks. Both generators share their W, so it edits photos on either.\n"
    )
    return 0


def _import_deltaedit(options: Options, relevance: Path) -> int:
    if options.name or options.prompt or options.text_feature:
        raise StudioError("DeltaEdit's network is one for all prompts: leave --name, --prompt and --text-feature out")
    to = weights.WeightFolders.from_environment().methods / "imported_deltaedit.safetensors"
    if to.exists() and not options.overwrite:
        raise StudioError(f"DeltaEdit's network is imported already ({to}): add --overwrite")
    from mcaclip.clip.clip_space import VIT_B_32
    from mcaclip.methods.delta_mapper import save_delta
    from mcaclip.methods.published_delta import read_published_delta

    model = read_published_delta(options.file, _read_numbers(relevance), relevance)
    to.parent.mkdir(parents=True, exist_ok=True)
    record = {"imported": options.file.name, "sha256": sha256_of(options.file)}
    save_delta(model, to, "stylegan2", VIT_B_32, record)
    sys.stdout.write(f"{to}\n`compare --stack paper` has it as deltaedit, with any prompt.\n")
    return 0


def _text_feature(mapper: PublishedMapper, prompt: str, given: Path | None) -> Tensor | None:
    """CLIP's raw feature `[512]` of the prompt, where the mapper needs it.

    Raises:
        StudioError: there is none; the message says how to get it.
    """
    if not mapper.needs_text:
        if given is not None:
            raise StudioError("StyleCLIP's mappers see no words: leave --text-feature out")
        return None
    from mcaclip.methods.mappers import check_text_feature

    if given is not None:
        return check_text_feature(given, _read_numbers(given))
    entry, folders = weights.TABLE[CLIP], weights.WeightFolders.from_environment()
    if entry.find(folders) is None and entry.source.find(entry, folders) is None:
        raise StudioError(
            f"CF-CLIP's mapper was given CLIP ViT-B/32's raw feature of \"{prompt}\", and that CLIP is not on this "
            f"machine. Put its file into the folder MCACLIP_WEIGHTS (`python -m mcaclip doctor --stack paper` names "
            "it) or fetch it, or compute the feature elsewhere with OpenAI's package, "
            f'`numpy.save("feature.npy", model.encode_text(clip.tokenize("{prompt}")).float().cpu().numpy())`, and '
            "add --text-feature feature.npy"
        )
    from mcaclip.clip.clip_space import VIT_B_32, ClipSpace

    path = weights.get(CLIP)
    return check_text_feature(path, ClipSpace.load(path, VIT_B_32).text_features([prompt])[0])


def _read_numbers(path: Path) -> Tensor:
    import numpy as np
    import torch

    try:
        return torch.from_numpy(np.load(path, allow_pickle=False).astype(np.float32))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise WeightsError(f"{path} cannot be read as numbers ({error}): name one that numpy.save wrote") from error
