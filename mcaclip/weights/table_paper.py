"""The weight files of the `paper` stack: the published networks, from the Hugging Face Hub.

A digest that is None is not known to us: it is recorded at the first download and checked from then on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.weights.sources import Conversion, Entry, HubSource

if TYPE_CHECKING:
    from torch import Tensor


# The converters are imported when they run: they live with the networks, which need this module to load.
def _read_stylegan2(path: Path) -> dict[str, Tensor]:
    from mcaclip.generators.stylegan2_weights import read_stylegan2

    return read_stylegan2(path)


def _read_e4e(path: Path) -> dict[str, Tensor]:
    from mcaclip.inversion.e4e import read_e4e

    return read_e4e(path)


def _read_ir_se50(path: Path) -> dict[str, Tensor]:
    from mcaclip.perception.arcface import read_ir_se50

    return read_ir_se50(path)


def _read_parsenet(path: Path) -> dict[str, Tensor]:
    from mcaclip.perception.parsenet import read_parsenet

    return read_parsenet(path)


def _read_clip(path: Path) -> dict[str, Tensor]:
    from mcaclip.clip.clip_space import read_clip

    return read_clip(path)


PAPER_ENTRIES = (
    Entry(
        name="stylegan2",
        title="StyleGAN2 FFHQ 1024 generator",
        licence=(
            "Non-commercial use only: NVIDIA Source Code License-NC; trained on FFHQ, whose data are CC BY-NC-SA 4.0"
        ),
        origin="Karras et al., StyleGAN2 (arXiv 1912.04958), config-f in the layout of rosinality/stylegan2-pytorch",
        source=HubSource(
            "ZeqiangLai/StyleGAN2",
            "stylegan2-ffhq-config-f.pt",
            revision=None,
            size=132_717_355,
            sha256="646c7e7c5e3fc4cf8e83dcfe5dce505cc74b61d8982c09563932aa15c4baf18c",
        ),
        conversion=Conversion("stylegan2.safetensors", 1, _read_stylegan2),
    ),
    Entry(
        name="e4e",
        title="e4e encoder (photo to W+)",
        licence=(
            "Non-commercial use only: the code is MIT, but the weights are trained on FFHQ (data CC BY-NC-SA 4.0) "
            "and against StyleGAN2 (NVIDIA Source Code License-NC)"
        ),
        origin="Tov et al., encoder4editing (arXiv 2102.02766)",
        source=HubSource(
            "wmpscc/StyleGene",
            "e4e_ffhq_encode.pt",
            revision=None,
            size=1_201_649_680,
            sha256="2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999",
            alternatives=(
                ("AIRI-Institute/HairFastGAN", "pretrained_models/encoder4editing/e4e_ffhq_encode.pt", None),
            ),
        ),
        conversion=Conversion("e4e.safetensors", 1, _read_e4e),
    ),
    Entry(
        name="arcface_ir_se50",
        title="ArcFace IR-SE50 face recognition net",
        licence="Non-commercial research use only: trained on MS-Celeb-1M faces; the code is MIT",
        origin="TreB1eN, InsightFace_Pytorch, after Deng et al., ArcFace (arXiv 1801.07698)",
        source=HubSource(
            "lithiumice/ArcFace_PyTorch",
            "InsightFace_Pytorch+model_ir_se50.pth",
            revision=None,
            size=175_367_323,
            sha256="a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28",
            alternatives=(("matbee/model_ir_se50_pytorch", "model_ir_se50.pth", None),),
        ),
        conversion=Conversion("arcface_ir_se50.safetensors", 1, _read_ir_se50),
    ),
    Entry(
        name="parsenet",
        title="ParseNet face parsing net",
        licence=(
            "Non-commercial use only: the code is MIT, but the weights are trained on CelebAMask-HQ "
            "(non-commercial research)"
        ),
        origin="Chen et al., PSFR-GAN (arXiv 2009.08709), as published with facexlib",
        source=HubSource(
            "leonelhs/facexlib",
            "parsing_parsenet.pth",
            revision=None,
            size=85_331_193,
            sha256="3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
        ),
        conversion=Conversion("parsenet.safetensors", 1, _read_parsenet),
    ),
    Entry(
        name="clip_vit_b32",
        title="CLIP ViT-B/32 text and image encoder",
        licence="MIT",
        origin="Radford et al., CLIP (arXiv 2103.00020), OpenAI's weights as open_clip publishes them",
        # What open_clip's tag `openai` of ViT-B-32-quickgelu resolves to, in its two file formats.
        source=HubSource(
            "timm/vit_base_patch32_clip_224.openai",
            "open_clip_model.safetensors",
            revision=None,
            size=605_000_000,
            sha256=None,
            alternatives=(("timm/vit_base_patch32_clip_224.openai", "open_clip_pytorch_model.bin", None),),
        ),
        conversion=Conversion("clip_vit_b32.safetensors", 1, _read_clip),
    ),
)
