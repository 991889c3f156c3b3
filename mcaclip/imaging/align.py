"""Finds faces and aligns them as FFHQ does; `mcaclip.imaging.crop` does the cutting and the pasting back.

Source: V. Kazemi and J. Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees",
CVPR 2014 (landmarks); T. Karras et al., "A Style-Based Generator Architecture for Generative Adversarial
Networks", CVPR 2019, appendix A (alignment of FFHQ).
"""

from __future__ import annotations

import math
import threading
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import cv2
import dlib
import numpy as np

from mcaclip.errors import ImageError, NoFaceError, WeightsError
from mcaclip.imaging.crop import ALIGNED_SIZE, check_quad, crop_mask, crop_quad, paste_back
from mcaclip.imaging.photo import load_photo
from mcaclip.types import AlignedFace, DetectedFace, from_uint8

__all__ = [
    "ALIGNED_SIZE", "FaceAligner", "align_face", "already_aligned", "check_quad", "crop_mask", "crop_quad",
    "ffhq_quad", "load_photo", "paste_back",
]  # fmt: skip

# dlib's detector looks for faces of 80 px; doubling the image (one upsampling) finds those of 40 px.
_FIRST_PASS_SIDE = 1280  # longest side of the copy that is searched first
_SECOND_PASS_SIDE = 2000  # when that finds none
_SMALL_PHOTO_SIDE = 1000  # photos up to here are searched again at four times their size
_SURE = 0.7  # detector's score: of portraits, nearly all upright faces have more, and no face upside down
_TILTS = {3: -30.0, 4: 30.0}  # two of the detector's five parts detect faces that are tilted by about this much
_LEVEL_SIDE = 400  # a tilted face is measured at this size at most
_LEVELLINGS = 3  # the tilt is known to about a degree then


