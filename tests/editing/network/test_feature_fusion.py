from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from mcaclip.editing.network.feature_fusion import (
    PAPER_FUSION,
    TOKENS_FUSION,
    Bounded,
    FeatureFusion,
    FeatureFusionConfig,
)

NUM_WS, DIM, LENGTH = 5, 32, 7
SMALL = {"num_ws": NUM_WS, "dim": DIM, "heads": 4, "attention_dim": 16, "feedforward_dim": 24}
VARIANTS = ["paper", "tokens"]


def make(variant: str, **changes: object) -> FeatureFusion:
    torch.manual_seed(0)
    preset = PAPER_FUSION if variant == "paper" else TOKENS_FUSION
    return FeatureFusion(dataclasses.replace(preset, **{**SMALL, **changes}))


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([LENGTH, 3])
    return {
        "w_plus": torch.randn(2, NUM_WS, DIM, generator=generator),
        "text_embedding": torch.randn(2, DIM, generator=generator),
        "text_tokens": torch.randn(2, LENGTH, DIM, generator=generator),
        "token_mask": torch.arange(LENGTH) < lengths[:, None],
    }


def scramble(module: FeatureFusion, *names: str) -> None:
    """Replaces the named projections of every block."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for block in module.blocks:
            for name in names:
                for parameter in getattr(block, name).parameters():
                    parameter.copy_(torch.randn(parameter.shape, generator=generator))


def test_paper_preset_is_the_papers():
    assert FeatureFusionConfig("paper", 18, 512, 8, 512, 512, False) == PAPER_FUSION
    assert TOKENS_FUSION.layer_norm


@pytest.mark.parametrize("variant", VARIANTS)
def test_shape_and_gradient_to_every_input(variant, inputs):
    module = make(variant)
    for name in ("w_plus", "text_embedding"):
        inputs[name].requires_grad_()
    fused = module(**inputs)
    assert fused.shape == (2, NUM_WS, DIM)
    fused[:, -1].square().sum().backward()  # the last row sees the text through all rows before it
    assert inputs["text_embedding"].grad.abs().sum() > 0
    assert (inputs["w_plus"].grad.abs().sum(dim=(0, 2)) > 0).all()


def test_paper_equals_equation_1_without_attention(inputs):
    """One key: MHA(Q, K, V) = W_O W_V temp + w_i, whatever Q and K are."""
    module = make("paper")
    temp, expected = inputs["text_embedding"], []
    for index, block in enumerate(module.blocks):
        mixed = block.out(block.value(temp)) + inputs["w_plus"][:, index]
        temp = mixed + block.contract(torch.nn.functional.gelu(block.expand(mixed)))
        expected.append(temp)
    torch.testing.assert_close(module(**inputs), torch.stack(expected, dim=1), atol=1e-5, rtol=1e-5)


def test_paper_does_not_depend_on_query_and_key(inputs):
    module = make("paper")
    before = module(**inputs)
    scramble(module, "query", "key")
    assert torch.equal(module(**inputs), before)


def test_paper_gradient_of_query_and_key_is_exactly_zero(inputs):
    module = make("paper")
    module(**inputs).square().sum().backward()
    for block in module.blocks:
        for parameter in (*block.query.parameters(), *block.key.parameters()):
            assert parameter.grad is not None
            assert torch.count_nonzero(parameter.grad) == 0
        assert block.value.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["query", "key"])
def test_tokens_depends_on_query_and_key(name, inputs):
    module = make("tokens")
    before = module(**inputs)
    before.square().sum().backward()
    assert all(getattr(block, name).weight.grad.abs().sum() > 0 for block in module.blocks)
    scramble(module, name)
    assert (module(**inputs) - before).abs().max() > 1e-3


def test_paper_ignores_tokens_and_tokens_uses_them(inputs):
    other = {**inputs, "text_tokens": inputs["text_tokens"].roll(1, dims=0)}
    paper, tokens = make("paper"), make("tokens")
    assert torch.equal(paper(**inputs), paper(**other))
    assert (tokens(**inputs) - tokens(**other)).abs().max() > 1e-3


def test_padding_tokens_do_not_matter(inputs):
    module = make("tokens")
    before = module(**inputs)
    inputs["text_tokens"][~inputs["token_mask"]] = 1e3
    assert torch.equal(module(**inputs), before)
    cut = {name: value[1:] for name, value in inputs.items()}
    cut["text_tokens"], cut["token_mask"] = cut["text_tokens"][:, :3], None
    torch.testing.assert_close(module(**cut), before[1:], atol=1e-5, rtol=1e-5)


def test_a_row_without_any_token_stays_finite(inputs):
    inputs["token_mask"] = torch.zeros_like(inputs["token_mask"])
    assert make("tokens")(**inputs).isfinite().all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_have_their_own_weights(variant, inputs):
    """The same style in every row still gives different rows."""
    inputs["w_plus"] = inputs["w_plus"][:, :1].expand(-1, NUM_WS, -1)
    fused = make(variant)(**inputs)
    for one in range(NUM_WS):
        for two in range(one):
            assert (fused[:, one] - fused[:, two]).abs().max() > 1e-2


@pytest.mark.parametrize("variant", VARIANTS)
def test_rows_only_see_rows_before_them(variant, inputs):
    module = make(variant)
    before = module(**inputs)
    inputs["w_plus"][:, 2] += inputs["w_plus"][:, 0]  # no constant: LayerNorm would remove that
    after = module(**inputs)
    assert torch.equal(after[:, :2], before[:, :2])
    assert all((after[:, row] - before[:, row]).abs().max() > 1e-4 for row in range(2, NUM_WS))


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_a_fresh_network_neither_explodes_nor_loses_the_text(variant, inputs):
    """18 blocks in a row: the size of the rows stays moderate and the last row still hears the text."""
    module = make(variant, num_ws=18)
    w_plus = torch.randn(2, 18, DIM, generator=torch.Generator().manual_seed(3))
    fused = module(**{**inputs, "w_plus": w_plus})
    inputs["text_embedding"], inputs["text_tokens"] = -inputs["text_embedding"], -inputs["text_tokens"]
    other = module(**{**inputs, "w_plus": w_plus})
    assert 0.5 < fused[:, -1].std() < 10
    assert (fused[:, -1] - other[:, -1]).std() > 0.05 * fused[:, -1].std()


@pytest.mark.parametrize("variant", VARIANTS)
def test_samples_do_not_mix(variant, inputs):
    module = make(variant)
    both = module(**inputs)
    one = module(**{name: value[:1] for name, value in inputs.items()})
    torch.testing.assert_close(both[:1], one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("changes", [{"heads": 3}, {"heads": 0}, {"feedforward_dim": 0}, {"variant": "words"}])
def test_bad_settings_are_refused(changes):
    with pytest.raises(ValueError, match=r"heads|size|variant"):
        FeatureFusionConfig(**{**SMALL, **changes})


def test_bad_inputs_are_refused(inputs):
    with pytest.raises(ValueError, match="needs text_tokens"):
        make("tokens")(inputs["w_plus"], inputs["text_embedding"])
    with pytest.raises(ValueError, match="w_plus must be"):
        make("paper")(inputs["w_plus"][:, :-1], inputs["text_embedding"])
    with pytest.raises(ValueError, match="text_embedding must be"):
        make("paper")(inputs["w_plus"], inputs["text_embedding"][:1])
    with pytest.raises(ValueError, match="token_mask must be"):
        make("tokens")(**{**inputs, "token_mask": inputs["token_mask"][:, :-1]})
    with pytest.raises(ValueError, match="text_tokens must be"):
        make("tokens")(**{**inputs, "text_tokens": inputs["text_tokens"][..., :-1]})


def test_what_a_block_reads_is_bounded_and_otherwise_as_it_is():
    rows = torch.randn(4, 512)
    assert torch.equal(Bounded()(rows), rows) and torch.equal(Bounded()(0 * rows), 0 * rows)
    torch.testing.assert_close(Bounded()(1e15 * rows), Bounded()(100 * rows))
    assert Bounded()(100 * rows).square().mean(-1).sqrt().allclose(torch.tensor(Bounded.LARGEST))


def test_blocks_that_amplify_do_not_amplify_one_another():
    fusion = FeatureFusion(PAPER_FUSION)
    for block in fusion.blocks:
        block.value.weight.data *= 30
    rows = fusion(torch.randn(2, 18, 512), torch.randn(2, 512)).square().mean((0, 2)).sqrt()
    assert rows[1:].max() < 2 * rows[1:].min(), "the last row is no larger than those before it"
