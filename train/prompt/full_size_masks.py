"""Mask nets above the preview's layers: they learn from the finished mask below them.

A prompt is fitted through the 256 px preview, which has only the lower layers (up to 128 px of MobileStyleGAN, up to
256 px of StyleGAN2). The nets of the finer layers learn to predict the mask of the preview's last layer from the
features of their own layers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.editing.network.coral import CoralMasks, MaskNet
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.ops import resize_mask
from mcaclip.types import TextCode

log = logging.getLogger(__name__)


def learn_full_size_masks(
    network: MCANetwork,
    generator: Generator,
    codes: Tensor,
    prompts_for: Callable[[Tensor], TextCode],
    top: int,
    lr: float = 2e-3,
    max_minutes: float = 1e9,
) -> float:
    """Train the nets above layer `top` and the final one on full-size faces, one step per prompt.

    Args:
        codes: of the faces, `[N, 18, 512]`.
        prompts_for: from a code `[1, 18, 512]` to the prompts of that face.
        top: the preview's last layer, whose mask they learn from.
        max_minutes: after which no further face is begun.

    Returns:
        The last step's binary cross entropy.
    """
    coral = network.coral
    assert isinstance(coral, CoralMasks), "a method without masks has none above the preview either"
    upper = nn.ModuleList([*coral.nets[top + 1 :], coral.final])
    for net in upper:
        assert isinstance(net, MaskNet)
        if net.gain is not None:
            # each net starts as a copy of the mask below, which its features then only correct
            nn.init.ones_(net.gain)
            for parameter in net.out.parameters():
                nn.init.zeros_(parameter)
    optimizer = torch.optim.Adam(upper.parameters(), lr)
    loss = torch.zeros(())
    end = time.monotonic() + 60 * max_minutes
    for index, code in enumerate(codes):
        if time.monotonic() > end:
            break
        with torch.no_grad():
            made = synthesize(generator, code[None], keep=range(len(generator.layers)))
            prompts = prompts_for(code[None])
            rows, _ = network(code.expand(len(prompts.embedding), -1, -1), prompts)
        for t_w in rows.split(1):
            logits = coral.logits(made.features, t_w)
            wanted = torch.sigmoid(logits[top].detach())
            terms = [
                F.binary_cross_entropy_with_logits(given, resize_mask(wanted, given.shape[-1]))
                for given in logits[top + 1 :]
            ]
            loss = torch.stack(terms).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        log.info("upper masks: face %d of %d, loss %.4f", index + 1, len(codes), loss.item())
    return loss.item()