class FaceAligner:
    """dlib's face detector and 68-point predictor; may be shared by threads.

    Args:
        landmarks_path: `shape_predictor_68_face_landmarks.dat`.

    Raises:
        WeightsError: the landmark file is missing or damaged.
    """

    def __init__(self, landmarks_path: str | Path) -> None:
        try:
            self._predictor = dlib.shape_predictor(str(landmarks_path))
        except RuntimeError as error:
            raise WeightsError(
                f"The landmark model {Path(landmarks_path).name} cannot be read ({error}). "
                "Run `python -m mcaclip doctor`; it says how to get it."
            ) from error
        self._detector = dlib.get_frontal_face_detector()
        # The detector keeps its feature pyramid inside itself: one caller at a time.
        self._lock = threading.Lock()

    def detect(self, photo: np.ndarray) -> list[DetectedFace]:
        """Finds the faces of a photo, upright or lying.

        Large photos are searched on a reduced copy, which shows faces of 1/30 of the longest side and more; a
        finer search follows only when that shows no face. Detector and landmarks handle upright faces only (turned
        by 40 degrees at most), so a photo without one is searched again in its three other quarter turns, and the
        turn with the surest face counts. The same happens when all upright faces are doubtful, since a face upside
        down can pass for a doubtful one; they are given up only for a sure face.

        Args:
            photo: `uint8 [H, W, 3]`, RGB.

        Returns:
            All faces found, largest first; empty when there is none. Boxes and landmarks are in pixels of
            the photo as it was given: those of a lying face lie too, but its crop is upright.
        """
        photo = np.ascontiguousarray(photo, dtype=np.uint8)  # dlib takes nothing else
        found = self._find(photo)
        turned = np.ascontiguousarray(np.rot90(photo, found.turns))
        boxes = sorted(found.boxes, key=lambda box: box.rectangle.width() * box.rectangle.height(), reverse=True)
        return [_turned_back(self._describe(turned, box), found.turns, photo.shape) for box in boxes]

    def _find(self, photo: np.ndarray) -> _Found:
        """The faces that count, and how the photo was turned to find them."""
        plan = _search_plan(max(photo.shape[:2]))
        for step in plan:
            upright = self._search(photo, *step, turns=0)
            if upright.boxes:
                break
        if upright.score >= _SURE:
            return upright
        for longest_side, upsamplings in plan:
            if upsamplings > 1:
                break  # three searches at four times the size take too long
            searches = (self._search(photo, longest_side, upsamplings, turns) for turns in (1, 2, 3))
            turned = max(searches, key=attrgetter("score"))
            if turned.score >= _SURE or (turned.boxes and not upright.boxes):
                return turned
        return upright

    def _search(self, photo: np.ndarray, longest_side: int, upsamplings: int, turns: int) -> _Found:
        """Detector boxes in pixels of `np.rot90(photo, turns)`, found on a copy with at most `longest_side`."""
        height, width = photo.shape[:2]
        scale = min(1.0, longest_side / max(height, width))
        copy = photo
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            copy = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        copy = np.ascontiguousarray(np.rot90(copy, turns))
        with self._lock:
            rectangles, scores, kinds = self._detector.run(copy, upsamplings, 0.0)
        boxes = []
        for rectangle, kind in zip(rectangles, kinds, strict=True):
            if scale < 1:
                sides = (rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom())
                rectangle = dlib.rectangle(*(round(side / scale) for side in sides))
            boxes.append(_Box(rectangle, _TILTS.get(kind, 0.0)))
        return _Found(turns, boxes, max(scores, default=-math.inf))

    def _describe(self, photo: np.ndarray, box: _Box) -> DetectedFace:
        r = box.rectangle
        landmarks = self._tilted_landmarks(photo, box) if box.tilt else self._landmarks(photo, r)
        return DetectedFace(box=(r.left(), r.top(), r.right(), r.bottom()), landmarks=landmarks)

    def _landmarks(self, photo: np.ndarray, rectangle: dlib.rectangle) -> np.ndarray:
        """`[68, 2]` of the upright face in a box, in pixels of this photo."""
        points = self._predictor(photo, rectangle).parts()
        return np.array([(point.x, point.y) for point in points], dtype=np.float64)

    def _tilted_landmarks(self, photo: np.ndarray, box: _Box) -> np.ndarray:
        """`[68, 2]` of a tilted face, predicted on a small copy of it in which its eyes are level."""
        r, tilt = box.rectangle, box.tilt
        scale = min(1.0, _LEVEL_SIDE / r.width())
        center = ((r.left() + r.right()) / 2, (r.top() + r.bottom()) / 2)
        half_width, half_height = r.width() * scale / 2, r.height() * scale / 2
        middle = math.ceil(2 * max(half_width, half_height))
        low, high = (middle - half_width, middle - half_height), (middle + half_width, middle + half_height)
        level_box = dlib.rectangle(*(round(side) for side in (*low, *high)))
        for _ in range(_LEVELLINGS):
            to_level = cv2.getRotationMatrix2D(center, tilt, scale)
            to_level[:, 2] += middle - np.array(center)
            size = (2 * middle + 1, 2 * middle + 1)
            level = cv2.warpAffine(photo, to_level, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
            points = self._landmarks(level, level_box)
            across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
            tilt += math.degrees(math.atan2(across[1], across[0]))
        back = cv2.invertAffineTransform(to_level)
        return points @ back[:, :2].T + back[:, 2]

    def align(self, photo: np.ndarray, face: DetectedFace, size: int = ALIGNED_SIZE) -> AlignedFace:
        """Crops one face as FFHQ does.

        Args:
            photo: `uint8 [H, W, 3]`, RGB.
            face: from `detect`, on the same photo.
            size: side of the crop in pixels.

        Returns:
            The aligned face, `image [3, size, size]`.

        Raises:
            NoFaceError: the landmarks collapse to a point.
        """
        quad = ffhq_quad(face.landmarks)
        crop, valid = crop_quad(photo, quad, size)
        return AlignedFace(image=crop, quad=quad, valid=valid, landmarks=face.landmarks, photo=photo)


class _Box(NamedTuple):
    """A face's box, and by how many degrees the face has to be turned (anticlockwise) to stand upright."""

    rectangle: dlib.rectangle
    tilt: float


class _Found(NamedTuple):
    """What the detector found in a photo that was turned by so many quarter turns (see `np.rot90`)."""

    turns: int
    boxes: list[_Box]
    score: float
    """How sure the surest face is; minus infinity without one."""


def _turned_back(face: DetectedFace, turns: int, shape: tuple[int, ...]) -> DetectedFace:
    """A face of `np.rot90(photo, turns)` in the pixels of the photo, which has this shape."""
    if not turns:
        return face
    middle = (np.array([shape[1], shape[0]]) - 1) / 2
    turned_middle = middle[::-1] if turns % 2 else middle
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns]
    axes = np.array([(cosine, sine), (-sine, cosine)])  # rows: one turned pixel to the right, and down
    corners = (np.reshape(face.box, (2, 2)) - turned_middle) @ axes + middle
    box = (*corners.min(axis=0).astype(int).tolist(), *corners.max(axis=0).astype(int).tolist())
    return DetectedFace(box=box, landmarks=(face.landmarks - turned_middle) @ axes + middle)


