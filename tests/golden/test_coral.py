"""The mask network and the blend against the published code's numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.editing.network.coral import MaskConfig, MaskNet
from mcaclip.generators.base import LayerSpec
from mcaclip.generators.compose import masked_synthesize
from mcaclip.generators.synthesis import synthesize
from tests.golden.reference import Golden
from tests.helpers.fill import filled_state_dict


def test_mask_net(golden: Golden):
    data = golden.arrays("coral")
    state = list(filled_state_dict(golden.layout("coral_mask_net_layout")).values())
    net = MaskNet(16, MaskConfig(hidden=state[0].shape[0], normalise=False))
    net.load_state_dict(dict(zip(net.state_dict(), state, strict=True)))
    mask = torch.sigmoid(net(data["mask_net_features"], torch.zeros(2, 0), None))
    torch.testing.assert_close(mask, data["mask_net_mask"], atol=1e-5, rtol=1e-5)


def test_blend_of_each_layer(golden: Golden):
    data = golden.arrays("coral")
    for layer in range(4):
        source, edited, mask, wanted = (data[f"{n}_{layer}"] for n in ("source", "edited", "mask", "blended"))
        torch.testing.assert_close(source + mask * (edited - source), wanted, atol=1e-5, rtol=1e-5)


class Chain:
    """The two toy layers of the golden chain as a generator: layer(x) = leaky_relu(W x, 0.2) for each pixel.

    Row 0 of the code selects the branch: 0 is the source's weights, 1 the edited ones.
    """

    image_size = 4
    layers = (LayerSpec(4, 4, (0,)), LayerSpec(4, 5, (1,), rgb_row=2))
    w_avg = torch.zeros(1)

    def __init__(self, data: dict[str, Tensor]) -> None:
        self.data = data

    def mapping(self, z: Tensor) -> Tensor:
        return z

    def start(self, batch: int) -> Tensor:
        return self.data["chain_input"].expand(batch, -1, -1, -1)

    def layer(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        branch = "edited" if w_plus[0, index, 0] else "source"
        x = torch.einsum("oi,bihw->bohw", self.data[f"chain_w{index}_{branch}"], x)
        return torch.nn.functional.leaky_relu(x, 0.2)

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        return x

    def add_rgb(self, below: Tensor | None, rgb: Tensor) -> Tensor:
        return rgb

    def finish(self, rgb: Tensor) -> Tensor:
        return rgb


def test_both_branches_start_from_the_same_blended_features(golden: Golden):
    data = golden.arrays("coral")
    chain, code = Chain(data), torch.zeros(1, 3, 1)
    masks = [data["chain_mask_0"], data["chain_mask_1"], torch.ones(1, 1, 4, 4)]
    delta = torch.tensor([1.0, 1.0, 0.0]).view(1, 3, 1)
    edited = masked_synthesize(chain, code, delta, masks, synthesize(chain, code).image)
    torch.testing.assert_close(edited, data["chain_blended_1"], atol=1e-5, rtol=1e-5)
