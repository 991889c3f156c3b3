"""Degradations that make a generated picture look like a photo, for the inversion encoder's inputs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Image = np.ndarray
"""`uint8 [S, S, 3]`, RGB."""


@dataclass(frozen=True)
class Degradation:
    """Strength and probability of each kind.

    Attributes:
        shift: largest misplacement of the crop, as a share of its side.
        scale: largest relative error of the crop's size.
        turn: largest rotation in degrees.
        exposure: largest relative change of brightness; contrast and gamma change as much.
        cast: standard deviation of the colour cast in grey levels.
        often: probability of each of blur, small face, noise and JPEG.
        occluder: probability of a patch over part of the picture.
    """

    shift: float = 0.02
    scale: float = 0.03
    turn: float = 2.0
    exposure: float = 0.15
    cast: float = 4.0
    often: float = 0.4
    occluder: float = 0.15


MILD = Degradation(0.01, 0.015, 1.0, 0.06, 2.0, 0.2, 0.0)
STRONG = Degradation()


def degrade(image: Image, rng: np.random.Generator, how: Degradation) -> Image:
    """One degraded copy of a picture."""
    image = _misalign(image, rng, how)
    if rng.random() < how.occluder:
        image = _occlude(image, rng)
    image = _expose(image, rng, how)
    size = image.shape[0]
    if rng.random() < how.often:
        small = int(rng.integers(size // 6, size))
        tiny = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(tiny, (size, size), interpolation=cv2.INTER_LINEAR)
    if rng.random() < how.often:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 2.0)))
    if rng.random() < how.often:
        noise = rng.normal(0, rng.uniform(2, 12), image.shape)
        image = (image + noise).round().clip(0, 255).astype(np.uint8)
    if rng.random() < how.often:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return image


def _misalign(image: Image, rng: np.random.Generator, how: Degradation) -> Image:
    size = image.shape[0]
    angle, scale = rng.uniform(-how.turn, how.turn), 1 + rng.uniform(-how.scale, how.scale)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), angle, scale)
    matrix[:, 2] += rng.uniform(-how.shift, how.shift, 2) * size
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _expose(image: Image, rng: np.random.Generator, how: Degradation) -> Image:
    unit = image.astype(np.float32) / 255
    unit = unit ** np.float32(1 + rng.uniform(-how.exposure, how.exposure))
    contrast, gain = 1 + rng.uniform(-how.exposure, how.exposure, 2)
    unit = ((unit - 0.45) * contrast + 0.45) * gain + rng.normal(0, how.cast / 255, 3)
    return (unit * 255).round().clip(0, 255).astype(np.uint8)


def _occlude(image: Image, rng: np.random.Generator) -> Image:
    """An ellipse of one colour with a soft edge, like a hand or a microphone."""
    size = image.shape[0]
    centre = tuple(int(v) for v in rng.uniform(0.1, 0.9, 2) * size)
    axes = tuple(int(v) for v in rng.uniform(0.04, 0.2, 2) * size)
    mask = np.zeros((size, size), np.float32)
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 2))[..., None]
    colour = rng.integers(20, 235, 3)
    return (image * (1 - soft) + colour * soft).round().clip(0, 255).astype(np.uint8)
