"""`python -m mcaclip sample`: one generated face, and its edit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from mcaclip.cli import options as reading
from mcaclip.cli.arguments import EditorLoader, EditorOptions, OutFolder, Overwrite
from mcaclip.cli.batch import check_folder
from mcaclip.cli.change import PROMPT_HELP, ChangeOptions, Parts
from mcaclip.cli.options import Arg
from mcaclip.cli.photos import ALREADY_THERE, digest_of, print_result, progress
from mcaclip.errors import StudioError
from mcaclip.platform.console import say


@dataclass(frozen=True, kw_only=True)
class Options(ChangeOptions, EditorOptions):
    """Make a random face, and edit it when a prompt is given.

    The result has a folder of its own in DIR, seed_N. Nothing is overwritten: another edit of the face goes into
    seed_N_2, seed_N_3, ... A request that DIR holds already (the same options and weights) is not made again. With
    --overwrite the folder seed_N is replaced: the files of its result, and nothing else in it.
    """

    seed: Annotated[int, Arg("which face, 0 to 2^32 - 1", metavar="N", read=reading.seed)]
    out: OutFolder
    overwrite: Overwrite = False
    prompt: Annotated[tuple[str, ...], Arg(f"{PROMPT_HELP}; without it only the face is made")] = ()

    def parts_or_none(self) -> Parts | None:
        """See `parts`; None without a prompt. Raises StudioError for options of an edit without a prompt."""
        if self.prompt:
            return self.parts()
        shaped = self.without_pre or self.mask_invert or self.mask_threshold or self.mask_feather or self.variation
        if shaped or self.mask or self.mode or self.strength is not None:
            raise StudioError(
                "--strength, --mode, --variation, --without-pre and the options of masks belong to an edit: "
                "add --prompt"
            )
        return None


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Makes the face in DIR/seed_N; the exit status. Raises StudioError for options that cannot be used."""
    parts = options.parts_or_none()
    check_folder(options.out)
    editor = options.load_editor(load)
    from mcaclip.results import pipeline
    from mcaclip.results.folder import Provenance, ResultFolders

    stem = f"seed_{options.seed}"
    settings = options.settings(parts, editor) if parts else None
    digest = digest_of(options.mask)
    origin = Provenance(editor.stack, editor.weight_hashes(), options.seed, mask_sha256=digest, marked=options.mark)
    folders = ResultFolders(options.out, options.overwrite)
    if found := folders.find(stem, settings, origin):
        say(f"{found}  {ALREADY_THERE}")
        return 0
    paint = options.painter()
    if settings and paint:
        settings = replace(settings, paint=paint(None))
    with progress(stem) as callback:
        outcome = pipeline.sample_face(editor, options.seed, settings, callback)
    print_result(folders.write(stem, outcome, origin), outcome)
    return 0