def _search_plan(side: int) -> list[tuple[int, int]]:
    """(longest side of the searched copy, doublings) for a photo with this longest side, cheapest first."""
    plan = [(_FIRST_PASS_SIDE, 1)]
    if side > _FIRST_PASS_SIDE:
        plan.append((_SECOND_PASS_SIDE, 1))
    elif side <= _SMALL_PHOTO_SIDE:
        plan.append((_SMALL_PHOTO_SIDE, 2))
    return plan


def align_face(photo: np.ndarray, aligner: FaceAligner, index: int = 0) -> AlignedFace:
    """Aligns face `index` (0 is the largest) of a photo `uint8 [H, W, 3]`.

    Raises:
        NoFaceError: there is no face, or no face of that number.
    """
    faces = aligner.detect(photo)
    if not faces:
        raise NoFaceError(
            "No face was found. Use a photo in which the whole face is seen from the front, upright, "
            "well lit, and at least 64 pixels wide."
        )
    if not 0 <= index < len(faces):
        count = "1 face (number 0)" if len(faces) == 1 else f"{len(faces)} faces (0 to {len(faces) - 1})"
        raise NoFaceError(f"There is no face number {index}: the photo shows {count}, the largest is 0.")
    return aligner.align(photo, faces[index])


def already_aligned(photo: np.ndarray) -> AlignedFace:
    """A square photo `uint8 [S, S, 3]` as an aligned face: resized to 1024 px, all of it valid, without a quad.

    Raises:
        ImageError: the photo is not square.
    """
    height, width = photo.shape[:2]
    if height != width:
        raise ImageError(
            f"An aligned face must be square, this image is {width} x {height}. Let the face be found instead."
        )
    resized = photo
    if width != ALIGNED_SIZE:
        method = cv2.INTER_AREA if width > ALIGNED_SIZE else cv2.INTER_CUBIC
        resized = cv2.resize(photo, (ALIGNED_SIZE, ALIGNED_SIZE), interpolation=method)
    valid = np.ones((ALIGNED_SIZE, ALIGNED_SIZE), dtype=bool)
    return AlignedFace(image=from_uint8(resized), quad=None, valid=valid, landmarks=None, photo=photo)


def ffhq_quad(landmarks: np.ndarray) -> np.ndarray:
    """The oriented square that FFHQ crops around a face.

    Args:
        landmarks: `[68, 2]` in photo pixels.

    Returns:
        `float64 [4, 2]`: top left, bottom left, bottom right, top right.

    Raises:
        NoFaceError: the landmarks collapse to a point.

    Source: Karras et al. 2019, appendix A.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    eye_left, eye_right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    eyes, eye_to_eye = (eye_left + eye_right) / 2, eye_right - eye_left
    eye_to_mouth = (points[48] + points[54]) / 2 - eyes
    # Both vectors say which way is right: the line of the eyes, and the normal of the line to the mouth.
    right = eye_to_eye + np.array([eye_to_mouth[1], -eye_to_mouth[0]])
    length = np.hypot(*right)
    if length < 1e-6:
        raise NoFaceError("The face is too small or hidden to be measured. Use a larger photo of it.")
    half_side = max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eye_to_mouth))
    x = right / length * half_side
    y = np.array([-x[1], x[0]])
    center = eyes + 0.1 * eye_to_mouth
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])
