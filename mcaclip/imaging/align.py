"""Finds faces, crops them as FFHQ does, and pastes edits back by the exact inverse.

Points and quads follow dlib and FFHQ: an integer coordinate is the *centre* of a pixel, so the photo spans
-0.5 .. width - 0.5. A crop of side S maps its pixel centre (i + 0.5) / S linearly onto the quad's sides.

Source: V. Kazemi and J. Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees",
CVPR 2014 (landmarks); T. Karras et al., "A Style-Based Generator Architecture for Generative Adversarial
Networks", CVPR 2019, appendix A (alignment of FFHQ).
"""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import NamedTuple

import cv2
import dlib
import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import ImageError, NoFaceError, WeightsError
from mcaclip.imaging.photo import load_photo
from mcaclip.imaging.resample import resample
from mcaclip.types import AlignedFace, DetectedFace, from_uint8

__all__ = ["FaceAligner", "align_face", "already_aligned", "ffhq_quad", "load_photo", "paste_back"]

ALIGNED_SIZE = 1024
"""Side in pixels of an aligned face."""

MIN_QUAD_SIDE = 16.0
"""Side in photo pixels of the smallest crop; dlib finds faces of 20 px, whose crops are twice as large."""
MAX_QUAD_SIDE = 4.0
"""Of the largest crop, as a multiple of the photo's longer side; where only half a face is in the photo it is 2.4."""
MAX_REGION = 24_000_000
"""A photo is reduced until the crop and its padding have no more pixels than this (290 MB as floats)."""

_NO_CROP = "The crop is not a square around a face in the photo. Let the face be found again."

