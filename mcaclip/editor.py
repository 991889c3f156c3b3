"""FaceEditor: prepare a photo once, then edit it many times. The only place that composes all models."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip import loading, weights
from mcaclip.config import DEFAULT_STACK, STACKS, Stack, choose
from mcaclip.editing.face_source import FaceCache, FaceSource, source_of
from mcaclip.editing.finish import blend, moving
from mcaclip.editing.library import FittedEdit, Library, collect
from mcaclip.editing.network.prompted import ReadyEdit
from mcaclip.editing.networks import EditNetworks
from mcaclip.editing.prompts import LibraryPrompt, load_prompts
from mcaclip.editing.reader import DIRECTION, RETOUCH, Answer, Ingredient, PromptReader, Reading
from mcaclip.editing.render import PreparedEdit, prepare, varied
from mcaclip.editing.request import EditRequest, resolve
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import is_universal
from mcaclip.errors import WeightsError
from mcaclip.generators.base import Generator
from mcaclip.imaging import align
from mcaclip.inversion.optimise import Complete, Start
from mcaclip.inversion.portraits import Portraits
from mcaclip.language.wishes import Wish, free_wish
from mcaclip.perception.face_parser import FaceParser
from mcaclip.platform.device import choose_device
from mcaclip.platform.digests import sha256_of
from mcaclip.types import (
    AlignedFace,
    DetectedFace,
    EditResult,
    EditSettings,
    Inversion,
    MovingEdit,
    Progress,
    ProgressCallback,
    Residual,
)
from mcaclip.validate import UNIVERSAL, clean_prompt
from mcaclip.weights.own import with_generator_file

__all__ = ["STACKS", "EditorModels", "FaceEditor", "load_editor"]

LANDMARKS, PHOTO_PARSER = "dlib_landmarks", "face_parser"


@dataclass(frozen=True)
class EditorModels(EditNetworks):
    """Everything a `FaceEditor` works with; frozen and shared by all users.

    Attributes:
        start: where inversions begin.
        complete: gives them a first residual; without it they begin with none.
        library: the prompts that have a fitted edit network.
        wish: what free words ask for.
        prompts: the prompt library.
        directions: edits along directions of W, by their words.
    """

    start: Start
    aligner: align.FaceAligner
    library: Library
    wish: Callable[[str], Wish]
    prompts: tuple[LibraryPrompt, ...] = ()
    complete: Complete | None = None
    directions: Mapping[str, ReadyEdit] = field(default_factory=dict)


class FaceEditor:
    """Aligns, inverts and edits faces. Holds models, and for a while what was computed of the faces edited last."""

    def __init__(self, models: EditorModels, slots: Stack, device: torch.device):
        self.models = models
        self.slots = slots
        self.stack = slots.label
        self.device = device
        self._added: dict[str, FittedEdit] = {}
        self._sources: FaceCache[FaceSource] = FaceCache()
        self._small_sources: FaceCache[FaceSource] = FaceCache()
        self._identities: FaceCache[Tensor] = FaceCache(most=16)
        self._wish = lru_cache(maxsize=64)(models.wish)
        self._text_code = lru_cache(maxsize=64)(models.space.text_code)
        self._portraits = Portraits(
            models.generator, models.preview, models.identity, models.start, models.complete, slots.knows_faces
        )

    def find_faces(self, photo: np.ndarray) -> list[DetectedFace]:
        """All faces of a photo `uint8 [H, W, 3]`, the largest first."""
        return self.models.aligner.detect(photo)

    def align(self, photo: np.ndarray, face: int | DetectedFace = 0) -> AlignedFace:
        """Crop a face as FFHQ does: number `face` (0 is the largest), or one that `find_faces` found in the photo.

        Raises:
            NoFaceError: no face, or fewer than `face + 1`.
        """
        if isinstance(face, DetectedFace):
            return self.models.aligner.align(photo, face)
        return align.align_face(photo, self.models.aligner, face)

    def invert(
        self,
        aligned: AlignedFace,
        effort: str = "good",
        callback: ProgressCallback | None = None,
        seed: int = 0,
    ) -> Inversion:
        """Find the generator's code of an aligned face.

        Args:
            effort: one of `EFFORTS`.
            callback: gets live frames; may raise `StopEarly` to end with the best so far, or anything else to cancel.
            seed: kept for methods that draw random numbers; this one does not.

        Raises:
            StudioError: unknown effort.
        """
        return self._portraits.invert(aligned, effort, callback, seed)

    def refine(
        self, aligned: AlignedFace, inversion: Inversion, callback: ProgressCallback | None = None
    ) -> Inversion:
        """Goes on from an inversion of the same face; never further from the photo by the optimiser's measure."""
        return self._portraits.refine(aligned, inversion, callback)

    def sample(self, seed: int, truncation_psi: float = 0.7) -> Inversion:
        """A generated face; the same seed gives the same face everywhere."""
        return self._portraits.sample(seed, truncation_psi)

    def reconstruct(
        self,
        w_plus: Tensor,
        identity: float | None = None,
        residual: Residual | None = None,
        photo: Tensor | None = None,
    ) -> Inversion:
        """The generator's picture of a known code `[18, 512]`, with what else is known; see `Inversion`."""
        return self._portraits.reconstruct(w_plus, identity, residual, photo)

    @property
    def library(self) -> Library:
        """The fitted edits by prompt."""
        return {**self.models.library, **self._added}

    def prompts(self) -> tuple[str, ...]:
        """The prompts that have a fitted edit."""
        return tuple(self.library)

    def metrics_file(self, prompt: str) -> Path | None:
        """Where the losses of a fitted prompt's training stand, if they were kept: beside its network."""
        entry = self.library.get(prompt)
        return entry.path.with_suffix(".jsonl") if entry and entry.path else None

    def add_edits(self, path: Path) -> tuple[str, ...]:
        """Adds what `python -m train prompt` fitted; a prompt that is there already is replaced.

        Returns:
            The prompts that were added.

        Raises:
            WeightsError: no edit network, or one for another generator or space of words.
        """
        fit = StackFit.of(self.slots, self.models.generator.layers)
        added = collect([], [path], fit, self.device)
        if not all(edit.own_masks or edit.imported for edit in added.values()):
            raise WeightsError(f"{path.name} was fitted to another generator; fit the prompt again on this one")
        self._added = {**self._added, **added}
        return tuple(added)

    def offered(self) -> tuple[LibraryPrompt, ...]:
        """What can be edited here: the library's entries, then the fitted prompts that it does not name.

        Where `has_universal`, any other prompt that the space of words knows can be edited as well.
        """
        return self._reader().offered()

    def modes(self, entry: LibraryPrompt) -> tuple[str, ...]:
        """In which modes a prompt of the library can be made here: of `mcaclip.validate.MODES`, or "retouch"."""
        return self._reader().modes(entry)

    @property
    def has_universal(self) -> bool:
        """Whether there is a network for any prompt."""
        return self.models.universal.there

    def read_prompt(self, text: str, mode: str | None = None) -> Answer:
        """Every change that a text asks for, in the wording under which the networks know it, and what is refused.

        For a fitted network another wording of the same part and colour ("green lips" for "green lipstick") counts.

        Raises:
            PromptError: empty, too long, or nothing of it can be made.
            StudioError: no such mode.
        """
        return self._reader().read_all(text, mode)

    def _reader(self) -> PromptReader:
        m, own = self.models, weights.WeightFolders.from_environment().edits
        return PromptReader(self.library, m.prompts, m.universal.problem, self._wish, self.slots, own, m.directions)

    def wish(self, text: str) -> Wish:
        """What a text asks for, and what can be done about it without a fitted network.

        The name of an imported edit asks for what the edit was trained for.

        Raises:
            PromptError: see `mcaclip.validate.clean_prompt`.
        """
        words = clean_prompt(text)
        edit = self.library.get(words)
        return self._wish(edit.words if edit and edit.imported else words)

    def taking_any_words(self) -> FaceEditor:
        """The same models in an editor that takes every prompt as it stands, also one that was measured to fail."""
        return FaceEditor(replace(self.models, wish=free_wish), self.slots, self.device)

    def resolve(self, settings: EditSettings, readings: Sequence[Reading] | None = None) -> EditRequest:
        """Read the prompts of an edit, once, and find the networks that make them; no face is needed.

        What cannot be made is left out, and a note says so.

        Args:
            readings: of `settings.parts`, one each, where `read_prompt` has read them already.

        Raises:
            PromptError: see `read_prompt`; or two prompts mean the same edit, or there are too many.
        """
        request = resolve(settings, self._reader(), self._prompted, readings)
        return replace(request, notes=(*request.notes, *request.settings.left_out))

    def render(
        self, inversion: Inversion, request: EditRequest, callback: ProgressCallback | None = None
    ) -> EditResult:
        """The picture of an edit at full size."""
        started = time.monotonic()
        result = blend(self._prepared(self.models.generator, inversion, request, callback), callback)
        identity = self.models.identity
        with torch.no_grad():
            before = self._identities.get(inversion, lambda: identity.embed(inversion.original[None].to(self.device)))
            after = identity.embed(result.image[None].to(self.device))
        kept = float((before * after).sum()) if self.slots.knows_faces else None
        return replace(result, identity=kept, seconds=time.monotonic() - started)

    def moving(self, inversion: Inversion, request: EditRequest) -> MovingEdit:
        """The same picture at full size, without all that `render` finds out about it: for controls that move."""
        return moving(self._prepared(self.models.generator, inversion, request))

    def edit(
        self, inversion: Inversion, settings: EditSettings, callback: ProgressCallback | None = None
    ) -> EditResult:
        """Edit at full size: `resolve`, then `render`; raises as `resolve` does."""
        return self.render(inversion, self.resolve(settings), callback)

    def preview(self, inversion: Inversion, settings: EditSettings) -> EditResult:
        """The same edit at 256 px, in a fraction of the time; raises as `edit` does."""
        return blend(self._prepared(self.models.preview, inversion, self.resolve(settings)))

    def weight_hashes(self) -> dict[str, str]:
        """sha256 of every weight file in use."""
        edits = self.library.values()
        files = {edit.path for edit in edits if edit.path is not None and not edit.shipped}
        universal = self.models.universal
        if universal.path is not None and not universal.shipped:
            files.add(universal.path)
        has = {
            loading.SHIPPED_EDITS: any(edit.shipped for edit in edits),
            loading.SHIPPED_UNIVERSAL: universal.shipped,
            loading.SHIPPED_DIRECTIONS: bool(self.models.directions),
        }
        shipped = [name for name, used in has.items() if used]
        if self.slots.generator_file:
            files.add(self.slots.generator_file.path)
        own = {f"{path.parent.name}/{path.name}": sha256_of(path) for path in sorted(files)}
        photos = (LANDMARKS, *((PHOTO_PARSER,) if self.models.photo_parser else ()))
        brought = universal.brings if universal.there else ()
        return weights.hashes((*self.slots.weights(), *brought, *photos, *shipped)) | own

    def check_settings(self, settings: EditSettings) -> EditSettings:
        """The settings with every prompt in its own wording, and prompts that ask for several changes split up.

        Raises:
            PromptError: see `read_prompt`; or two prompts mean the same edit, or there are too many.
        """
        return self._reader().check(settings)[0]

    def strip(
        self,
        inversion: Inversion,
        settings: EditSettings,
        factors: Sequence[float],
        callback: ProgressCallback | None = None,
    ) -> list[EditResult]:
        """The edit at 256 px with all strengths times each factor; the masks are computed once.

        Raises as `edit` does.
        """
        prepared = self._prepared(self.models.preview, inversion, self.resolve(settings))
        return _blended([prepared.times(factor) for factor in factors], "rendering strengths", callback)

    def variations(
        self,
        inversion: Inversion,
        settings: EditSettings,
        numbers: Sequence[int],
        callback: ProgressCallback | None = None,
    ) -> list[EditResult]:
        """The edit at 256 px in each of the numbered variations (0: as learned); the masks are computed once.

        Raises as `edit` does.
        """
        learned = self.resolve(replace(settings, variation=0))
        prepared = self._prepared(self.models.preview, inversion, learned)
        made = [varied(prepared, number, self.models.generator) for number in numbers]
        return _blended(made, "rendering variations", callback)

    def _prepared(
        self,
        generator: Generator,
        inversion: Inversion,
        request: EditRequest,
        callback: ProgressCallback | None = None,
    ) -> PreparedEdit:
        """Everything of an edit that does not depend on its strengths."""
        started = time.monotonic()
        # the parser learned on the compact generator's faces and on photos
        known = inversion.photo is not None or self.slots.generator == "mobilestylegan"
        parser = self.models.photo_parser if known else None
        cache = self._sources if generator is self.models.generator else self._small_sources
        face = cache.get(inversion, lambda: source_of(generator, inversion, parser, callback))
        prepared = prepare(face, request, started)
        return varied(prepared, request.settings.variation, self.models.generator)

    def _prompted(self, wanted: Ingredient) -> ReadyEdit | None:
        """The network for some words, with the words as it knows them; None for a retouch."""
        if wanted.mode == RETOUCH:
            return None
        if wanted.mode == DIRECTION:
            return self.models.directions[wanted.words]
        if wanted.mode == UNIVERSAL:
            return self.models.universal.prompted(wanted.words, self._text_code)
        return self.library[wanted.words].prompted(wanted.words)


