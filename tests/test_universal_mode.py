"""Any prompt, through the whole editor: a toy generator, a universal network of random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip.config import STACKS
from mcaclip.editing.network.mca import MCAConfig, MCANetwork
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.editing.universal import UniversalEdit
from mcaclip.editor import EditorModels, FaceEditor
from mcaclip.errors import PromptError
from mcaclip.generators.synthesis import synthesize
from mcaclip.language.wishes import free_wish
from mcaclip.methods.registry import build_methods, method_context
from mcaclip.types import EditSettings, Paint, PromptStrength
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_editor import fitted_edit
from tests.helpers.toy_space import ToyIdentity, ToySpace

CONFIG: MCAConfig = replace(TINY, first_row=0, masks=replace(TINY.masks, text_dim=512), delta_scale=3.0)
ZOMBIE = LibraryPrompt("zombie", "Characters", (("green skin", 0.5), ("red eyes", 1.5)))


@pytest.fixture(scope="module")
def editor() -> FaceEditor:
    torch.manual_seed(0)
    generator = ToyGenerator()
    network, other = (MCANetwork(generator.layers, CONFIG).requires_grad_(False) for _ in range(2))
    models = EditorModels(
        generator=generator, preview=generator, start=None, identity=ToyIdentity(), aligner=None, space=ToySpace(),
        library={"green lipstick": fitted_edit(other, "green lipstick")}, wish=free_wish,
        universal=UniversalEdit(lambda: network, None, ""), prompts=(ZOMBIE,),
    )  # fmt: skip
    return FaceEditor(models, STACKS["compact"], torch.device("cpu"))


@pytest.fixture(scope="module")
def face(editor):
    return editor.sample(3, 1.0)


def test_a_prompt_that_no_one_fitted_is_edited_at_once(editor, face):
    result = editor.edit(face, EditSettings("Pink   eyebrows"))
    assert result.settings.prompt == "Pink eyebrows" and result.modes == ("universal",)
    assert (result.image - face.reconstruction).abs().max() > 0.01
    other = editor.edit(face, EditSettings("blue beard"))
    assert not torch.equal(result.image, other.image), "the words count"
    assert not torch.equal(result.masks[0], other.masks[0]), "for the masks as well"


def test_the_family_of_methods_makes_the_same_edit(editor, face, monkeypatch, tmp_path):
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path))
    (method,) = build_methods(method_context(editor), ["mca-universal"])
    assert method.ready("pink eyebrows")
    made = method.edit(face, "pink eyebrows", 0.7)
    edited = editor.edit(face, EditSettings("pink eyebrows", 0.7, mode="universal"))
    torch.testing.assert_close(made.image, edited.image)
    torch.testing.assert_close(made.masks, edited.masks)


def test_strength_zero_is_the_reconstruction_bit_for_bit(editor, face):
    assert torch.equal(editor.edit(face, EditSettings("pink eyebrows", 0.0)).image, face.reconstruction)


def test_the_mode_decides_which_network_works(editor, face):
    made = {mode: editor.edit(face, EditSettings("green lipstick", mode=mode)) for mode in ("universal", "fitted")}
    assert {mode: result.modes for mode, result in made.items()} == {
        "universal": ("universal",),
        "fitted": ("fitted",),
    }
    assert not torch.equal(made["universal"].delta_w, made["fitted"].delta_w)
    with pytest.raises(PromptError, match="no edit is fitted"):
        editor.edit(face, EditSettings("pink eyebrows", mode="fitted"))


def test_masks_are_a_persons_to_change(editor, face):
    soft = editor.preview(face, EditSettings("pink eyebrows"))
    middle = float(soft.masks[-1].median())
    hard = editor.preview(face, EditSettings("pink eyebrows", mask_threshold=middle))
    turned = editor.preview(face, EditSettings("pink eyebrows", mask_invert=True))
    assert all(set(mask.unique().tolist()) <= {0.0, 1.0} for mask in hard.masks)
    assert all(torch.allclose(a, 1 - b) for a, b in zip(soft.masks, turned.masks, strict=True))
    allow = torch.ones(1, 8, 8)
    allow[:, :, :4] = 0
    kept = editor.preview(face, EditSettings("pink eyebrows", paint=Paint(allow=allow)))
    assert torch.equal(kept.image[:, :, :4], face.reconstruction[:, :, :4])
    assert not torch.equal(kept.image, face.reconstruction)
    feathered = editor.preview(face, EditSettings("pink eyebrows", mask_threshold=middle, mask_feather=16.0))
    assert feathered.masks[-1].unique().numel() > 2


def test_without_masks_it_is_the_plain_shift(editor, face):
    result = editor.edit(face, EditSettings("pink eyebrows", 0.7, without_masks=True, mask_threshold=0.9))
    shifted = synthesize(editor.models.generator, (face.w_plus + 0.7 * result.delta_w)[None]).image[0].clamp(-1, 1)
    assert torch.allclose(result.image, shifted, atol=1e-5)
    assert all(bool((mask == 1).all()) for mask in result.masks)
    closed = editor.edit(
        face, EditSettings("pink eyebrows", without_masks=True, paint=Paint(allow=torch.zeros(1, 8, 8)))
    )
    assert torch.equal(closed.image, face.reconstruction), "paint still counts"


def test_words_with_and_are_two_edits_in_any_order(editor, face):
    one = editor.edit(face, EditSettings("pink eyebrows and green lipstick", 0.8))
    assert [part.prompt for part in one.settings.parts] == ["pink eyebrows", "green lipstick"]
    assert len(one.shifts) == 2 and torch.allclose(sum(one.shifts), one.delta_w)
    two = editor.edit(face, EditSettings("green lipstick", 0.8, more=(PromptStrength("pink eyebrows", 0.8),)))
    assert torch.equal(one.image, two.image)


def test_a_recipe_is_its_parts_with_one_strength(editor, face):
    made = editor.edit(face, EditSettings("a zombie", 0.8))
    parts = EditSettings("green skin", 0.4, more=(PromptStrength("red eyes", 1.2),))
    by_hand = editor.edit(face, parts)
    assert made.settings.parts == (PromptStrength("zombie", 0.8),)
    assert torch.allclose(made.image, by_hand.image, atol=1e-6)
    skin, eyes = by_hand.shifts
    assert torch.allclose(made.delta_w, 0.5 * skin + 1.5 * eyes) and len(made.shifts) == 1
    weak, _ = editor.strip(face, EditSettings("zombie"), (0.5, 1.0))
    assert torch.equal(weak.image, editor.preview(face, EditSettings("zombie", 0.5)).image)


def test_a_variation_of_a_recipe_turns_every_part(editor, face):
    plain, turned = editor.variations(face, EditSettings("zombie"), (0, 2))
    assert torch.equal(turned.image, editor.preview(face, EditSettings("zombie", variation=2)).image)
    assert not torch.equal(plain.delta_w, turned.delta_w)


def test_the_library_and_what_is_fitted_are_offered(editor):
    assert [entry.prompt for entry in editor.offered()] == ["zombie", "green lipstick"]
    assert editor.modes(editor.offered()[0]) == ("universal",) and editor.has_universal
    assert editor.prompts() == ("green lipstick",)


def test_a_prompt_is_read_once_and_then_rendered_for_any_face(editor, face, monkeypatch):
    settings = EditSettings("pink eyebrows and green lipstick", 0.8, variation=2)
    wanted, other = editor.edit(face, settings), editor.sample(4)
    request = editor.resolve(settings)
    assert request.settings == wanted.settings == editor.check_settings(settings)
    monkeypatch.setattr(editor, "_reader", None)
    monkeypatch.setattr(editor, "_text_code", None)
    assert torch.equal(editor.render(face, request).image, wanted.image)
    assert not torch.equal(editor.render(other, request).image, wanted.image)
