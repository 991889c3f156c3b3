"""The variants on a toy generator: they differ where the method says they do, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mcaclip.editing.network.mca import MCAConfig, MCANetwork, save_network
from mcaclip.editing.network.no_text import StyleOnlyConfig
from mcaclip.editing.network.text_embedding import TextEmbeddingConfig
from mcaclip.errors import PromptError, StudioError, WeightsError
from mcaclip.evaluation.requests import Subject, read_settings
from mcaclip.evaluation.variants import FULL, WITHOUT_FF, WITHOUT_PRE, build_variants, parse_variant
from mcaclip.generators.synthesis import synthesize
from mcaclip.platform.digests import sha256_of
from tests.editing.network.test_mca import TINY
from tests.helpers.toy_space import ToySpace

PROMPT = "green lipstick"
TEXT_MODULE = replace(TINY, fusion=TextEmbeddingConfig(num_layers=1, lr_mul=1.0))


def subject(text: str, **recipes: list) -> Subject:
    return Subject.of(read_settings(text), recipes)


BOTH = subject("green lipstick + purple hair:0.5")


@pytest.fixture
def save(editor, tmp_path):
    """Saves a network of a shape, fitted to one prompt or universal."""

    def write(config: MCAConfig = TEXT_MODULE, method: str = "mca", like_editor: bool = False, **names: str):
        torch.manual_seed(7)
        network = MCANetwork(editor.models.generator.layers, config)
        if like_editor:
            network.load_state_dict(editor.library[PROMPT].fitted().network.state_dict())
        prompts = {} if method == "universal" else {PROMPT: {}}
        codes = {prompt: ToySpace().text_code(prompt) for prompt in prompts}
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.safetensors"
        save_network(network, path, prompts, codes, **{"method": method, **names})
        return path

    return write


def edits(variants, face, wanted) -> list[torch.Tensor]:
    return [variant.edit(face, wanted).image for variant in variants]


def test_the_three_variants_make_three_different_edits(editor, save):
    named = [(FULL, None), (WITHOUT_FF, save()), (WITHOUT_PRE, None)]
    variants, face = build_variants(editor, named, 1024), editor.sample(3)
    assert [variant.name for variant in variants] == [FULL, WITHOUT_FF, WITHOUT_PRE]
    full, without_ff, without_pre = edits(variants, face, subject(PROMPT))
    for one, other in ((full, without_ff), (full, without_pre), (without_ff, without_pre)):
        assert (one - other).abs().mean() > 1e-3
    assert torch.equal(full, editor.edit(face, read_settings(PROMPT)).image)


def test_without_pre_is_the_generators_picture_of_the_shifted_code(editor):
    (variant,), face = build_variants(editor, [(WITHOUT_PRE, None)], 1024), editor.sample(1)
    shifts = editor.edit(face, BOTH.settings).shifts
    expected = synthesize(editor.models.generator, (face.w_plus + shifts[0] + 0.5 * shifts[1])[None]).image[0]
    made = variant.edit(face, BOTH)
    assert torch.allclose(made.image, expected.clamp(-1, 1), atol=1e-5) and made.area == 1
    masked = editor.edit(face, BOTH.settings).image
    assert (made.image - masked).abs().mean() > 1e-3


def test_without_pre_needs_no_edit_of_the_editors_and_each_face_gets_its_own(editor):
    variants, faces = build_variants(editor, [(FULL, None), (WITHOUT_PRE, None)], 256), map(editor.sample, (0, 1))
    images = [edits(variants, face, subject(prompt)) for face in faces for prompt in (PROMPT, "purple hair")]
    assert len(editor.calls) == 4 and all(call.startswith("preview") for call in editor.calls)
    assert len({tuple(image[1].flatten().tolist()) for image in images}) == 4


def test_a_file_with_the_editors_network_makes_the_editors_edit(editor, save):
    named = [(FULL, save(TINY, like_editor=True))]
    (variant,), face = build_variants(editor, named, 1024), editor.sample(2)
    made, own = variant.edit(face, subject("green lips")), editor.edit(face, read_settings(PROMPT))
    assert torch.allclose(made.image, own.image, atol=2e-2), "the file holds half precision"
    assert made.area == pytest.approx(float(own.combined_mask.mean()), abs=1e-3)
    assert editor.calls == [f"edit {PROMPT}"], "the file needs no edit of the editor's"


def test_a_universal_file_takes_any_words_and_a_fitted_one_only_its_own(editor, save):
    face, strange = editor.sample(0), subject("pink eyebrows")
    (universal,) = build_variants(editor, [(WITHOUT_FF, save(method="universal"))], 1024)
    one, other = (universal.edit(face, subject(p)).image for p in ("pink eyebrows", "green skin"))
    assert (one - other).abs().mean() > 1e-4, "the words decide"
    (fitted,) = build_variants(editor, [(WITHOUT_FF, save())], 1024)
    with pytest.raises(PromptError, match="It knows: green lipstick"):
        fitted.edit(face, strange)


def test_a_recipe_is_made_of_its_parts_by_any_network(editor, save):
    (variant,), face = build_variants(editor, [(WITHOUT_FF, save(method="universal"))], 1024), editor.sample(0)
    made = variant.edit(face, subject("joker:0.5", joker=[("green hair", 1.0), ("red lipstick", 0.8)])).image
    assert torch.equal(made, variant.edit(face, subject("green hair:0.5 + red lipstick:0.4")).image)
    assert not torch.equal(made, variant.edit(face, subject("joker:0.5")).image)


@pytest.mark.parametrize("masked", [True, False])
def test_without_pre_leaves_a_files_masks_out(editor, save, masked):
    path = save(TINY if masked else replace(TINY, masks=None))
    (variant,), face = build_variants(editor, [(WITHOUT_PRE, path)], 1024), editor.sample(0)
    made = variant.edit(face, subject(PROMPT))
    _, delta_w = variant.fitted.network(face.w_plus[None], variant.fitted.codes[PROMPT])
    expected = synthesize(editor.models.generator, face.w_plus[None] + delta_w).image[0]
    assert torch.allclose(made.image, expected.clamp(-1, 1), atol=1e-5) and made.area == 1
    assert ("masks open" in variant.note) == masked


def test_weights_that_do_not_belong_to_a_variant_are_refused(editor, save):
    with pytest.raises(WeightsError, match="has Feature Fusion"):
        build_variants(editor, [(WITHOUT_FF, save(TINY))], 1024)
    with pytest.raises(WeightsError, match="made for stylegan2"):
        build_variants(editor, [(FULL, save(TINY, generator="stylegan2"))], 1024)
    build_variants(editor, [(WITHOUT_FF, save(replace(TINY, fusion=StyleOnlyConfig())))], 1024)


def test_a_network_that_learned_other_words_is_refused(editor, save, monkeypatch, tmp_path):
    words = tmp_path / "words.bin"
    words.write_bytes(b"these words")
    monkeypatch.setattr("mcaclip.weights.get", lambda name: words)
    path = save(method="universal")

    def mark(digest: str) -> None:
        with safe_open(path, framework="pt") as file:
            metadata = {**file.metadata(), "words": digest}
        save_file(load_file(path), path, metadata)

    mark(sha256_of(words))
    build_variants(editor, [(WITHOUT_FF, path)], 1024)
    mark("0" * 64)
    with pytest.raises(WeightsError, match="learned the words of another FaceCLIP"):
        build_variants(editor, [(WITHOUT_FF, path)], 1024)


def test_variants_are_named_with_their_files(tmp_path):
    file = tmp_path / "a=b.safetensors"
    file.write_bytes(b"")
    assert parse_variant("full") == (FULL, None)
    assert parse_variant("without-pre") == (WITHOUT_PRE, None)
    assert parse_variant(f"without-ff={file}") == (WITHOUT_FF, file)
    for text, words in (("without", "choose full"), ("without-ff", "without-ff=FILE"), ("full=none", "no file none")):
        with pytest.raises(StudioError, match=words):
            parse_variant(text)


def test_a_variant_is_named_once(editor):
    with pytest.raises(StudioError, match="full is given twice"):
        build_variants(editor, [(FULL, None), (FULL, None)], 1024)
