"""The real compact stack, end to end on generated faces."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from mcaclip.editing.network.mca import COMPACT_CONFIG, MCANetwork
from mcaclip.editing.render import kept_share
from mcaclip.editing.universal import UniversalEdit
from mcaclip.editor import FaceEditor
from mcaclip.errors import PromptError, StudioError
from mcaclip.evaluation.measures import MARGIN, colour_moved, grow, leak_outside, see_face
from mcaclip.generators.residual import residual_layer
from mcaclip.imaging.align import load_photo
from mcaclip.imaging.colour import lab_of, srgb_to_lab
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.face_parser import LABELS
from mcaclip.perception.regions import region
from mcaclip.results.folder import Provenance, ResultFolders
from mcaclip.results.pipeline import edit_photo
from mcaclip.types import EditSettings, Inversion, Paint, PromptStrength, Residual, from_uint8, to_uint8


@pytest.fixture(scope="module")
def face(editor):
    return editor.sample(3)


@pytest.fixture(scope="module")
def lipstick(editor, face):
    return editor.edit(face, EditSettings("green lipstick", mode="fitted"))


def test_the_three_promised_prompts_are_shipped(editor):
    assert {"green lipstick", "blue goatee", "purple hair"} <= set(editor.prompts())


def test_lips_turn_green_and_nothing_else_moves(editor, face, lipstick, parser):
    parsed = see_face(editor.models.preview, parser, face)[1]
    lips = region(parsed, "lips")
    assert colour_moved(face.reconstruction, lipstick.image, lips, lab_of("green")) >= 0.5
    assert leak_outside(face.reconstruction, lipstick.image, grow(lips, parsed, MARGIN)) <= 4.0


def test_result_carries_everything_a_user_is_shown(editor, lipstick):
    assert lipstick.image.shape == (3, 1024, 1024)
    assert len(lipstick.masks) == len(lipstick.mask_names) == 16
    assert [mask.shape[-1] for mask in lipstick.masks[:3]] == [4, 8, 8]
    assert lipstick.combined_mask.shape == (1, 1024, 1024)
    assert lipstick.delta_w.shape == (18, 512)
    assert 0.5 < lipstick.identity <= 1.0001


def test_strength_zero_is_the_reconstruction_bit_for_bit(editor, face):
    result = editor.edit(face, EditSettings("green lipstick", strength=0.0, mode="fitted"))
    assert torch.equal(result.image, face.reconstruction)


@pytest.fixture(scope="module")
def photo_face(editor, face) -> Inversion:
    """A photo of the face: with grain, and a residual that the code does not say."""
    torch.manual_seed(0)
    layer = residual_layer(editor.models.preview)
    spec = editor.models.preview.layers[layer]
    residual = Residual(layer, (0.1 * torch.randn(1, spec.channels, spec.size, spec.size)).half())
    made = editor.reconstruct(face.w_plus, 0.99, residual)
    photo = to_uint8(made.reconstruction + 0.03 * torch.randn(3, 1024, 1024))
    return editor.reconstruct(face.w_plus, 0.99, residual, from_uint8(photo))


@pytest.mark.parametrize("prompt", ["green lipstick", "smiling"])
def test_the_result_is_the_photo_outside_the_mask_bit_for_bit(editor, photo_face, prompt):
    result = editor.edit(photo_face, EditSettings(prompt, mask_threshold=0.5))
    closed = (result.combined_mask == 0).expand(3, -1, -1)
    assert 0.3 < closed.float().mean() < 1
    assert torch.equal(result.image[closed], photo_face.photo[closed])
    inside = (result.combined_mask == 1).expand(3, -1, -1)
    assert (result.image - photo_face.photo)[inside].abs().mean() > 0.03
    assert result.generated.shape == result.image.shape and not torch.equal(result.generated, result.image)


def test_a_photo_at_strength_zero_is_the_photo(editor, photo_face):
    result = editor.edit(photo_face, EditSettings("purple hair", strength=0.0))
    assert torch.equal(result.image, photo_face.photo)
    small = editor.preview(photo_face, EditSettings("purple hair", strength=0.0)).image
    torch.testing.assert_close(small, torch.nn.functional.adaptive_avg_pool2d(photo_face.photo, 256))


def test_colours_keep_the_residual_and_new_shapes_keep_what_the_likeness_says(editor, face):
    kept = {}
    for prompt in ("green lipstick", "smiling"):
        result = editor.preview(face, EditSettings(prompt))
        kept[prompt] = [kept_share(result.delta_w[None], likeness) for likeness in (0.0, 0.5, 1.0)]
    assert min(kept["green lipstick"]) > 0.9
    free, half, all_of_it = kept["smiling"]
    assert free < 0.2 < half < 0.7 and all_of_it == 1.0


def test_strength_scales_the_change(editor, face):
    weak, strong = (editor.preview(face, EditSettings("purple hair", s, mode="fitted")).image for s in (0.3, 1.0))
    plain = editor.preview(face, EditSettings("purple hair", 0.0, mode="fitted")).image
    assert 0 < (weak - plain).abs().mean() < (strong - plain).abs().mean()


def test_a_seed_is_the_same_face_every_time(editor, face):
    again = editor.sample(3)
    assert torch.equal(again.w_plus, face.w_plus)
    assert not torch.equal(editor.sample(4).w_plus, face.w_plus)


def test_other_wordings_find_the_fitted_prompt(editor):
    assert editor.read_prompt("  Green   LIPS ", "fitted").readings[0].prompt == "green lipstick"
    assert editor.read_prompt("a woman with purple hair", "fitted").readings[0].prompt == "purple hair"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 2000, "2000 characters"),
        ("zombie", "python -m train prompt"),
        ("a violin", "do not understand these words"),
        ("😀", "Latin letters"),
    ],
)
def test_prompts_without_a_fitted_edit_say_what_to_do(editor, text, message):
    with pytest.raises(PromptError, match=message):
        editor.read_prompt(text, "fitted")


def test_instant_inversion_scores_the_reconstruction_and_unknown_efforts_are_refused(editor, face):
    from mcaclip.imaging.align import already_aligned
    from mcaclip.types import to_uint8

    aligned = already_aligned(to_uint8(face.reconstruction))
    found = editor.invert(aligned, "instant")
    assert found.w_plus.shape == (18, 512) and found.reconstruction.shape == (3, 1024, 1024)
    assert found.identity > 0.6 and 0 < found.pixel < 0.2 and 0 < found.perceptual < 0.5
    with pytest.raises(StudioError, match="instant or good or best"):
        editor.invert(aligned, "fast")


def test_composition_does_both_edits_where_each_belongs(editor, face):
    hair = editor.preview(face, EditSettings("purple hair", mode="fitted"))
    lips = editor.preview(face, EditSettings("green lipstick", mode="fitted"))
    both = editor.preview(face, EditSettings("purple hair", more=(PromptStrength("green lipstick"),), mode="fitted"))
    for alone in (hair, lips):
        inside = (alone.combined_mask > 0.9)[0]
        assert (both.image - alone.image)[:, inside].abs().mean() < 0.1


def test_strip_equals_single_previews(editor, face):
    steps = editor.strip(face, EditSettings("purple hair", 0.8, mode="fitted"), (0.5, 1.0), None)
    assert torch.equal(steps[1].image, editor.preview(face, EditSettings("purple hair", 0.8, mode="fitted")).image)
    assert steps[0].settings.strength == pytest.approx(0.4)


def test_variation_zero_is_the_edit_as_learned_bit_for_bit(editor, face, lipstick):
    again = editor.edit(face, EditSettings("green lipstick", variation=0, mode="fitted"))
    network, _, codes = editor.models.library["green lipstick"].fitted()
    with torch.no_grad():
        _, delta_w = network(face.w_plus[None], codes["green lipstick"])
    assert torch.equal(again.image, lipstick.image) and torch.equal(again.delta_w, delta_w[0])
    learned, first = editor.variations(face, EditSettings("green lipstick", variation=3, mode="fitted"), (0, 1))
    assert torch.equal(learned.image, editor.preview(face, EditSettings("green lipstick", mode="fitted")).image)
    assert (learned.settings.variation, first.settings.variation) == (0, 1)


def test_a_variation_is_the_same_every_time_and_small_as_large(editor, face):
    settings = EditSettings("purple hair", 0.8, variation=2, mode="fitted")
    _, second = editor.variations(face, settings, (1, 2))
    assert torch.equal(second.image, editor.preview(face, settings).image)
    assert torch.equal(second.delta_w, editor.edit(face, settings).delta_w)


def test_variations_differ_inside_the_mask_and_nowhere_else(editor, face):
    paint = Paint(allow=torch.ones(1, 256, 256))
    paint.allow[:, :, :128] = 0
    settings = EditSettings("purple hair", paint=paint, mode="fitted")
    plain = editor.preview(face, replace(settings, strength=0.0)).image
    made = editor.variations(face, settings, (0, 1, 2))
    inside = (made[0].combined_mask > 0.9)[0]
    for one in made:
        assert torch.equal(one.image[:, :, :128], plain[:, :, :128])
        assert all(torch.equal(a, b) for a, b in zip(one.masks, made[0].masks, strict=True))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (made[one].image - made[other].image)[:, inside].abs().mean() > 0.01


def test_every_layer_says_how_much_its_features_changed(editor, lipstick):
    assert len(lipstick.feature_change) == len(lipstick.masks) - 1
    assert all(0 <= change < 2 for change in lipstick.feature_change) and max(lipstick.feature_change) > 0


def test_the_shipped_prompts_come_with_their_losses(editor):
    rows = [json.loads(line) for line in editor.metrics_file("green lipstick").read_text().splitlines()]
    assert {"id", "l2", "nce", "area", "tv", "bg", "loss"} <= set(rows[-1])


def hair_of(editor, image):
    return editor.models.photo_parser.probabilities(image[None])[0, LABELS.index("hair")]


@pytest.mark.parametrize(("words", "least", "most"), [("long hair", 1.5, 9.0), ("a bald head", 0.0, 0.7)])
def test_hair_grows_or_goes_and_the_face_stays(editor, face, words, least, most):
    result = editor.edit(face, EditSettings(words))
    share = float(hair_of(editor, result.image).mean() / hair_of(editor, face.reconstruction).mean())
    assert least < share < most and result.identity > 0.9 and result.modes == ("direction",)


def test_hair_of_another_shape_is_dyed_where_it_is_then(editor, face):
    both = EditSettings("").with_parts([PromptStrength("long hair", 1.0), PromptStrength("purple hair", 1.0)])
    result = editor.edit(face, both)
    grown = (hair_of(editor, result.image) > 0.8) & (hair_of(editor, face.reconstruction) < 0.2)
    colour = srgb_to_lab(resize_mask(result.image[None], 256))[0, 1:, grown].mean(1)
    assert float(grown.float().mean()) > 0.02 and float(colour[0]) > 15 and float(colour[1]) < -15


@pytest.fixture(scope="module")
def universal(editor):
    """The same editor with a universal network of random weights, whether or not one is shipped."""
    network = MCANetwork(editor.models.generator.layers, COMPACT_CONFIG).requires_grad_(False)
    models = replace(editor.models, universal=UniversalEdit(lambda: network, None, ""))
    return FaceEditor(models, editor.slots, editor.device)


def test_free_words_are_read_where_nothing_else_could_make_the_edit(universal, face):
    with pytest.raises(PromptError, match="do not understand these words"):
        universal.read_prompt("a bicycle")
    assert universal.read_prompt("zombie").readings[0].prompt == "zombie"
    with pytest.raises(PromptError, match="cannot do reliably yet"):
        universal.read_prompt("curly hair")
    assert universal.taking_any_words().read_prompt("curly hair").readings[0].prompt == "curly hair", (
        "so that it can be measured"
    )
    assert "of 10 photos" in universal.read_prompt("a beard").readings[0].note, (
        "a card promises no more than its words"
    )
    assert universal.read_prompt("please take off her glasses").readings[0].prompt == "no glasses"
    both = universal.read_prompt("no glasses and purple hair")
    assert [reading.prompt for reading in both.readings] == ["no glasses", "purple hair"]
    assert universal.preview(face, EditSettings("make the lips mint green")).settings.prompt == "mint green lipstick"


def test_weights_of_the_universal_network_are_recorded_where_there_are_any(editor):
    hashes = editor.weight_hashes()
    assert any("universal" in name for name in hashes) == editor.has_universal
    assert editor.has_universal or "train universal" in editor.models.universal.problem
    assert len(editor.offered()) >= len(editor.prompts())


def test_a_photo_at_once_goes_from_a_file_into_a_result_folder(editor, repo_root, tmp_path):
    photo = load_photo(repo_root / "assets" / "examples" / "seed_3.jpg")
    outcome = edit_photo(editor, photo, EditSettings("green lipstick"), effort="instant")
    assert outcome.inversion.likeness is not None and outcome.inversion.likeness > 0.8
    origin = Provenance(editor.stack, {}, 0, "instant", "seed_3.jpg", 0)
    folder = ResultFolders(tmp_path).write("me", outcome, origin)
    latents = load_file(folder / "latent.safetensors")
    assert latents["residual"].equal(outcome.inversion.residual.features)
    before, after = (to_uint8(picture) for picture in (outcome.aligned, outcome.result.image))
    outside = (outcome.result.combined_mask[0] == 0).numpy()
    assert outside.mean() > 0.9 and (before == after)[outside].all()
