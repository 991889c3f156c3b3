"""`python -m mcaclip feature-space`: where pictures, words and their changes lie in a space of both."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcaclip.cli.arguments import EditorLoader, EditorOptions, Effort, OutFolder
from mcaclip.cli.batch import check_folder
from mcaclip.cli.options import Arg, whole
from mcaclip.config import SLOTS
from mcaclip.errors import PromptError, StudioError
from mcaclip.platform.atomic import write_text
from mcaclip.platform.console import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from mcaclip.clip.clip_space import ClipSpace
    from mcaclip.editor import FaceEditor
    from mcaclip.evaluation.faces import FaceToMeasure
    from mcaclip.types import EditSettings

REPORT, FIGURES = "feature_space.md", "feature_space.json"


@dataclass(frozen=True, kw_only=True)
class Options(EditorOptions):
    """Show a space of pictures and words: t-SNE of both and of their changes.

    Faces are edited with every prompt through the 256 px preview. DIR gets a picture for the stack's CLIP and for
    every other one that is on this machine (the edits are the same), and feature_space.md and .json with the cosines.
    """

    out: OutFolder
    prompt: Annotated[tuple[str, ...], Arg("a change (repeatable; default: the seven of the paper's table)")] = ()
    seeds: Annotated[int, Arg("generated faces, of the seeds from 0", read=whole(0, 10_000))] = 12
    photos: Annotated[Path | None, Arg("folder of photos to invert and edit as well", metavar="DIR")] = None
    limit: Annotated[int, Arg("photos at most, by name", read=whole(1, 10_000))] = 12
    inversion: Effort = "instant"

    def check(self) -> None:
        """Raises StudioError for what can be refused before anything is loaded."""
        if self.photos and not self.photos.is_dir():
            raise StudioError(f"--photos: there is no folder {self.photos}")
        if self.seeds < 2 and not self.photos:
            raise StudioError("feature-space compares faces: --seeds N of 2 or more, or --photos DIR")
        if len(set(self.prompt)) == 1:
            raise StudioError("feature-space compares changes: give --prompt twice or more")


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes the pictures and the cosines; the exit status. Raises StudioError."""
    options.check()
    from mcaclip.evaluation import feature_space

    feature_space.check_packages()
    check_folder(options.out)
    from mcaclip.evaluation.faces import face_sources

    editor = options.load_editor(load)
    settings = changes(editor, options.prompt)
    prompts = [one.title for one in settings]
    faces = face_sources(editor, options.seeds, options.photos, options.limit, options.inversion, options.out)
    sources, edits = edited_faces(editor, settings, faces)
    tables, rows = {}, {}
    for space in spaces(editor):
        tell(f"{space.name}: {len(sources)} faces, {len(prompts)} changes")
        made = feature_space.embed(space, sources, edits, prompts, editor.device)
        tables[space.name], rows[space.name] = feature_space.cosines(made), feature_space.by_prompt(made)
        feature_space.draw(made, prompts, f"{space.name}, {len(sources)} faces", options.out / f"{space.name}.png")
    report = feature_space.as_markdown(tables, prompts, rows)
    about = {"stack": editor.stack, "prompts": prompts, "faces": len(sources), "weights": editor.weight_hashes()}
    figures = json.dumps({**about, "cosines": tables, "by_prompt": rows}, indent=1)
    write_text(options.out / REPORT, report)
    write_text(options.out / FIGURES, figures)
    sys.stdout.write(report)
    return 0


def changes(editor: FaceEditor, wanted: Sequence[str]) -> list[EditSettings]:
    """The edits by the wanted prompts, or by those of the paper's table that the editor can make.

    Raises:
        PromptError: a wanted one cannot be made.
        StudioError: fewer than two are left.
    """
    from mcaclip.evaluation.paper_table import PROMPTS
    from mcaclip.types import EditSettings

    found: list[EditSettings] = []
    for words in dict.fromkeys(wanted or PROMPTS):
        try:
            one = editor.check_settings(EditSettings(words))
        except PromptError as error:
            if wanted:
                raise
            tell(f"{words} is left out: {error}")
            continue
        if one not in found:  # other words for the same change
            found.append(one)
    if len(found) < 2:
        raise StudioError("feature-space compares changes: give two or more prompts that can be edited")
    return found


def edited_faces(
    editor: FaceEditor, settings: list[EditSettings], faces: Iterable[FaceToMeasure]
) -> tuple[Tensor, Tensor]:
    """Faces `[N, 3, 256, 256]` and their edits `[P, N, 3, 256, 256]`, of what can be edited in all ways.

    Raises:
        StudioError: fewer than two faces are left.
    """
    import torch

    unchanged, found = settings[0].with_parts([replace(p, strength=0.0) for p in settings[0].parts]), []
    for number, face in enumerate(faces):
        try:
            inversion = face.get()
            pictures = [editor.preview(inversion, one).image for one in (unchanged, *settings)]
        except StudioError as error:
            tell(f"{face.name} is left out: {error}")
            continue
        found.append(torch.stack(pictures))
        tell(f"face {number + 1}: {face.name}")
    if len(found) < 2:
        raise StudioError("fewer than two faces are left to compare: give more --seeds, or other photos")
    every = torch.stack(found, 1)
    return every[0], every[1:]


def spaces(editor: FaceEditor) -> Iterator[ClipSpace]:
    """The stack's space, then every other one whose file is ready on this machine. Raises WeightsError."""
    from mcaclip import loading, weights

    yield editor.models.space
    for name, (file, *_) in SLOTS["clip"].items():
        if name != editor.slots.clip and weights.local(file) is not None:
            yield loading.load_space(replace(editor.slots, clip=name), editor.device)
