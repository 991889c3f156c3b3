"""The papers' measures by networks that are not the studio's, from a folder of files that the user brings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.nn.published import read_checkpoint
from mcaclip.perception.independent_identity import IndependentIdentity
from mcaclip.platform.torchvision_guard import ensure_torchvision
from mcaclip.types import to_uint8

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
PairMeasure = Callable[[Tensor, Tensor], float]
"""From a face and its edit, each `[1, 3, S, S]` in [-1, 1]."""
TextMeasure = Callable[[Tensor, str], float]
"""From an edit `[3, S, S]` in [-1, 1] and its prompt."""
ALEXNET, INCEPTION, BLIP = "alexnet-owt-7be5be79.pth", "pt_inception-2015-12-05-6726825d.pth", "blip-itm-base-coco"
TITLES = {"judge": "independent identity", "lpips": "LPIPS", "itm": "BLIP ITM", "inception": "FID"}


class BroughtNetworks:
    """The measures for which the folder holds the files.

    Attributes:
        judge: MobileFace (`mobileface.json` and `.bin`).
        lpips: LPIPS by torchvision's AlexNet (`ALEXNET`) and the heads that come with torchmetrics.
        itm: probability 0..1 that picture and prompt match, by BLIP: the folder `BLIP` as its maker publishes it, and
            the package transformers.
        inception: from an edit `[3, S, S]` to the `[2048]` features of FID (`INCEPTION`), by the package
            torch-fidelity.
        missing: for each of `TITLES` that is not there, the reason.

    Args:
        folder: None for no files.

    Raises:
        WeightsError: a file is there and cannot be used.
    """

    judge: IndependentIdentity | None
    lpips: PairMeasure | None
    itm: TextMeasure | None
    inception: Callable[[Tensor], Tensor] | None

    def __init__(self, folder: Path | None):
        self.missing: dict[str, str] = {}
        self.judge = self._load("judge", folder, "mobileface.json", _judge)
        self.lpips = self._load("lpips", folder, ALEXNET, _lpips)
        self.itm = self._load("itm", folder, BLIP, _blip)
        self.inception = self._load("inception", folder, INCEPTION, _inception)

    def _load(self, name: str, folder: Path | None, file: str, load: Callable[[Path], T]) -> T | None:
        if folder is None or not (folder / file).exists():
            self.missing[name] = f"it needs {file}, in a folder that --judge names"
            return None
        try:
            return load(folder / file)
        except ModuleNotFoundError as error:
            self.missing[name] = f"it needs the package {error.name}"
            return None


def _judge(file: Path) -> IndependentIdentity:
    return IndependentIdentity.load(file.parent)


def _lpips(alexnet: Path) -> PairMeasure:
    """Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018)."""
    ensure_torchvision()
    from torchmetrics.functional.image.lpips import _NoTrainLpips

    remedy = "Fetch torchvision's AlexNet again."
    known, network = read_checkpoint(alexnet, remedy), _NoTrainLpips(net="alex", pnet_rand=True)
    names = {name: f"features.{name.split('.', 1)[1]}" for name in network.net.state_dict()}
    try:
        network.net.load_state_dict({name: known[own] for name, own in names.items()})
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{alexnet} is not torchvision's AlexNet. {remedy}") from error
    return lambda face, edit: float(network(face, edit))


def _blip(folder: Path) -> TextMeasure:
    try:
        from transformers import BlipForImageTextRetrieval, BlipProcessor
    except ImportError as error:
        raise ModuleNotFoundError(name="transformers") from error
    try:
        model = BlipForImageTextRetrieval.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
        processor = BlipProcessor.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged folder raises
        raise WeightsError(f"{folder} is no BLIP for image-text matching ({error}): fetch it again") from error

    @torch.no_grad()
    def match(edit: Tensor, prompt: str) -> float:
        pair = {"images": to_uint8(edit), "text": f"a face with {prompt}"}
        inputs: Mapping[str, Tensor] = processor(**pair, return_tensors="pt")
        return float(model(**inputs).itm_score.softmax(1)[0, 1])

    return match


def _inception(file: Path) -> Callable[[Tensor], Tensor]:
    ensure_torchvision()
    from torchmetrics.image.fid import NoTrainInceptionV3

    remedy = "Fetch the Inception of FID again."
    read_checkpoint(file, remedy)  # torch-fidelity would run what a file of another kind holds
    try:
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(file))
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(name="torch-fidelity") from error
    except Exception as error:  # whatever unpacking garbage raises
        raise WeightsError(f"{file} is another kind of file. {remedy}") from error

    @torch.no_grad()
    def features(edit: Tensor) -> Tensor:
        return network(torch.from_numpy(to_uint8(edit)).permute(2, 0, 1)[None])[0].float()

    return features
