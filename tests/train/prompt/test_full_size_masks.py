"""The mask nets above the preview say what the finished mask below them says."""

from __future__ import annotations

import pytest
import torch

from mcaclip.editing.network.coral import CoralMasks, MaskConfig
from mcaclip.editing.network.mca import MCAConfig, MCANetwork
from mcaclip.editing.network.no_text import StyleOnlyConfig
from mcaclip.generators.base import seeded_z
from mcaclip.generators.synthesis import synthesize
from mcaclip.types import TextCode
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToySpace
from train.prompt.full_size_masks import learn_full_size_masks

TOP = 1


def network_with(masks: MaskConfig) -> tuple[MCANetwork, CoralMasks]:
    """A network whose masks are open, but for the one of layer `TOP`, which is closed."""
    torch.manual_seed(0)
    network = MCANetwork(ToyGenerator.layers, MCAConfig(fusion=StyleOnlyConfig(), masks=masks))
    coral = network.coral
    assert isinstance(coral, CoralMasks)
    torch.nn.init.zeros_(coral.nets[TOP].out.weight)
    torch.nn.init.constant_(coral.nets[TOP].out.bias, -6.0)
    if coral.nets[TOP].gain is not None:
        torch.nn.init.zeros_(coral.nets[TOP].gain)
    return network, coral


@pytest.mark.parametrize("masks", [{"cascade": True}, {"cascade_from": TOP + 1}])
def test_masks_above_the_preview_learn_the_mask_below(masks):
    generator = ToyGenerator()
    network, coral = network_with(MaskConfig(hidden=8, text_dim=0, initial_logit=1.0, **masks))
    assert (coral.nets[0].gain is None) == ("cascade_from" in masks)
    codes = torch.stack([seeded_z(18, seed) for seed in range(8)])
    words: TextCode = ToySpace().text_code("green lipstick")
    learn_full_size_masks(network, generator, codes, lambda _: words, TOP)
    made = synthesize(generator, seeded_z(18, 99)[None], keep=range(len(generator.layers)))
    t_w, _ = network(seeded_z(18, 99)[None], words)
    masks = coral(made.features, t_w)
    assert masks[0].mean() > 0.5, "the nets of the preview stay as they are"
    assert all(mask.mean() < 0.1 for mask in masks[TOP + 1 :])
