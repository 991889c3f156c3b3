"""The options of an edit: what to change, how much, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from mcaclip import validate
from mcaclip.cli.batch import missing
from mcaclip.cli.options import Arg, checked, whole
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.types import AlignedFace, EditSettings, Paint

PROMPT_HELP = 'the change, e.g. "green lipstick"; several combine, each with its strength: "purple hair:0.7"'

Parts = list[tuple[str, float | None]]
"""Each prompt with its strength; None is the one that looks best."""


@dataclass(frozen=True, kw_only=True)
class ChangeOptions:
    """An edit."""

    prompt: Annotated[tuple[str, ...], Arg(PROMPT_HELP)]
    strength: Annotated[
        float | None,
        Arg(
            "0 to 2 (default: what looks best by the prompt library, else 1)",
            read=checked(validate.check_strength),
        ),
    ] = None
    mode: Annotated[
        Literal["universal", "fitted"] | None,
        Arg("universal: one network for any prompt; fitted: one fitted to the prompt (default: the better of both)"),
    ] = None
    without_pre: Annotated[bool, Arg("no masks at all, the paper's ablation w/o PRE")] = False
    mask_threshold: Annotated[
        float, Arg("0 for soft masks, t up to 0.95 for hard ones", read=checked(validate.check_threshold))
    ] = 0.0
    mask_invert: Annotated[bool, Arg("edit where the masks are closed")] = False
    mask_feather: Annotated[float, Arg("soften masks, pixels of 256", read=checked(validate.check_feather))] = 0.0
    likeness: Annotated[
        float,
        Arg(
            "of a photo: how much of its own shapes an edit of shapes keeps, 0 to 1; colours keep all",
            read=checked(validate.check_likeness),
        ),
    ] = validate.DEFAULT_LIKENESS
    variation: Annotated[
        int,
        Arg("the same edit in another shade, 1 to 999", metavar="N", read=whole(0, validate.MAX_VARIATION)),
    ] = 0
    mask: Annotated[
        Path | None,
        Arg(
            "where the edit may act: white may change; black and transparent may not. An image of the photo's own "
            "width and height lies over the photo, any other one must be square and lies over the aligned face",
            metavar="FILE",
        ),
    ] = None
    mark: Annotated[
        bool,
        Arg(
            "write a small AI-edited into the pictures of the edit; without it only their metadata says so, and "
            "every pixel is as computed"
        ),
    ] = False

    def parts(self) -> Parts:
        """The prompts with their strengths, all options checked. Raises StudioError."""
        parts = validate.split_prompts(self.prompt, self.strength)
        if self.without_pre and (self.mask_invert or self.mask_threshold or self.mask_feather):
            raise StudioError(
                "--without-pre takes the masks away: leave out --mask-invert, --mask-threshold, --mask-feather"
            )
        if self.mask is not None:
            if problem := missing(self.mask):
                raise StudioError(f"--mask {self.mask} {problem}")
            from mcaclip.editing.mask_tools import read_mask

            read_mask(self.mask)
        return parts

    def settings(self, parts: Parts, editor: FaceEditor) -> EditSettings:
        """The settings of the edit, without the painted mask, which depends on the face.

        What the editor cannot make is left out, and a note of the result says so.

        Raises:
            PromptError: the editor cannot make any of the changes.
        """
        from mcaclip.editing.reader import check_parts, read_parts
        from mcaclip.types import EditSettings, PromptStrength

        found, left_out = read_parts(lambda text: editor.read_prompt(text, self.mode), parts)
        masks = EditSettings(
            parts[0][0],
            mask_threshold=self.mask_threshold,
            mask_invert=self.mask_invert,
            mask_feather=self.mask_feather,
            likeness=self.likeness,
            variation=self.variation,
            mode=self.mode,
            without_masks=self.without_pre,
            left_out=left_out,
        )
        asked = [
            PromptStrength(reading.prompt, reading.best if strength is None else strength)
            for reading, strength in found
        ]
        return check_parts(masks.with_parts(asked))

    def painter(self) -> Callable[[AlignedFace | None], Paint] | None:
        """From a face (None for a generated one) to its painted mask; raises ImageError. None without `--mask`."""
        path = self.mask
        if path is None:
            return None
        from mcaclip.editing.mask_tools import load_mask
        from mcaclip.types import Paint

        return lambda face: Paint(allow=load_mask(path, face))
