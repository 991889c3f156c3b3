"""`python -m train stand-in`: files that look like the paper stack's published weights, with random content.

For tests and speed measurements on a machine that cannot reach the hub: every file has the container, keys and
shapes of the published one and goes the same way through the converters. The values are the networks' default
initialisations, seeded by the file's name, so the outputs are finite and images are noise in a plausible range.

The folder takes the place of the real files through `MCACLIP_WEIGHTS`; its SHA256SUMS says that these are
stand-ins. All files together have about 2.2 GB, of which e4e has 1.2 GB: its converter wants the generator inside
that file too, so it is not left out.
"""

from __future__ import annotations

import logging
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.weights.sources import HubSource
from mcaclip.weights.store import STAND_IN_MARK, SUMS_NAME, read_stand_in_sums, sha256_of
from mcaclip.weights.table import TABLE

logger = logging.getLogger(__name__)

README = """Stand-ins for the weights of the paper stack, made by `python -m train stand-in`.

The weights are random: pictures will be noise, and no prompt, face or parsing means anything. They are for tests
and speed measurements. Use the folder with MCACLIP_WEIGHTS=<this folder>; remove the setting to go back to the
real weights, which are kept apart from these in the cache.
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
    """Write the files, their SHA256SUMS and a README.

    Args:
        out: a folder that is new, empty, or was made by this command; files of the same names are replaced.
        only: keys of `MAKERS`; all when None or empty. Other stand-ins in the folder stay.

    Returns:
        The weight files written.

    Raises:
        TrainingError: the folder holds files of these names that are no stand-ins.
    """
    names = list(only or MAKERS)
    out.mkdir(parents=True, exist_ok=True)
    sums = read_stand_in_sums(out)
    targets = {name: out / _original_name(name) for name in names}
    foreign = [path.name for path in targets.values() if path.exists() and path.name not in sums]
    if foreign or ((out / SUMS_NAME).exists() and not sums):
        raise TrainingError(
            f"{out} holds files that are no stand-ins ({', '.join(foreign) or SUMS_NAME}); choose an empty folder."
        )
    for name, path in targets.items():
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(zlib.crc32(name.encode()))
            _save(MAKERS[name](), path)
        sums[path.name] = sha256_of(path)
        _write_sums(out, sums)
        logger.info("%s: %.0f MB", path, path.stat().st_size / 1e6)
    (out / "README.txt").write_text(README, encoding="utf-8")
    return list(targets.values())


def _original_name(name: str) -> str:
    source = TABLE[name].source
    assert isinstance(source, HubSource)
    return source.names[0]


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


def _save(content: dict[str, Any], path: Path) -> None:
    # torch writes the file's stem into it, so the temporary differs by its folder only.
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        if path.suffix == ".safetensors":
            # Not save_file: it would let only the owner read.
            temporary.write_bytes(save({name: tensor.contiguous() for name, tensor in content.items()}))
        else:
            torch.save(content, temporary)
        os.replace(temporary, path)


def _write_sums(folder: Path, sums: dict[str, str]) -> None:
    lines = [STAND_IN_MARK, *(f"{digest}  {name}" for name, digest in sorted(sums.items()))]
    (folder / SUMS_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")
