"""The public endpoints: `align`, `invert`, `sample`, `edit`. Small outputs, no state between calls.

What one call needs of another travels as a session file, so that nothing of a visitor stays here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from mcaclip import align, keep, session_file, validate, visuals
from mcaclip.editing.mask_tools import load_mask
from mcaclip.errors import StudioError, WeightsError
from mcaclip.output import describe_settings
from mcaclip.types import AlignedFace, EditSettings, Inversion, Paint, PromptStrength
from mcaclip.ui import images, text
from mcaclip.ui.controls import AUTOMATIC, mode_of
from mcaclip.ui.face_handlers import checked_seed, checked_truncation, saved_session
from mcaclip.ui.loading import EditorSource
from mcaclip.ui.session import Session
from mcaclip.ui.wiring import MODEL_QUEUE, toasts

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

LOAD_SECONDS = 600.0
Answer = Iterator[tuple[Any, ...]]


class Endpoints:
    """What the endpoints do.

    Args:
        source: of the editor.
        root: an existing folder; every call works in a folder of its own in it, which is removed at its end.
    """

    def __init__(self, source: EditorSource, root: Path):
        self.source = source
        self.root = root

    def align(self, photo: str, face: float) -> Answer:
        """Crop one face of a photo; face 0 is the largest. Returns the 1024 px crop and what was found."""
        with self._work() as (editor, folder):
            pixels, aligned = _aligned(editor, photo, face)
            found = [list(one.box) for one in editor.find_faces(pixels)]
            quad = None if aligned.quad is None else aligned.quad.tolist()
            yield _png(aligned, folder), {"faces": found, "face": int(face), "quad": quad}

    def invert(self, photo: str, face: float, effort: str) -> Answer:
        """Reconstruct one face of a photo. Returns the picture, a session file for `edit`, and figures."""
        validate.check_effort(effort)
        with self._work() as (editor, folder):
            pixels, aligned = _aligned(editor, photo, face)
            kept = session_file.photo_bytes(pixels, _given(photo).read_bytes())
            inversion = editor.invert(aligned, effort)
            session = Session(images.file_stem(photo), photo_file=kept, aligned=aligned, inversion=inversion)
            yield self._face(editor, session, inversion, folder)

    def sample(self, seed: float, truncation: float) -> Answer:
        """Make a face that does not exist. Returns the picture, a session file for `edit`, and figures."""
        number, psi = checked_seed(seed), checked_truncation(truncation)
        with self._work() as (editor, folder):
            inversion = editor.sample(number, psi)
            yield self._face(editor, Session(f"seed_{number}", inversion=inversion), inversion, folder)

    def edit(
        self,
        session: str,
        prompt: str,
        strength: float,
        threshold: float,
        mask: str | None,
        mode: str | None = AUTOMATIC,
    ) -> Answer:
        """Edit the face of a session file. Several prompts are separated by semicolons, each may carry its strength
        after a colon: "green lipstick; purple hair:0.7". The mask is white where the edit is allowed. The mode is
        automatic, universal (one network for any prompt) or fitted. Returns the picture, where it changed, a session
        file to go on with, and figures."""
        parts = validate.split_prompts([p for p in (prompt or "").split(";") if p.strip()], strength)
        wanted = EditSettings(
            parts[0][0],
            mask_threshold=validate.check_threshold(threshold),
            mode=validate.check_mode(mode_of(mode)),
        )
        if mask:
            wanted = replace(wanted, paint=Paint(allow=load_mask(Path(mask))))
        with self._work() as (editor, folder):
            saved = session_file.read_session(_given(session))
            settings = editor.check_settings(wanted.with_parts([PromptStrength(*part) for part in parts]))
            inversion = editor.reconstruct(saved.w_plus, saved.identity)
            result = editor.edit(inversion, settings)
            record = {**describe_settings(settings), "face": saved.name}
            keep.write_png(folder / "edited.png", keep.mark(images.shown(result.image)), record)
            overlay = visuals.overlay(inversion.reconstruction, result.combined_mask)
            keep.write_png(folder / "overlay.png", overlay, record)
            kept = replace(saved, edits=session_file.latest_edits((*saved.edits, settings)))
            kept = replace(kept, current=len(kept.edits) - 1, weights=editor.weight_hashes())
            session_file.write_session(folder / "session.safetensors", kept)
            areas = {
                name: round(float(layer.mean()), 4)
                for name, layer in zip(result.mask_names, result.masks, strict=True)
            }
            seconds = round(result.seconds, 2)
            made = {"modes": list(result.modes), "identity": result.identity, "seconds": seconds}
            figures = {**record, **made, "notes": list(result.notes), "mask_area": areas}
            yield (
                str(folder / "edited.png"),
                str(folder / "overlay.png"),
                str(folder / "session.safetensors"),
                figures,
            )

    def _face(self, editor: FaceEditor, session: Session, inversion: Inversion, folder: Path) -> tuple[Any, ...]:
        path = folder / "session.safetensors"
        session_file.write_session(path, saved_session(session, editor.weight_hashes()))
        picture = images.screen_file(images.shown(inversion.reconstruction), folder, "face")
        identity = None if inversion.identity is None else round(inversion.identity, 4)
        return picture, str(path), {"name": session.name, "identity": identity, "words": text.likeness(identity)}

    @contextmanager
    def _work(self) -> Iterator[tuple[FaceEditor, Path]]:
        """The editor, and a folder that is gone afterwards. Raises WeightsError."""
        editor = self.source.wait(LOAD_SECONDS)
        if editor is None:
            raise WeightsError("The models are still loading; try again in a minute.")
        with tempfile.TemporaryDirectory(prefix="call-", dir=self.root) as folder:
            yield editor, Path(folder)


def connect(endpoints: Endpoints) -> None:
    """Adds the endpoints to the page that is being built; nothing of them is seen on it."""
    with gr.Column(visible=False):
        photo, face = gr.File(label="photo"), gr.Number(0, label="face", precision=0)
        effort = gr.Radio(list(validate.EFFORTS), value="good", label="effort")
        seed, psi = gr.Number(0, label="seed", precision=0), gr.Number(0.7, label="truncation")
        session, mask = gr.File(label="session"), gr.File(label="mask")
        prompt, strength = gr.Textbox(label="prompt"), gr.Number(1.0, label="strength")
        threshold = gr.Number(0.0, label="threshold")
        mode = gr.Radio([AUTOMATIC, *validate.MODES], value=AUTOMATIC, label="mode")
        picture, overlay = gr.Image(label="picture", type="filepath"), gr.Image(label="overlay", type="filepath")
        kept, figures = gr.File(label="session"), gr.JSON(label="figures")
        _endpoint("align", endpoints.align, [photo, face], [picture, figures])
        _endpoint("invert", endpoints.invert, [photo, face, effort], [picture, kept, figures])
        _endpoint("sample", endpoints.sample, [seed, psi], [picture, kept, figures])
        inputs = [session, prompt, strength, threshold, mask, mode]
        _endpoint("edit", endpoints.edit, inputs, [picture, overlay, kept, figures])


def _endpoint(name: str, work: Callable[..., Answer], inputs: list[Any], outputs: list[Any]) -> None:
    def call(*values: Any) -> Answer:
        with toasts():
            yield from work(*values)

    gr.Button(visible=False).click(
        call,
        inputs=inputs,
        outputs=outputs,
        api_name=name,
        api_description=re.sub(r"\s+", " ", work.__doc__ or ""),
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
    )


def _aligned(editor: FaceEditor, photo: str, face: float) -> tuple[Any, AlignedFace]:
    pixels = align.load_photo(_given(photo))
    if face < 0:
        raise StudioError("The face number starts at 0, the largest face.")
    return pixels, editor.align(pixels, int(face))


def _given(path: str | None) -> Path:
    if not path:
        raise StudioError("A file is missing; pass it with gradio_client's handle_file.")
    return Path(path)


def _png(aligned: AlignedFace, folder: Path) -> str:
    return images.screen_file(images.shown(aligned.image), folder, "aligned")