# dlib's detector looks for faces of 80 px; doubling the image (one upsampling) finds those of 40 px.
_FIRST_PASS_SIDE = 1280  # longest side of the copy that is searched first
_SECOND_PASS_SIDE = 2000  # when that finds none
_SMALL_PHOTO_SIDE = 1000  # photos up to here are searched again at four times their size
_SURE = 0.7  # detector's score: of portraits, nearly all upright faces have more, and no face upside down
_TILTS = {3: -30.0, 4: 30.0}  # two of the detector's five parts know faces that are tilted by about this much
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

        Large photos are searched on a reduced copy (faces of about 1/30 of the longest side and more are
        found); only when that shows no face, a finer search follows. The detector and the landmarks know
        upright faces only (turned by some 40 degrees at most), so that a photo without an upright face is
        searched again in its three other quarter turns, and the turn with the surest face counts. The same
        happens when all upright faces are doubtful, for a face upside down can pass for a doubtful one; they
        are given up only for a sure face.

        Args:
            photo: `uint8 [H, W, 3]`, RGB.

        Returns:
            All faces found, largest first; empty when there is none. Boxes and landmarks are in pixels of
            the photo as it was given: those of a lying face lie as well, and its crop is upright.
        """
        photo = np.ascontiguousarray(photo, dtype=np.uint8)  # dlib takes nothing else
        found = self._look(photo)
        turned = np.ascontiguousarray(np.rot90(photo, found.turns))
        boxes = sorted(found.boxes, key=lambda box: box.rectangle.width() * box.rectangle.height(), reverse=True)
        return [_turned_back(self._describe(turned, box), found.turns, photo.shape) for box in boxes]

    def _look(self, photo: np.ndarray) -> _Found:
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
            turned = self._search_turned(photo, longest_side, upsamplings)
            if turned.score >= _SURE or (turned.boxes and not upright.boxes):
                return turned
        return upright

    def _search_turned(self, photo: np.ndarray, longest_side: int, upsamplings: int) -> _Found:
        """The quarter turn that shows the surest face."""
        return max((self._search(photo, longest_side, upsamplings, turns) for turns in (1, 2, 3)), key=_score)

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


def _score(found: _Found) -> float:
    return found.score


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
    """Aligns one face of a photo.

    Args:
        photo: `uint8 [H, W, 3]`, RGB.
        aligner: detector and landmarks.
        index: which face, 0 is the largest.

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
    """Takes a square photo as an aligned face as it is.

    Args:
        photo: `uint8 [S, S, 3]`, RGB.

    Returns:
        The photo resized to 1024 px, all of it valid, quad None.

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


def crop_quad(photo: np.ndarray, quad: np.ndarray, size: int) -> tuple[Tensor, np.ndarray]:
    """Cuts an oriented square out of a photo, padded softly where it leaves the photo.

    Args:
        photo: `uint8 [H, W, 3]`.
        quad: `[4, 2]` in photo pixels, a square.
        size: side of the crop.

    Returns:
        The crop, `float32 [3, size, size]` in [-1, 1], and `bool [size, size]`, True where it shows the
        photo itself.

    Raises:
        ImageError: see `check_quad`; or the photo is too narrow to be reduced as far as the crop needs.
    """
    check_quad(quad, photo.shape[1], photo.shape[0])
    valid = _inside_photo(quad, size, photo.shape[1], photo.shape[0])
    region, quad = _cut_region(*_shrink(photo, quad, size))
    # Sampled at least twice as densely as the crop's pixels and as densely as the photo's: no aliasing.
    fine = max(2, math.ceil(np.hypot(*(quad[3] - quad[0])) / size))
    source = torch.from_numpy(region).permute(2, 0, 1)
    axes = np.stack([quad[3] - quad[0], quad[1] - quad[0]]) / size
    first = quad[0] + axes.sum(axis=0) / 2
    strips = [strip for _, strip in resample(source, first, axes, (size, size), fine, whole_numbers=True)]
    return (torch.cat(strips, dim=1) / 127.5 - 1).clamp(-1, 1), valid


def check_quad(quad: np.ndarray, width: int, height: int) -> None:
    """Checks that a quad is one that `ffhq_quad` can give for a face in a photo of this size.

    Raises:
        ImageError: it is no square `[4, 2]` with its corners in order (top left, bottom left, bottom right, top
            right), smaller than `MIN_QUAD_SIDE`, larger than `MAX_QUAD_SIDE`, or its centre is more than half its
            side outside of the photo.
    """
    quad = np.asarray(quad)
    right = quad.shape == (4, 2) and bool(np.isfinite(quad).all()) and bool(np.abs(quad).max() < 1e8)
    if right:
        across = quad[3] - quad[0]
        down = np.array([-across[1], across[0]])
        side, center = np.hypot(*across), quad.mean(axis=0)
        square = quad[0] + np.stack([np.zeros(2), down, across + down, across])
        outside = np.maximum(-0.5 - center, center - np.array([width, height]) + 0.5)
        right = (
            MIN_QUAD_SIDE <= side <= MAX_QUAD_SIDE * max(width, height)
            and bool(np.abs(quad - square).max() <= 1e-3 * side)
            and bool(outside.max() <= side / 2)
        )
    if not right:
        raise ImageError(_NO_CROP)


def crop_mask(mask: np.ndarray, quad: np.ndarray, size: int = ALIGNED_SIZE) -> Tensor:
    """Cuts out of a mask over a photo what `crop_quad` cuts out of the photo; its edge goes on beyond the photo.

    Args:
        mask: `uint8 [H, W]`.
        quad: `[4, 2]` in photo pixels, a square.
        size: side of the crop.

    Returns:
        `float32 [1, size, size]` in [0, 1].
    """
    mask, quad = _shrink(mask, quad, size)
    border = 4  # more than a bilinear sample reaches
    limits = np.array([mask.shape[1], mask.shape[0]])
    left, top = np.clip(np.floor(quad.min(axis=0)).astype(int) - border, 0, limits - 1)
    right, bottom = np.clip(np.ceil(quad.max(axis=0)).astype(int) + border, [left + 1, top + 1], limits)
    region, quad = np.ascontiguousarray(mask[top:bottom, left:right]), quad - [left, top]
    # twice as dense as the crop, then averaged: no aliasing
    fine = 2 * size
    axes = np.stack([quad[3] - quad[0], quad[1] - quad[0]]) / fine
    to_mask = np.column_stack([axes.T, quad[0] + axes.sum(axis=0) / 2])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpAffine(region, to_mask, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    crop = cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(crop)[None].float() / 255


def _shrink(photo: np.ndarray, quad: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Reduces a photo in which the face is more than four times as large as its crop needs, or takes more memory
    than `MAX_REGION`. Raises ImageError."""
    low, high, pads = _region(quad, photo.shape[1], photo.shape[0])
    pixels = np.prod((high - low + pads[:2] + pads[2:]).astype(np.float64))
    factor = max(int(np.hypot(*(quad[3] - quad[0])) // (2 * size)), math.ceil(math.sqrt(pixels / MAX_REGION)))
    if factor <= 1:
        return photo, quad
    before = np.array([photo.shape[1], photo.shape[0]])
    if factor > before.min():
        raise ImageError(_NO_CROP)
    after = before // factor
    reduced = cv2.resize(photo, (int(after[0]), int(after[1])), interpolation=cv2.INTER_AREA)
    return reduced, (quad + 0.5) * after / before - 0.5


def _region(quad: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of a photo around a quad: its corners (left, top) and (right, bottom), and the padding that it needs
    at the left, top, right and bottom, all 0 or all positive."""
    side = float(np.hypot(*(quad[3] - quad[0])))
    border = max(round(0.1 * side), 3)
    low = np.floor(quad.min(axis=0)).astype(int) - border
    high = np.ceil(quad.max(axis=0)).astype(int) + border
    pads = np.array([*(-low), *(high - [width, height])]).clip(0)
    pads = np.maximum(pads, round(0.3 * side)) if pads.max() > border - 4 else np.zeros(4, int)
    first = np.clip(low, 0, [width - 1, height - 1])
    return first, np.clip(high, first + 1, [width, height]), pads


def _cut_region(photo: np.ndarray, quad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of the photo around the quad, padded if need be: `float32 [h, w, 3]`, and the quad in it."""
    (left, top), (right, bottom), pads = _region(quad, photo.shape[1], photo.shape[0])
    region, quad = photo[top:bottom, left:right], quad - [left, top]
    if not pads.any():
        return region.astype(np.float32), quad
    sigma = 0.02 * float(np.hypot(*(quad[3] - quad[0])))
    return _pad_softly(region, pads, sigma), quad + pads[:2]


def _inside_photo(quad: np.ndarray, size: int, width: int, height: int) -> np.ndarray:
    """`bool [size, size]`: which crop pixels have their centre in the photo."""
    steps = (np.arange(size) + 0.5) / size
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    x = quad[0, 0] + steps[None, :] * across[0] + steps[:, None] * down[0]
    y = quad[0, 1] + steps[None, :] * across[1] + steps[:, None] * down[1]
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def _pad_softly(region: np.ndarray, pads: np.ndarray, sigma: float) -> np.ndarray:
    """Reflects the region's edges outwards, ever more blurred and at last in the median colour.

    Args:
        region: `uint8 [h, w, 3]`.
        pads: left, top, right, bottom in pixels, all positive.
        sigma: of the blur in pixels.

    Returns:
        `float32 [h', w', 3]`, in whole numbers.
    """
    left, top, right, bottom = (int(pad) for pad in pads)
    padded = np.pad(region, ((top, bottom), (left, right), (0, 0)), mode="reflect").astype(np.float32)
    height, width = padded.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    # 1 at the outer edge, 0 where the photo begins, negative inside.
    columns = 1 - np.minimum(x / left, (width - 1 - x) / right)
    rows = 1 - np.minimum(y / top, (height - 1 - y) / bottom)
    outwards = np.maximum(columns[None, :], rows[:, None])
    blurring, fading = np.clip(3 * outwards + 1, 0, 1), np.clip(outwards, 0, 1)  # the blur begins inside the photo
    for channel in range(3):  # one at a time takes a third of the memory
        plane = np.ascontiguousarray(padded[:, :, channel])
        blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        plane += (blurred - plane) * blurring
        plane += (np.median(plane) - plane) * fading
        padded[:, :, channel] = np.clip(np.rint(plane), 0, 255)
    return padded


def paste_back(aligned: AlignedFace, image: Tensor, mask: Tensor) -> np.ndarray:
    """Puts an edited crop back into its photo.

    What is added to the photo is the *difference* between the edited and the aligned crop, times the mask,
    through the inverse of the crop's similarity. So photo detail finer than the crop survives, and photo
    pixels outside the mask, or where the edit changed nothing, stay bit-identical. Crop pixels that came
    from padding are never pasted. Towards the border of a crop (its last 1/32) the edit fades out, so that
    an edit which the crop cuts off shows no straight edge.

    Args:
        aligned: from `FaceAligner.align` or `already_aligned`.
        image: `float32 [3, S, S]` in [-1, 1], S as in `aligned`.
        mask: `float32 [1, S, S]` in 0..1, feathered by the caller; 1 takes the edit.

    Returns:
        `uint8 [H, W, 3]`, the photo with the edit in it, a fresh array.
    """
    size = aligned.image.shape[-1]
    if image.shape != (3, size, size) or mask.shape != (1, size, size):
        raise ValueError(f"image and mask must be [3, {size}, {size}] and [1, {size}, {size}]")
    result = aligned.photo.copy()
    valid = torch.from_numpy(aligned.valid)[None].float()
    weight = mask.detach().float().cpu().clamp(0, 1) * valid
    if aligned.quad is None:
        quad = _whole_photo(result)
    else:
        quad, weight = aligned.quad, weight * _border_fade(size)
    if not weight.any():
        return result
    difference = (image.detach().float().cpu().clamp(-1, 1) - aligned.image) * 127.5 * weight

    to_photo = np.stack([quad[3] - quad[0], quad[1] - quad[0]]) / size  # rows: one crop pixel right, down
    left, top, right, bottom = _photo_box(weight[0], quad[0], to_photo, result.shape)
    axes = np.linalg.inv(to_photo)  # rows: one photo pixel right, down, in crop pixels
    first = (np.array([left, top]) - quad[0]) @ axes - 0.5
    fine = max(1, math.ceil(np.hypot(*axes[0])))
    layers = torch.cat([difference, valid])
    for row, strip in resample(layers, first, axes, (bottom - top, right - left), fine):
        # Divided by the share of valid samples, so that the photo's own rim is not pasted half.
        change = (strip[:3] / strip[3:].clamp(min=1e-3)).permute(1, 2, 0).numpy()
        target = result[top + row : top + row + strip.shape[1], left:right]
        target[:] = np.clip(np.rint(target + change), 0, 255)
    return result


def _whole_photo(photo: np.ndarray) -> np.ndarray:
    """The quad that an already aligned photo fills."""
    right, bottom = photo.shape[1] - 0.5, photo.shape[0] - 0.5
    return np.array([(-0.5, -0.5), (-0.5, bottom), (right, bottom), (right, -0.5)])


def _border_fade(size: int) -> Tensor:
    """`[size, size]`: 1 inside, down to 0 along the last 1/32 at every side."""
    place = torch.arange(size, dtype=torch.float32)
    ramp = (torch.minimum(place, size - 1 - place) * 32 / size).clamp(max=1)
    return torch.minimum(ramp[:, None], ramp[None, :])


def _photo_box(
    weight: Tensor, corner: np.ndarray, to_photo: np.ndarray, photo_shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the photo pixels that a crop's non-zero weight `[S, S]` can touch."""
    rows, columns = (weight.any(dim=axis).nonzero() for axis in (1, 0))
    # One crop pixel more at every side: bilinear samples reach that far.
    ends = [(int(found[0]) - 1, int(found[-1]) + 2) for found in (columns, rows)]
    spots = corner + np.array([(x, y) for x in ends[0] for y in ends[1]]) @ to_photo
    limits = [photo_shape[1], photo_shape[0]]
    left, top = np.clip(np.floor(spots.min(axis=0)).astype(int) - 1, 0, limits)
    right, bottom = np.clip(np.ceil(spots.max(axis=0)).astype(int) + 2, 0, limits)
    return int(left), int(top), int(right), int(bottom)
