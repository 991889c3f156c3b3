"""Pictures that state what they are: PNG with embedded settings, a visible mark, strength sweeps as GIF."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from mcaclip import __version__
from mcaclip.platform.atomic import valid_text, written_whole

PNG_LEVEL = 4
"""zlib level: a third of the time of the default for files 2 % larger."""
MARK = "AI-edited"
RECORD_KEY = "mcaclip"
"""Keyword of the PNG text chunk that holds the settings as JSON."""

MAX_COMMENT = 65_000
"""Bytes of a JPEG's comment."""
FRAME_MILLISECONDS = 90
TURN_MILLISECONDS = 700
VIDEO_RATE = 25

_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
    'compositeWithTrainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
)
"""IPTC's machine-readable way to say that a generative model took part."""


def save_png(path: Path, image: np.ndarray, info: PngInfo | None = None) -> None:
    """Writes `uint8 [H, W, 3]` or `[H, W]` as a PNG tagged as sRGB, with the chunks of `info`."""
    info = info or PngInfo()
    info.add(b"sRGB", b"\0")  # 0: rendered perceptually, as photos are
    with written_whole(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG", compress_level=PNG_LEVEL, pnginfo=info)


def write_png(path: Path, image: np.ndarray, record: Mapping[str, Any]) -> None:
    """Writes a picture that shows an edit, with what it was made by.

    The file is marked "AI-edited" in its description and in IPTC's digital source type, holds the record as JSON,
    and is tagged as sRGB.

    Args:
        image: `uint8 [H, W, 3]`.
        record: settings and origin; must be JSON-serialisable.
    """
    info = PngInfo()
    info.add_text("Description", MARK)
    info.add_text("Software", f"MCA-CLIP Studio {__version__}")
    info.add_itxt(RECORD_KEY, _as_text(record))
    info.add_itxt("XML:com.adobe.xmp", _XMP)
    save_png(path, image, info)


def write_jpeg(path: Path, image: np.ndarray, record: Mapping[str, Any], quality: int = 90) -> None:
    """Writes a picture that shows edits as JPEG, marked as by `write_png`; the record is the file's comment.

    Args:
        image: `uint8 [H, W, 3]`.
        record: see `write_png`; left out if it has more than `MAX_COMMENT` bytes as JSON.
    """
    comment = _as_text(record).encode()
    if len(comment) > MAX_COMMENT:
        comment = MARK.encode()
    with written_whole(path) as temporary:
        Image.fromarray(image).save(
            temporary, format="JPEG", quality=quality, comment=comment, xmp=_XMP.encode(), exif=_exif()
        )


def _exif() -> Image.Exif:
    """The mark and the program's name, where other programs read a description."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = MARK
    exif[ExifTags.Base.Software] = f"MCA-CLIP Studio {__version__}"
    return exif


def _as_text(record: Mapping[str, Any]) -> str:
    return valid_text(json.dumps(record, ensure_ascii=False))


def mark(image: np.ndarray) -> np.ndarray:
    """A copy of `uint8 [H, W, 3]` with a small "AI-edited" at its lower right, readable on light and dark."""
    height, width = image.shape[:2]
    scale = max(0.32, min(height, width) / 2200)
    thickness = max(1, round(scale * 1.6))
    (text_width, text_height), _ = cv2.getTextSize(MARK, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    pad = max(3, round(text_height * 0.6))
    right, bottom = width - pad, height - pad
    left, top = max(0, right - text_width - 2 * pad), max(0, bottom - text_height - 2 * pad)
    marked = image.copy()
    plate = marked[top:bottom, left:right]
    plate[:] = np.rint(plate * 0.45).astype(np.uint8)
    origin = (left + pad, bottom - pad)
    cv2.putText(marked, MARK, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (240, 240, 236), thickness, cv2.LINE_AA)
    return marked


def write_gif(path: Path, frames: Sequence[np.ndarray], seconds: float = FRAME_MILLISECONDS / 1000) -> None:
    """Writes frames `uint8 [S, S, 3]`, each seen for some seconds, as a GIF that runs forth and back in a loop.

    The colours of all frames share one palette, so that unedited parts do not flicker.

    Raises:
        ValueError: fewer than two frames.
    """
    if len(frames) < 2:
        raise ValueError("a sweep needs at least two frames")
    sheet = Image.fromarray(np.concatenate(list(frames), axis=1))
    palette = sheet.quantize(255, method=Image.Quantize.MEDIANCUT)
    indexed = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    loop = [*indexed, *indexed[-2:0:-1]]
    times = [round(1000 * seconds)] * len(loop)
    times[0] = times[len(frames) - 1] = max(TURN_MILLISECONDS, round(1000 * seconds))
    with written_whole(path) as temporary:
        loop[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=loop[1:],
            duration=times,
            loop=0,
            comment=MARK.encode(),
        )


def write_mp4(path: Path, frames: Sequence[np.ndarray], seconds: float) -> None:
    """Writes frames `uint8 [S, S, 3]`, S even, as an MP4 (H.264) that every browser plays.

    Args:
        path: of the file.
        frames: at least one.
        seconds: that each of them is seen.
    """
    import av  # as large as the rest of this module is quick

    with written_whole(path) as temporary, av.open(str(temporary), "w", format="mp4") as film:
        film.metadata["comment"] = MARK
        stream = film.add_stream("libx264", rate=VIDEO_RATE, options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            for _ in range(max(1, round(seconds * VIDEO_RATE))):
                film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode())