def _blended(edits: Sequence[PreparedEdit], label: str, callback: ProgressCallback | None) -> list[EditResult]:
    results = []
    for edit in edits:
        results.append(blend(edit))
        if callback:
            callback(Progress(label, len(results) / len(edits)))
    return results


def load_editor(
    stack: str | Stack = DEFAULT_STACK,
    device: str = "auto",
    progress: Callable[[str, float], None] | None = None,
    edits: Sequence[Path] = (),
    generator_file: Path | None = None,
    **slots: str | None,
) -> FaceEditor:
    """Load (at first: fetch and convert) the weights that editing with a stack needs.

    Args:
        stack: a name, one of `STACKS`, or a stack made by `mcaclip.config.choose`.
        device: "auto", "cpu", "cuda", "mps".
        progress: gets words and a fraction 0..1.
        edits: files of fitted edits or of a universal network, to use beside those that are found.
        generator_file: a StyleGAN2 of your own, in the layout of rosinality/stylegan2-pytorch, as the generator.
        slots: with a name, other choices for some slots: `clip="ViT-B-32-quickgelu"` (see `mcaclip.config.SLOTS`).

    Raises:
        StudioError: unknown stack, slot or choice.
        WeightsError: a file is missing or damaged.
    """
    chosen = choose(stack, **slots) if isinstance(stack, str) else stack
    if generator_file is not None:
        chosen = with_generator_file(chosen, generator_file)
    on = choose_device(device)
    names = (*chosen.weights(), LANDMARKS, PHOTO_PARSER)
    for index, name in enumerate(names):
        weights.get(name, progress)
        if progress:
            progress(f"loading {name}", (index + 1) / len(names))
    pair, identity = loading.load_generator(chosen, on), loading.load_identity(chosen, on)
    parser = FaceParser.load(weights.get(PHOTO_PARSER), on) if chosen.knows_faces else None
    universal = loading.universal_of(chosen, pair.full, on, [path for path in edits if is_universal(path)])
    models = EditorModels(
        generator=pair.full,
        preview=pair.preview,
        start=loading.load_start(chosen, on, pair.preview, identity),
        complete=loading.load_complete(chosen, on, pair.preview),
        identity=identity,
        aligner=align.FaceAligner(weights.get(LANDMARKS)),
        space=loading.load_space(chosen, on),
        library=loading.library_of(chosen, pair.full, on, [path for path in edits if not is_universal(path)]),
        wish=loading.wishes_of(loading.home_of(chosen) if universal.there else chosen),
        universal=universal,
        prompts=load_prompts(),
        photo_parser=parser,
        directions=loading.directions_of(chosen, parser, on),
    )
    return FaceEditor(models, chosen, on)
