"""The e4e encoder against the published class. Its heads alone weigh nearly a gigabyte: filled once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mcaclip.inversion.e4e import E4EConfig, E4EEncoder
from mcaclip.nn.published import module_layout
from tests.golden.reference import Golden, float32, inputs
from tests.helpers.fill import assemble, filled_state_dict

PREFIX = "encoder."


@pytest.fixture(scope="module")
def latent_avg() -> Tensor:
    return torch.arange(18 * 512).view(18, 512) / 512


@pytest.fixture(scope="module")
def run(golden: Golden, latent_avg) -> tuple[Tensor, dict[str, Tensor]]:
    """The code, and the output of every part by its published name."""
    state = filled_state_dict(golden.layout("e4e_layout"))
    state = {key.removeprefix(PREFIX): value for key, value in state.items()}
    encoder = assemble(E4EEncoder, state | {"latent_avg": latent_avg})
    image = float32(inputs(2).uniform(-1, 1, (1, 3, 256, 256)))
    golden.check("e4e", "input_first_row", image[0, :, 0], 0)
    taps: dict[str, Tensor] = {}

    def keep(name):
        return lambda module, args, output: taps.__setitem__(name, output)

    def keep_input(name):
        return lambda module, args: taps.__setitem__(name, args[0])

    named = {"input_layer": encoder.input_layer, "latlayer1": encoder.latlayer1, "latlayer2": encoder.latlayer2}
    named |= {f"body.{index}": unit for index, unit in enumerate(encoder.body)}
    named |= {f"styles.{row}": head for row, head in enumerate(encoder.styles)}
    for name, module in named.items():
        module.register_forward_hook(keep(name))
    for name, row in {"c3": 0, "p2": 3, "p1": 7}.items():
        encoder.styles[row].register_forward_pre_hook(keep_input(name))
    return encoder(image), taps


def test_keys_and_shapes_are_the_published_ones(golden: Golden):
    with torch.device("meta"):
        own = module_layout(E4EEncoder())
    assert own.pop("latent_avg") == (18, 512)
    published = golden.layout("e4e_layout")
    assert {PREFIX + key: shape for key, shape in own.items()} == {
        key: tuple(entry["shape"]) for key, entry in published.items()
    }


def test_code(golden: Golden, run, latent_avg):
    offsets = run[0][0] - latent_avg
    golden.check("e4e", "w_plus", offsets, 5e-4)
    golden.check("e4e", "w_plus_float64", offsets, 5e-4)


def test_every_part_on_the_way(golden: Golden, run):
    taps = run[1]
    names = sorted(taps)  # as the golden file lists them
    assert len(names) == 48
    stats = torch.stack([torch.stack([taps[n].mean(), taps[n].std(unbiased=False)]) for n in names])
    wanted = golden.arrays("e4e")["tap_stats"]
    assert ((stats - wanted).abs() <= 1e-4 * wanted[:, 1:]).all()


def test_rows_follow_the_settings():
    config = E4EConfig(num_ws=4, coarse_rows=1, medium_rows=3)
    assert [config.side(row) for row in range(4)] == [16, 32, 32, 64]
    with torch.device("meta"):
        encoder = E4EEncoder(config)
        assert encoder(torch.empty(2, 3, 256, 256)).shape == (2, 4, 512)
        with pytest.raises(ValueError, match="256, 256"):
            encoder(torch.empty(1, 3, 128, 128))
