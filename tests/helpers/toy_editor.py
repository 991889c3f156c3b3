"""An editor on a toy generator, for commands that work with methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import torch

from mcaclip.config import STACKS
from mcaclip.editing.library import FittedEdit
from mcaclip.editing.network.mca import FittedNetwork, MCANetwork
from mcaclip.editing.universal import UniversalEdit
from mcaclip.generators.base import seeded_z
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.language.wishes import Wish, free_wish
from mcaclip.types import Inversion, Residual
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToyIdentity, ToySpace


def fitted_edit(network: MCANetwork, prompt: str) -> FittedEdit:
    """An entry of a library, with the prompt encoded by `ToySpace`."""
    fitted = FittedNetwork(network, {prompt: {}}, {prompt: ToySpace().text_code(prompt)})
    return FittedEdit({}, lambda: fitted)


@dataclass
class ToyEditor:
    """Knows one prompt, "green lipstick", by MCA-CLIP."""

    stack: str = "compact"
    slots: object = STACKS["compact"]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    library: dict[str, FittedEdit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        generator = ToyGenerator()
        network = MCANetwork(generator.layers, TINY).requires_grad_(False)
        self.models = SimpleNamespace(
            generator=generator, preview=generator, space=ToySpace(), identity=ToyIdentity(), start=None,
            universal=UniversalEdit(), photo_parser=None,
        )  # fmt: skip
        self.library = {"green lipstick": fitted_edit(network, "green lipstick")}

    def wish(self, text: str) -> Wish:
        return free_wish(text)

    def sample(self, seed: int, truncation_psi: float = 0.7) -> Inversion:
        return self.reconstruct(seeded_z(18, seed))

    def reconstruct(
        self,
        w_plus: torch.Tensor,
        identity: float | None = None,
        residual: Residual | None = None,
        photo: torch.Tensor | None = None,
    ) -> Inversion:
        generator = of_face(self.models.generator, residual)
        image = synthesize(generator, w_plus[None]).image[0].clamp(-1, 1)
        return Inversion(w_plus, image, identity, 0.0, residual=residual, photo=photo)

    def prompts(self) -> tuple[str, ...]:
        return tuple(self.library)

    def weight_hashes(self) -> dict[str, str]:
        return {"toy": "0" * 64}
