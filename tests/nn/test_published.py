"""The readers of published checkpoints: strict, and with errors that name the file and the next step.

Whole layouts of zeros are written as one number each, expanded, so that the files stay tiny.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.generators.base import seeded_z
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config, fir_kernel
from mcaclip.generators.stylegan2_weights import read_own_stylegan2, read_stylegan2, rosinality_layout
from mcaclip.inversion.e4e import E4EEncoder, read_e4e
from mcaclip.methods.mappers import read_mapper
from mcaclip.nn.published import check_layout, layout_of, module_layout, read_checkpoint
from mcaclip.perception.arcface import ArcFaceIdentity, read_ir_se50
from mcaclip.perception.parsenet import ParseNet, read_parsenet


def zeros(layout: dict[str, tuple[int, ...]], prefix: str = "") -> dict[str, Tensor]:
    return {prefix + key: torch.zeros(()).expand(shape) for key, shape in layout.items()}


def module_zeros(build, prefix: str = "") -> dict[str, Tensor]:
    with torch.device("meta"):
        return zeros(module_layout(build()), prefix)


def stylegan2_state(size: int, prefix: str = "") -> dict[str, Tensor]:
    state = zeros(rosinality_layout(size), prefix)
    return {key: fir_kernel() if key.endswith("kernel") else value for key, value in state.items()}


def container(name: str) -> dict:
    """A checkpoint of the published form with its whole layout."""
    if name == "stylegan2":
        return {"g_ema": stylegan2_state(256), "latent_avg": torch.ones(512)}
    if name == "e4e":
        encoder = module_zeros(E4EEncoder, "encoder.")
        del encoder["encoder.latent_avg"]
        mean = torch.arange(18.0)[:, None].expand(18, 512).contiguous()
        return {"state_dict": encoder | stylegan2_state(1024, "decoder."), "latent_avg": mean, "opts": {"a": 1}}
    return module_zeros({"ir_se50": ArcFaceIdentity, "parsenet": ParseNet}[name])


READERS = {"stylegan2": read_stylegan2, "e4e": read_e4e, "ir_se50": read_ir_se50, "parsenet": read_parsenet}
BUILDERS = {
    "stylegan2": lambda: StyleGAN2(StyleGAN2Config(256)),
    "e4e": E4EEncoder,
    "ir_se50": ArcFaceIdentity,
    "parsenet": ParseNet,
}
STATE_ENTRY = {"stylegan2": "g_ema", "e4e": "state_dict"}


def write(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("name", READERS)
def test_a_published_checkpoint_becomes_the_network_own_state(name, tmp_path):
    state = READERS[name](write(tmp_path / "x.pt", container(name)))
    with torch.device("meta"):
        assert layout_of(state) == module_layout(BUILDERS[name]())


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("fault", ["missing", "unknown", "of another shape"])
def test_another_layout_is_refused_by_key_and_file(name, fault, tmp_path):
    content = container(name)
    state = content[STATE_ENTRY[name]] if name in STATE_ENTRY else content
    key = next(key for key in state if key.endswith("bias"))
    if fault == "missing":
        del state[key]
    elif fault == "unknown":
        key = key + "es"
        state[key] = torch.zeros(1)
    else:
        state[key] = torch.zeros(1, 2, 3)
    path = write(tmp_path / "weights.pt", content)
    with pytest.raises(WeightsError, match=fault) as caught:
        READERS[name](path)
    assert key in str(caught.value) and str(path) in str(caught.value) and "doctor" in str(caught.value)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", ["cut", "text", "empty", "absent"])
def test_a_damaged_file_names_itself_and_the_remedy(name, damage, tmp_path):
    path = write(tmp_path / "weights.pt", {"g_ema": {"a": torch.zeros(1000)}})
    if damage == "absent":
        path.unlink()
    else:
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[: len(whole) // 2], "text": b"<html>not found</html>", "empty": b""}[damage])
    with pytest.raises(WeightsError, match="doctor") as caught:
        READERS[name](path)
    assert str(path) in str(caught.value)


def test_objects_other_than_weights_are_not_loaded(tmp_path):
    path = write(tmp_path / "x.pt", {"opts": argparse.FileType()})
    with pytest.raises(WeightsError, match="holds more than weights"):
        read_checkpoint(path)
    with pytest.raises(WeightsError, match="holds a list"):
        read_checkpoint(write(tmp_path / "y.pt", [torch.zeros(1)]))


def test_a_namespace_of_options_is_read(tmp_path):
    path = write(tmp_path / "x.pt", {"opts": argparse.Namespace(lr=1, description="afro")})
    assert vars(read_checkpoint(path)["opts"]) == {"lr": 1, "description": "afro"}
    assert argparse.Namespace not in torch.serialization.get_safe_globals()


def test_files_of_old_torch_versions_are_read_and_may_lack_counters(tmp_path):
    state = container("ir_se50")
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    path = tmp_path / "old.pth"
    torch.save(old, path, _use_new_zipfile_serialization=False)
    read = read_ir_se50(path)
    assert layout_of(read) == layout_of(state)
    counter = read["input_layer.1.num_batches_tracked"]
    assert counter == 0 and counter.dtype == torch.int64
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(WeightsError, match="doctor"):
            read_ir_se50(path)


def test_stylegan2_gets_its_mean_and_loses_kernels(tmp_path):
    state = read_stylegan2(write(tmp_path / "x.pt", container("stylegan2")))
    assert torch.equal(state["w_avg"], torch.ones(512))
    assert not any("kernel" in key for key in state)


def test_a_training_checkpoint_in_half_precision_gets_its_mean_computed(tmp_path):
    content = container("stylegan2")
    del content["latent_avg"]
    content["args"] = argparse.Namespace(size=256)
    draw = torch.Generator().manual_seed(0)
    for key, value in content["g_ema"].items():
        random = 100 * torch.randn(value.shape, generator=draw) if key.startswith("style.") else value
        content["g_ema"][key] = random.half()
    state = read_own_stylegan2(write(tmp_path / "x.pt", content))
    assert {value.dtype for value in state.values()} == {torch.float32}
    model = StyleGAN2(StyleGAN2Config(256))
    model.load_state_dict(state)
    other = model.mapping(seeded_z(4096, 1)).mean(0).detach()
    assert float((model.w_avg - other).norm()) < 0.15 * float(other.norm())


def test_a_generator_of_ones_own_is_never_to_be_deleted(tmp_path):
    for content in ({"g": 1}, {"g_ema": {}}, {"g_ema": stylegan2_state(256), "latent_avg": torch.zeros(5)}):
        with pytest.raises(WeightsError, match="stays as it is") as caught:
            read_own_stylegan2(write(tmp_path / "x.pt", content))
        assert "elete" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("g_ema"), "no entry 'g_ema'"),
        (lambda c: c.update(latent_avg=torch.zeros(5)), "latent_avg is not 512"),
        (lambda c: c["g_ema"].update({"convs.0.conv.blur.kernel": torch.ones(4, 4)}), "another filter"),
        (lambda c: c["g_ema"].update({"noises.noise_12": torch.zeros(1, 1, 3, 3000)}), "no StyleGAN2 generator of"),
        (lambda c: c.update(g_ema=torch.zeros(3)), "g_ema is no state dict"),
    ],
)
def test_stylegan2_faults(change, message, tmp_path):
    content = container("stylegan2")
    change(content)
    with pytest.raises(WeightsError, match=message):
        read_stylegan2(write(tmp_path / "x.pt", content))


def test_e4e_needs_its_generator_and_mean(tmp_path):
    content = container("e4e")
    without = {key: value for key, value in content["state_dict"].items() if not key.startswith("decoder.")}
    with pytest.raises(WeightsError, match=r"missing \(decoder"):
        read_e4e(write(tmp_path / "x.pt", content | {"state_dict": without}))
    with pytest.raises(WeightsError, match="neither 18 rows of 512"):
        read_e4e(write(tmp_path / "y.pt", content | {"latent_avg": torch.zeros(14, 512)}))
    one = read_e4e(write(tmp_path / "z.pt", content | {"latent_avg": torch.arange(512.0)}))
    assert torch.equal(one["latent_avg"][17], torch.arange(512.0))


def mapper_file(path: Path, keys: list[str], opts: object = None) -> Path:
    state = {key: torch.zeros(()).expand((512, 512) if key.endswith("weight") else (512,)) for key in keys}
    return write(path, {"state_dict": state | {"decoder.input.input": torch.zeros(1)}, "opts": opts or {}})


def group_keys(*groups: str) -> list[str]:
    return [f"mapper.{g}.mapping.{i}.{part}" for g in groups for i in range(1, 5) for part in ("weight", "bias")]


def test_styleclip_mappers_of_all_kinds_are_read(tmp_path):
    for groups in (("course_mapping", "fine_mapping"), ("medium_mapping",), ("mapping",)):
        mapper = read_mapper(mapper_file(tmp_path / "m.pt", group_keys(*groups)))
        assert mapper.groups == ("single" if groups == ("mapping",) else "levels") and mapper.prompt == ""


def test_a_mappers_prompt_is_read_from_both_kinds_of_options(tmp_path):
    for opts in ({"description": " Mohawk\n"}, argparse.Namespace(description="Mohawk")):
        assert read_mapper(mapper_file(tmp_path / "m.pt", group_keys("mapping"), opts)).prompt == "Mohawk"


def test_mappers_of_another_layout_are_refused_and_kept(tmp_path):
    path, groups = tmp_path / "m.pt", ("course_mapping", "medium_mapping", "fine_mapping")
    three = [key for key in group_keys("course_mapping") if ".3." not in key]
    faults = {
        r"1 unknown keys \(mapper.fc.weight\)": [*group_keys("course_mapping"), "mapper.fc.weight"],
        r"missing \(mapper.groups.coarse.3": three,
        "holds no mapper": [],
        "holds no mapper .its groups: all, coarse": group_keys("mapping", "course_mapping"),
        r"missing \(fusion": [*group_keys(*groups), "text_mapper.mapper_0.mapping.1.bias"],
        "1 unknown keys .mapper.course_mapping.modulation": [
            "mapper.course_mapping.modulation_module_list.0.fc.bias"
        ],
    }
    for message, keys in faults.items():
        with pytest.raises(WeightsError, match=message) as caught:
            read_mapper(mapper_file(path, keys))
        assert "elete" not in str(caught.value) and "stays as it is" in str(caught.value)
    with pytest.raises(WeightsError, match="no numbers, or too large"):
        content = torch.load(mapper_file(path, group_keys("mapping")))
        content["state_dict"]["mapper.mapping.mapping.1.bias"] = torch.full((512,), 1e6)
        read_mapper(write(path, content))


def test_check_layout_returns_a_copy_and_shows_only_a_few_keys(tmp_path):
    state = {str(i): torch.zeros(1) for i in range(9)}
    good = check_layout(tmp_path, state, layout_of(state))
    assert good == state and good is not state
    with pytest.raises(WeightsError, match=r"9 unknown \(0, 1, 2, \.\.\.\)"):
        check_layout(tmp_path, state, {})
