"""The one table of every weight file the studio uses: what it is, where it comes from, under which terms.

The entries of the `paper` stack stand in `mcaclip/weights/table_paper.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.weights.table_paper import PAPER_ENTRIES
from mcaclip.weights.sources import (
    Conversion,
    Entry,
    HubSource,
    PackageSource,
    PinnedFile,
    ShippedSource,
    Source,
    WheelSource,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "STACKS",
    "TABLE",
    "Conversion",
    "Entry",
    "HubSource",
    "PackageSource",
    "PinnedFile",
    "ShippedSource",
    "Source",
    "WheelSource",
]


# The converters are imported when they run: they live with the networks, which need this module to load.
def _read_mobilestylegan(folder: Path) -> dict[str, Tensor]:
    from mcaclip.generators.openvino_ir import convert_random_face

    return convert_random_face(folder)


def _read_dlib_resnet(path: Path) -> dict[str, Tensor]:
    from mcaclip.perception.dlib_dat import read_dlib_resnet

    return read_dlib_resnet(path)


_RANDOM_FACE = WheelSource(
    requirement="random-face==2021.7.21.1",
    wheel=PinnedFile(
        "random_face-2021.7.21.1-py3-none-any.whl",
        37_588_926,
        "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
    ),
    members=(
        PinnedFile(
            "random_face/data/MappingNetwork.xml",
            59_865,
            "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b",
        ),
        PinnedFile(
            "random_face/data/MappingNetwork.bin",
            8_405_040,
            "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305",
        ),
        PinnedFile(
            "random_face/data/SynthesisNetwork.xml",
            425_183,
            "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd",
        ),
        PinnedFile(
            "random_face/data/SynthesisNetwork.bin",
            32_025_440,
            "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645",
        ),
    ),
)

_FACE_MODELS = "face_recognition_models"
_FACE_MODELS_REQUIREMENT = "face_recognition_models==0.3.0"

_DLIB_LANDMARKS = PackageSource(
    requirement=_FACE_MODELS_REQUIREMENT,
    package=_FACE_MODELS,
    file=PinnedFile(
        "models/shape_predictor_68_face_landmarks.dat",
        99_693_937,
        "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    ),
)

_DLIB_RESNET = PackageSource(
    requirement=_FACE_MODELS_REQUIREMENT,
    package=_FACE_MODELS,
    file=PinnedFile(
        "models/dlib_face_recognition_resnet_model_v1.dat",
        22_466_066,
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    ),
)

_DLIB_RESNET_LICENCE = "CC0 1.0 (public domain)"
_DLIB_RESNET_ORIGIN = "Davis King, dlib-models, read from the package face_recognition_models"

# Everything trained on the generator's faces inherits the generator's terms.
_SHIPPED_LICENCE = "Non-commercial use only: trained on faces of the StyleGAN2 FFHQ family"
_SHIPPED_ORIGIN = "Trained by this project's own train/ commands (see the model card in assets/)"


def _shipped(name: str, title: str, path: str) -> Entry:
    return Entry(name, title, _SHIPPED_LICENCE, _SHIPPED_ORIGIN, ShippedSource(path))


_COMPACT_ENTRIES = (
    Entry(
        name="mobilestylegan",
        title="MobileStyleGAN FFHQ 1024 generator",
        licence=(
            "Non-commercial use only: the package and its code are Apache-2.0, but the weights are distilled "
            "from StyleGAN2 FFHQ (NVIDIA Source Code License-NC; FFHQ data CC BY-NC-SA 4.0)"
        ),
        origin="Sergei Belousov, MobileStyleGAN (arXiv 2104.04767), read from the package random-face",
        source=_RANDOM_FACE,
        conversion=Conversion("mobilestylegan.safetensors", 1, _read_mobilestylegan),
    ),
    Entry(
        name="dlib_landmarks",
        title="dlib 68 face landmarks",
        licence="Non-commercial use only: trained on iBUG 300-W, whose licence excludes commercial use",
        origin="Davis King, dlib-models, read from the package face_recognition_models",
        source=_DLIB_LANDMARKS,
    ),
    Entry(
        name="dlib_identity_dat",
        title="dlib face recognition net (original file)",
        licence=_DLIB_RESNET_LICENCE,
        origin=_DLIB_RESNET_ORIGIN,
        source=_DLIB_RESNET,
    ),
    Entry(
        name="dlib_identity",
        title="dlib face recognition net (converted)",
        licence=_DLIB_RESNET_LICENCE,
        origin=_DLIB_RESNET_ORIGIN,
        source=_DLIB_RESNET,
        conversion=Conversion("dlib_identity.safetensors", 1, _read_dlib_resnet),
    ),
    _shipped("identity_mean", "Mean face descriptor", "identity_mean.safetensors"),
    _shipped("faceclip", "FaceCLIP text and image encoder", "faceclip/model.safetensors"),
    _shipped("preview_head", "256 px preview head", "preview_head.safetensors"),
    _shipped("parsing_head", "Face parsing head", "parsing_head.safetensors"),
    _shipped("face_parser", "Face parser (any picture)", "face_parser.safetensors"),
    _shipped("encoder", "Face encoder (photo to code)", "encoder.safetensors"),
    _shipped("edits", "Fitted prompts", "edits/library.safetensors"),
)
_EXTRA_ENTRIES = (_shipped("universal", "Universal edit network", "universal.safetensors"),)

TABLE: dict[str, Entry] = {entry.name: entry for entry in (*_COMPACT_ENTRIES, *_EXTRA_ENTRIES, *PAPER_ENTRIES)}
"""Every entry by its name."""

STACKS: dict[str, tuple[str, ...]] = {
    "compact": tuple(entry.name for entry in _COMPACT_ENTRIES),
    # Both stacks find faces with the same landmarks.
    "paper": (*(entry.name for entry in PAPER_ENTRIES), "dlib_landmarks"),
}
"""The names that each model stack needs."""

EXTRAS: dict[str, tuple[str, ...]] = {"compact": tuple(entry.name for entry in _EXTRA_ENTRIES), "paper": ()}
"""The names that each model stack uses where they are there, and starts without."""
