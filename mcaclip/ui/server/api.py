"""The public endpoints: `align`, `invert`, `sample`, `edit`. Small outputs, no state between calls.

What one call needs from another travels as a session file, so that nothing of a visitor stays on the server.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.editing.mask_tools import load_mask
from mcaclip.errors import StudioError, WeightsError
from mcaclip.imaging import align, visuals
from mcaclip.results import export as keep
from mcaclip.results import session_file
from mcaclip.results.folder import describe_settings
from mcaclip.types import AlignedFace, EditResult, EditSettings, Inversion, Paint, PromptStrength
from mcaclip.ui.display import images, text
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.handlers.binder import MODEL_QUEUE, address_of, toasts, with_request
from mcaclip.ui.handlers.face import (
    DEFAULT_TRUNCATION,
    checked_seed,
    checked_truncation,
    saved_face,
    saved_inversion,
    saved_session,
)
from mcaclip.ui.state.controls import AUTOMATIC, mode_of
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.limits import Limits
from mcaclip.ui.state.session import Session

LOAD_SECONDS = 600.0
MAX_FACE = 1000
Answer = Iterator[tuple[Any, ...]]


class Endpoints:
    """What the endpoints do. Arguments come as a caller sent them and are checked here.

    Args:
        studio: the handlers of the page. Every call works in its own folder below their root, removed at its end.
    """

    def __init__(self, studio: HandlerBase):
        self.studio = studio

    def align(self, photo: object, face: object = 0, consent: object = False) -> Answer:
        """Crop one face of a photo; face 0 is the largest. Consent says that the person in the photo agreed to this.
        Returns the 1024 px crop and what was found."""
        number = _face_number(face)
        with self._work() as (editor, folder):
            pixels, aligned = self._aligned(editor, photo, number, consent)
            found = [list(one.box) for one in editor.find_faces(pixels)]
            quad = None if aligned.quad is None else aligned.quad.tolist()
            picture = images.screen_file(images.shown(aligned.image), folder, "aligned")
            yield picture, {"faces": found, "face": number, "quad": quad}

    def invert(self, photo: object, face: object = 0, effort: object = "good", consent: object = False) -> Answer:
        """Reconstruct one face of a photo. The effort is instant, good or best; consent says that the person in the
        photo agreed to this. Returns the picture, a session file for `edit`, and figures."""
        number, effort = _face_number(face), validate.check_effort(effort)
        with self._work() as (editor, folder):
            _, aligned = self._aligned(editor, photo, number, consent)
            inversion = editor.invert(aligned, effort)
            path = self._file(photo)
            session = Session(images.file_stem(str(path)), aligned=aligned, inversion=inversion, photo_file=path)
            yield self._face(editor, session, inversion, folder)

    def sample(self, seed: object = 0, truncation: object = DEFAULT_TRUNCATION) -> Answer:
        """Make a face that does not exist. Returns the picture, a session file for `edit`, and figures."""
        number, psi = checked_seed(seed), checked_truncation(truncation)
        with self._work() as (editor, folder):
            inversion = editor.sample(number, psi)
            yield self._face(editor, Session(f"seed_{number}", inversion=inversion), inversion, folder)

    def edit(
        self,
        session: object,
        prompt: object,
        strength: object = 1.0,
        threshold: object = 0.0,
        mask: object = None,
        mode: object = AUTOMATIC,
        likeness: object = EditSettings.likeness,
    ) -> Answer:
        """Edit the face of a session file. Several prompts are separated by semicolons, each may carry its strength
        after a colon: "green lipstick; purple hair:0.7". The mask is white where the edit is allowed. The mode is
        automatic, universal (one network for any prompt) or fitted. The likeness, 0 to 1, is how much of a photo's
        own shapes an edit of shapes keeps. Returns the picture, where it changed, a session file to go on with,
        figures, and the photo with the edit in it (nothing for a generated face)."""
        wanted = _settings(prompt, strength, threshold, mode, likeness)
        with self._work() as (editor, folder):
            saved = session_file.read_session(self._file(session))
            aligned = saved_face(saved)
            if mask is not None:
                wanted = replace(wanted, paint=Paint(allow=load_mask(self._file(mask), aligned)))
            request = editor.resolve(wanted)
            inversion = saved_inversion(editor, saved, aligned)
            result = editor.render(inversion, request)
            record = {**describe_settings(request.settings), "face": saved.name}
            pictures = {
                "edited": keep.mark(images.shown(result.image)),
                "overlay": visuals.overlay(inversion.original, result.combined_mask),
            }
            if aligned is not None:
                pictures["pasted"] = keep.mark(align.paste_back(aligned, result.image))
            for name, picture in pictures.items():
                keep.write_png(folder / f"{name}.png", picture, record)
            edits = session_file.latest_edits((*saved.edits, request.settings))
            kept = replace(saved, edits=edits, current=len(edits) - 1, weights=editor.weight_hashes())
            session_file.write_session(folder / "session.safetensors", kept)
            pasted = None if aligned is None else str(folder / "pasted.png")
            paths = (str(folder / name) for name in ("edited.png", "overlay.png", "session.safetensors"))
            yield (*paths, {**record, **_figures(result)}, pasted)

    def _face(self, editor: EditorProtocol, session: Session, inversion: Inversion, folder: Path) -> tuple[Any, ...]:
        path = folder / "session.safetensors"
        session_file.write_session(path, saved_session(session, editor.weight_hashes()))
        picture = images.screen_file(images.shown(inversion.reconstruction), folder, "face")
        figures = {name: _rounded(getattr(inversion, name)) for name in ("identity", "likeness")}
        return picture, str(path), {"name": session.name, **figures, "words": text.likeness(inversion.likeness)}

    def _file(self, value: object) -> Path:
        """Where an uploaded file lies. Raises StudioError."""
        if not value:
            raise StudioError(text.FILE_MISSING)
        return self.studio.tabs.files.given(value, None)

    def _aligned(self, editor: EditorProtocol, photo: object, face: int, consent: object) -> tuple[Any, AlignedFace]:
        if consent is not True:
            raise StudioError(text.CONSENT_ARGUMENT)
        pixels = align.load_photo(self._file(photo))
        return pixels, editor.align(pixels, face)

    @contextmanager
    def _work(self) -> Iterator[tuple[EditorProtocol, Path]]:
        """The editor, and a folder that is gone afterwards. Raises WeightsError."""
        self.studio.tabs.used()
        editor = self.studio.source.wait(LOAD_SECONDS)
        if editor is None:
            raise WeightsError("The models are still loading; try again in a minute.")
        with tempfile.TemporaryDirectory(prefix="call-", dir=self.studio.root) as folder:
            yield editor, Path(folder)


def connect(endpoints: Endpoints) -> None:
    """Adds the endpoints to the page that is being built; nothing of them is seen on it."""
    with gr.Column(visible=False):
        photo, face = gr.File(label="photo"), gr.Number(0, label="face", precision=0)
        effort = gr.Radio(list(validate.EFFORTS), value="good", label="effort")
        seed, psi = gr.Number(0, label="seed", precision=0), gr.Number(DEFAULT_TRUNCATION, label="truncation")
        session, mask = gr.File(label="session"), gr.File(label="mask")
        prompt, strength = gr.Textbox(label="prompt"), gr.Number(1.0, label="strength")
        threshold, consent = gr.Number(0.0, label="threshold"), gr.Checkbox(label="consent")
        mode = gr.Radio([AUTOMATIC, *validate.MODES], value=AUTOMATIC, label="mode")
        picture, overlay = gr.Image(label="picture", type="filepath"), gr.Image(label="overlay", type="filepath")
        kept, figures = gr.File(label="session"), gr.JSON(label="figures")
        pasted = gr.Image(label="pasted", type="filepath")
        add = partial(_add, endpoints.studio.limits)
        add("align", endpoints.align, [photo, face, consent], [picture, figures])
        add("invert", endpoints.invert, [photo, face, effort, consent], [picture, kept, figures])
        add("sample", endpoints.sample, [seed, psi], [picture, kept, figures])
        likeness = gr.Number(EditSettings.likeness, label="likeness")
        asked = [session, prompt, strength, threshold, mask, mode, likeness]
        add("edit", endpoints.edit, asked, [picture, overlay, kept, figures, pasted])


def _add(limits: Limits, name: str, work: Callable[..., Answer], inputs: list[Any], outputs: list[Any]) -> None:
    """An endpoint that counts its callers' requests and reports errors in plain words."""

    def call(request: gr.Request, *values: Any) -> Answer:
        with toasts(html=False):
            limits.compute(address_of(request))
            yield from work(*values)

    gr.Button(visible=False).click(
        with_request(call, work),
        inputs=inputs,
        outputs=outputs,
        api_name=name,
        api_description=re.sub(r"\s+", " ", work.__doc__ or ""),
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        preprocess=False,
    )


