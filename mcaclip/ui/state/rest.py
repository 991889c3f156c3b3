"""A tab's state at rest: without the pictures that can be computed again, and with painted masks packed.

A face in use holds some 50 to 150 MB. At rest it is its photo's file, the crop's corners, the latent code and the
settings of its edits. All pictures come back bit for bit, because they are functions of these.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import StudioError
from mcaclip.imaging import align
from mcaclip.imaging.photo import load_photo
from mcaclip.types import AlignedFace, EditResult, Inversion, Paint
from mcaclip.ui.display import text
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.session import MAX_FACES, CancelToken, Session

NOTHING = torch.empty(0)
NO_PIXELS = np.empty(0, np.uint8)


def at_rest(session: Session) -> Session:
    """The session without its pictures; `awake` brings them back."""
    session = _with_paint(session, _deflated)
    aligned = session.aligned
    return replace(
        session,
        photo=None if session.photo is None else NO_PIXELS,
        aligned=None if aligned is None else replace(aligned, image=NOTHING, valid=NO_PIXELS, photo=NO_PIXELS),
        inversion=None if session.inversion is None else _without_pictures(session.inversion),
        result=None,
        history=tuple(replace(entry, result=None) for entry in session.history),
    )


def awake(session: Session, editor: EditorProtocol) -> Session:
    """The session with its photo, crop, reconstruction and the edit that is shown, computed again.

    Raises:
        StudioError: the photo's file is gone, or the edit can no longer be made.
    """
    session = _with_paint(session, _inflated)
    if session.photo is not None:
        if session.photo_file is None or not session.photo_file.is_file():
            raise StudioError(text.TAB_GONE)
        session = replace(session, photo=load_photo(session.photo_file))
    if session.aligned is not None and session.photo is not None:
        face = session.aligned
        session = replace(session, aligned=cropped(session.photo, face.quad, face.landmarks))
    if session.inversion is not None:
        photo = None if session.aligned is None else session.aligned.image
        made = editor.reconstruct(session.inversion.w_plus, residual=session.inversion.residual)
        awake = replace(session.inversion, reconstruction=made.reconstruction, photo=photo)
        session = replace(session, inversion=awake)
        if 0 <= session.at < len(session.history):
            entry = session.history[session.at]
            assert session.inversion is not None
            entry = replace(entry, result=editor.render(session.inversion, editor.resolve(entry.settings)))
            history = (*session.history[: session.at], entry, *session.history[session.at + 1 :])
            session = replace(session, history=history, result=entry.result)
    return session


def shelved(session: Session) -> Session:
    """A tab that is ready for another face, with the one on the stage, if there is any, on the shelf."""
    if session.inversion is None:
        return session.restarted()
    kept = replace(at_rest(session), shelf=(), running=CancelToken(), learning=None, wanted=None, waiting=None)
    return replace(session.restarted(), shelf=(*session.shelf, kept)[-(MAX_FACES - 1) :])


def taken(session: Session, number: int, editor: EditorProtocol) -> Session:
    """The face `number` of the shelf on the stage, and the one on the stage on the shelf.

    Raises:
        StudioError: there is no such face, or its photo is gone.
    """
    wanted = next((other for other in session.shelf if other.number == number), None)
    if wanted is None:
        raise StudioError(text.NO_SUCH_EDIT)
    rest = replace(session, shelf=tuple(other for other in session.shelf if other is not wanted))
    tab = shelved(rest)
    own = replace(wanted, shelf=tab.shelf, client=tab.client, key=tab.key, folder=tab.folder, marked=tab.marked)
    return awake(replace(own, consented=tab.consented), editor)


def size_of(session: Session) -> int:
    """Bytes of everything that `at_rest` drops."""
    total = 0 if session.photo is None else session.photo.nbytes
    if session.aligned is not None:
        total += session.aligned.image.nbytes + session.aligned.valid.nbytes
    if session.inversion is not None:
        total += session.inversion.reconstruction.nbytes
    results = {id(r): r for r in (session.result, *(entry.result for entry in session.history)) if r is not None}
    return total + sum(map(_size_of_result, results.values()))


def _without_pictures(inversion: Inversion) -> Inversion:
    return replace(inversion, reconstruction=NOTHING, photo=None)


def _size_of_result(result: EditResult) -> int:
    generated = 0 if result.generated is None else result.generated.nbytes
    return generated + result.image.nbytes + result.combined_mask.nbytes + sum(mask.nbytes for mask in result.masks)


def cropped(photo: np.ndarray, quad: np.ndarray | None, landmarks: np.ndarray | None = None) -> AlignedFace:
    """The face of a photo `uint8 [H, W, 3]` at known corners; see `AlignedFace`."""
    if quad is None:
        return align.already_aligned(photo)
    crop, valid = align.crop_quad(photo, quad, align.ALIGNED_SIZE)
    return AlignedFace(crop, quad, valid, landmarks, photo)


def _with_paint(session: Session, change: Callable[[Tensor], Tensor]) -> Session:
    """The session with all painted masks changed. Edits that share a painting go on sharing it."""
    changed: dict[int, Paint] = {}

    def of(paint: Paint | None) -> Paint | None:
        if paint is None:
            return None
        if id(paint) not in changed:
            masks = (None if mask is None else change(mask) for mask in (paint.allow, paint.include))
            changed[id(paint)] = Paint(*masks)
        return changed[id(paint)]

    history = (replace(e, settings=replace(e.settings, paint=of(e.settings.paint))) for e in session.history)
    return replace(session, history=tuple(history), paint=of(session.paint))


def _deflated(mask: Tensor) -> Tensor:
    """A mask as the compressed bytes of its numbers; a painted one shrinks by a factor of hundreds."""
    if mask.dtype == torch.uint8:  # packed already
        return mask
    return torch.frombuffer(
        bytearray(zlib.compress(mask.float().contiguous().numpy().tobytes(), 1)), dtype=torch.uint8
    )


def _inflated(mask: Tensor) -> Tensor:
    if mask.dtype != torch.uint8:
        return mask
    values = torch.frombuffer(bytearray(zlib.decompress(mask.numpy().tobytes())), dtype=torch.float32)
    side = round(len(values) ** 0.5)
    return values.view(1, side, side)
