"""`python -m train stand-in`: files in place of the paper stack's published weights, with random content.

For tests and speed measurements on a machine that cannot reach the hub: every file has the container, keys and shapes
of the published one and goes through the same converter. The values are the networks' default initialisations, seeded
by the file's name, so that outputs are finite and images are noise in a plausible range.

`MCACLIP_WEIGHTS` names the folder in place of the real files. The record beside each file, and a log line at every
use, say that it is a stand-in.
"""

from __future__ import annotations

import logging
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights import TABLE, WeightEntry
from mcaclip.weights.obtain import convert
from mcaclip.weights.store import Located, Record, record_path

logger = logging.getLogger(__name__)

REMARK = (
    "STAND-IN: random stand-in weights are in use, made by `python -m train stand-in` for tests and speed "
    "measurements only"
)
README_NAME = "README.txt"
README = """Stand-ins for the weights of the paper stack, made by `python -m train stand-in`.

The weights are random: pictures will be noise, and no prompt, face or parsing means anything. They are for tests
and speed measurements. Use the folder with MCACLIP_WEIGHTS=<this folder>; remove the setting to go back to the
real weights, which are elsewhere.
"""
_MEAN_OF = 1024


def stylegan2() -> dict[str, Any]:
    """The container of rosinality/stylegan2-pytorch: `g_ema` and the mean code."""
    state, w_avg = _published_generator()
    return {"g_ema": state, "latent_avg": w_avg}


def e4e() -> dict[str, Any]:
    """The container of omertov/encoder4editing: encoder and generator in one state dict, and the mean code."""
    from mcaclip.inversion.e4e import E4EEncoder

    own = E4EEncoder().state_dict()
    rows = len(own.pop("latent_avg"))
    generator, w_avg = _published_generator()
    state = {f"encoder.{key}": value for key, value in own.items()}
    state |= {f"decoder.{key}": value for key, value in generator.items()}
    options = {"stylegan_size": 1024, "encoder_type": "Encoder4Editing", "start_from_latent_avg": True}
    return {"state_dict": state, "latent_avg": w_avg.repeat(rows, 1), "opts": options}


def arcface_ir_se50() -> dict[str, Any]:
    """A plain state dict."""
    from mcaclip.perception.arcface import ArcFaceIdentity

    return dict(ArcFaceIdentity().state_dict())


def parsenet() -> dict[str, Any]:
    """A plain state dict."""
    from mcaclip.perception.parsenet import ParseNet

    return dict(ParseNet().state_dict())


def clip_vit_b32() -> dict[str, Any]:
    """A plain state dict."""
    from mcaclip.clip.clip_space import VIT_B_32, create_model

    return dict(create_model(VIT_B_32).state_dict())


MAKERS: dict[str, Callable[[], dict[str, Any]]] = {
    "stylegan2": stylegan2,
    "e4e": e4e,
    "arcface_ir_se50": arcface_ir_se50,
    "parsenet": parsenet,
    "clip_vit_b32": clip_vit_b32,
}
"""From the names of `mcaclip.weights` to the functions that make the files' contents."""


def make_stand_ins(out: Path, only: Sequence[str] | None = None) -> list[Path]:
    """Write the files with their records, and a README.

    Args:
        out: a folder that is new, is empty, or was made by this command; files of the same names are replaced.
        only: keys of `MAKERS`; all when None or empty. Other stand-ins in the folder stay.

    Returns:
        The weight files written.

    Raises:
        TrainingError: the folder holds something else.
    """
    out.mkdir(parents=True, exist_ok=True)
    if foreign := _foreign_files(out):
        raise TrainingError(
            f"{out} holds files that are no stand-ins ({', '.join(foreign)}); choose an empty folder."
        )
    made = []
    for name in only or MAKERS:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(zlib.crc32(name.encode()))
            made.append(_write(TABLE[name], MAKERS[name](), out))
        logger.info("%s: %.0f MB", made[-1], made[-1].stat().st_size / 1e6)
    (out / README_NAME).write_text(README, encoding="utf-8")
    return made


def _foreign_files(folder: Path) -> list[str]:
    """Names of the files that this command did not make, apart from hidden ones, which an interrupted run leaves."""
    weights = {path for path in folder.glob("*.safetensors") if (r := Record.beside(path)) and r.remark == REMARK}
    ours = {folder / README_NAME, *weights, *map(record_path, weights)}
    return sorted(path.name for path in folder.iterdir() if path not in ours and not path.name.startswith("."))


def _write(entry: WeightEntry, content: dict[str, Any], out: Path) -> Path:
    """Write the original, convert it into `out` and delete it."""
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out) as temporary:
        original = Path(temporary) / entry.source.name
        if original.suffix == ".safetensors":
            save_file({name: tensor.contiguous() for name, tensor in content.items()}, original)
        else:
            torch.save(content, original)
        found = Located(original, "made here", sha256_of(original))
        return convert(entry, found, Path(temporary), out, REMARK)


def _published_generator() -> tuple[dict[str, Tensor], Tensor]:
    """A generator under its published keys, and its mean w `[512]`."""
    from mcaclip.generators.stylegan2 import StyleGAN2, fir_kernel
    from mcaclip.generators.stylegan2_weights import our_name, rosinality_layout

    model = StyleGAN2()
    own = model.state_dict()
    state = {
        key: fir_kernel() if key.endswith(".kernel") else own[our_name(key)].reshape(shape)
        for key, shape in rosinality_layout(model.image_size).items()
    }
    return state, model.mapping(torch.randn(_MEAN_OF, 512)).mean(0)