def _settings(prompt: object, strength: object, threshold: object, mode: object, likeness: object) -> EditSettings:
    """The settings of an edit as a caller sent them. Raises StudioError."""
    prompts = [part for part in validate.check_text(prompt, "prompt").split(";") if part.strip()]
    parts = validate.split_prompts(prompts, validate.check_strength(strength))
    threshold, mode = validate.check_threshold(threshold), validate.check_mode(mode_of(mode))
    settings = EditSettings(
        parts[0][0], mask_threshold=threshold, mode=mode, likeness=validate.check_likeness(likeness)
    )
    return settings.with_parts([PromptStrength(*part) for part in parts])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _figures(result: EditResult) -> dict[str, Any]:
    masks = zip(result.mask_names, result.masks, strict=True)
    return {
        "modes": list(result.modes),
        "identity": result.identity,
        "seconds": round(result.seconds, 2),
        "notes": list(result.notes),
        "mask_area": {name: round(float(mask.mean()), 4) for name, mask in masks},
    }


def _face_number(value: object) -> int:
    """Which face of a photo. Raises StudioError."""
    number = validate.check_number(value, "face number", 0, MAX_FACE)
    if number != int(number):
        raise StudioError(f"The face number is {number:g}; use a whole number, 0 for the largest face.")
    return int(number)
