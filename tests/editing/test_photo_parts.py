"""A photo's own parts limit what an edit may change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import carried_over
from mcaclip.editing.photo_parts import PhotoParts
from mcaclip.editing.render import draw, prepare
from mcaclip.generators.base import seeded_z
from mcaclip.perception.face_parser import LABELS
from mcaclip.types import EditSettings, Paint
from tests.editing.test_render import generator, network, request  # noqa: F401
from tests.helpers.faces import face_of

SIDE = 256
PLACES = {"hat": (0, 40), "hair": (40, 80), "u_lip": (150, 170), "goatee": (190, 220), "cloth": (230, 256)}
"""Rows of the classes in a photo of nothing but bands."""


class Bands:
    """Parses any picture as `PLACES` say, the rest as background."""

    def __init__(self, **places: tuple[int, int]):
        self.places = PLACES | places

    def probabilities(self, images: torch.Tensor, size: int = SIDE) -> torch.Tensor:
        """See `PhotoParser`."""
        found = torch.zeros(1, len(LABELS), SIDE, SIDE)
        found[:, 0] = 1
        for name, (first, last) in self.places.items():
            found[:, :, first:last] = 0
            found[:, LABELS.index(name), first:last] = 1
        return found


def photo() -> torch.Tensor:
    """Every band in its own light, `[3, 256, 256]`."""
    picture = torch.zeros(3, SIDE, SIDE)
    for number, (first, last) in enumerate(PLACES.values()):
        picture[:, first:last] = 0.9 - 0.4 * number
    return picture


def limited(words: str, parser: Bands | None = None) -> tuple[torch.Tensor, ...]:
    masks = [torch.ones(1, 1, side, side) for side in (16, 64, 128)]
    return PhotoParts.of(parser or Bands(), photo()).limited(masks, words, SIDE).masks


def rows(mask: torch.Tensor, name: str) -> float:
    first, last = PLACES[name]
    return float(mask[..., first + 5 : last - 5, :].mean())


@pytest.mark.parametrize(("words", "own"), [("purple hair", "hair"), ("green lipstick", "u_lip")])
def test_a_colour_stays_on_the_part_that_it_names(words, own):
    *layers, last = limited(words)
    assert all(bool((mask == 1).all()) for mask in layers)
    assert rows(last, own) > 0.9
    assert all(rows(last, other) < 0.1 for other in PLACES if other != own)


def test_all_hair_of_the_photo_is_coloured_even_where_the_generator_has_none():
    masks = [torch.zeros(1, 1, side, side) for side in (64, 64)]
    layer, last = PhotoParts.of(Bands(), photo()).limited(masks, "purple hair", SIDE).masks
    assert rows(last, "hair") > 0.9 and rows(last, "hat") < 0.05
    assert layer[..., 11:19, :].min() > 0.9


def test_eyes_behind_glasses_are_eyes():
    last = limited("blue eyes", Bands(eye_g=(90, 110)))[-1]
    assert last[..., 95:105, :].min() > 0.9 and rows(last, "hair") < 0.1


@pytest.mark.parametrize("words", ["purple hair", "smiling", "an old face"])
def test_nothing_acts_on_a_hat(words):
    assert rows(limited(words)[-1], "hat") < 0.05


def test_an_attribute_may_act_everywhere_else():
    last = limited("smiling")[-1]
    assert all(rows(last, name) > 0.95 for name in PLACES if name != "hat")


def test_facial_hair_is_coloured_as_far_as_it_reaches():
    masks = [torch.zeros(1, 1, side, side) for side in (64, 64)]
    masks[0][..., 50:53, :] = masks[1][..., 50:53, :] = 1  # a band within the person's own
    layer, last = PhotoParts.of(Bands(), photo()).limited(masks, "blue goatee", SIDE).masks
    assert rows(last, "goatee") > 0.9 and rows(last, "u_lip") < 0.05
    assert layer[..., 48:55, :].min() > 0.9


def test_facial_hair_that_is_not_there_is_drawn_where_the_network_says():
    assert limited("blue goatee", Bands(goatee=(0, 0)))[-1][..., 60:, :].mean() > 0.9


def test_what_is_partly_found_is_completed():
    only_a_little = Bands(goatee=(200, 204))
    assert rows(limited("blue goatee", only_a_little)[-1], "goatee") > 0.9


def test_surroundings_stay_unless_they_are_named():
    parts, everywhere = PhotoParts.of(Bands(), photo()), torch.ones(1, 1, SIDE, SIDE)
    still = parts.surroundings(photo()[None], everywhere, ["smiling"]).still
    assert rows(still, "cloth") > 0.9 and rows(still, "hat") > 0.9 and still[..., 100:140, :].min() > 0.9
    assert rows(still, "hair") < 0.1
    named = parts.surroundings(photo()[None], everywhere, ["smiling", "red clothes"]).still
    assert rows(named, "cloth") < 0.1 and named[..., 100:140, :].min() > 0.9
    on_the_chin = torch.zeros(1, 1, SIDE, SIDE)
    on_the_chin[..., 195:215, :] = 1
    assert parts.surroundings(photo()[None], on_the_chin, ["smiling"]) is None


def test_where_the_hair_is_gone_the_background_goes_on():
    parts, after = PhotoParts.of(Bands(hat=(0, 0)), photo()), Bands(hat=(0, 0), hair=(60, 80))
    moved, everywhere = replace(parts, parser=after), torch.ones(1, 1, SIDE, SIDE)
    around = moved.surroundings(photo()[None], everywhere, ["an old face"])
    assert around.bared[..., 45:55, :].min() > 0.8 and around.bared[..., 65:75, :].max() < 0.2
    plain = photo()[:, :, :1].clone()
    plain[:, 36:80] = -0.9  # of the person's hair, single hairs included, nothing may be seen in what is behind it
    dark = replace(moved, photo=plain[None].expand(1, 3, SIDE, SIDE))
    behind = dark.surroundings(photo()[None], everywhere, ["an old face"]).behind
    assert (behind[..., 45:55, :] - photo()[0, 20, 0]).abs().max() < 0.3
    assert moved.surroundings(photo()[None], everywhere, ["pink background"]).bared is None
    assert parts.surroundings(photo()[None], everywhere, ["an old face"]).bared is None


def test_what_becomes_another_part_is_new_and_the_background_has_the_photos_colour():
    parts, after = PhotoParts.of(Bands(eye_g=(100, 110)), photo()), Bands(goatee=(0, 0), hair=(60, 80))
    edited = photo()[None].clone()
    edited[..., 80:150, :] += 0.3
    around = replace(parts, parser=after).surroundings(edited, torch.ones(1, 1, SIDE, SIDE), ["a female face"])
    for first, last in ((45, 55), (96, 114), (195, 215)):  # hair, glasses with their rims, a goatee
        assert around.anew[..., first:last, :].min() > 0.9
    assert around.anew[..., 65:75, :].max() < 0.1 and around.anew[..., 155:165, :].max() < 0.1
    assert around.shown[..., 90:140, :].min() > 0.9 and around.shown[..., 155:165, :].max() < 0.1
    assert (around.tint[..., 25:34, :] + 0.3).abs().max() < 0.1
    colour = parts.surroundings(edited, torch.ones(1, 1, SIDE, SIDE), ["red lipstick"], uncover=False)
    assert colour.anew is None and colour.tint is None


@pytest.mark.parametrize(("reached", "all_of_it"), [(30, True), (8, False)])
def test_hair_moves_as_a_whole_or_not_at_all(reached, all_of_it):
    masks = [torch.zeros(1, 1, SIDE, SIDE) for _ in range(2)]
    for mask in masks:
        mask[..., 80 - reached : 110, :] = 1
    layer, last = PhotoParts.of(Bands(hat=(0, 0)), photo()).limited(masks, "an old face", SIDE).masks
    assert bool(layer[..., 42:48, :].min() > 0.9) == bool(last[..., 43:48, :].min() > 0.8) == all_of_it


@pytest.mark.parametrize(
    ("words", "dyed"), [("purple hair", True), ("green skin", False), ("smiling", False), ("blue goatee", True)]
)
def test_what_a_colour_covers_is_dyed(words, dyed):
    masks = [torch.ones(1, 1, side, side) for side in (64, 128)]
    own = PhotoParts.of(Bands(), photo()).limited(masks, words, SIDE).own
    assert (own is not None) == dyed
    if words == "blue goatee":  # only the hair that is there
        assert rows(own, "goatee") > 0.9 and rows(own, "u_lip") < 0.1


@pytest.mark.parametrize(("words", "label", "gone"), [("no beard", "goatee", True), ("no glasses", "eye_g", False)])
def test_a_thing_goes_from_where_it_is_and_where_the_edit_acts(words, label, gone):
    masks = [torch.zeros(1, 1, SIDE, SIDE) for _ in range(2)]
    masks[1][..., 100:120, :] = 1
    (layer, last), *_, found = PhotoParts.of(Bands(), photo()).limited(masks, words, SIDE)
    assert (found is not None) == gone
    if found is not None:
        assert rows(found, label) == 1 and found[..., 105:115, :].min() == 1 and rows(found, "hair") == 0
        assert rows(last, label) > 0.9 and rows(layer, label) > 0.9
    else:
        assert not last.any(), "nothing is there to take away"


@pytest.mark.parametrize("words", ["a bald head", "short hair"])
def test_hair_goes_where_there_is_some(words):
    masks = [torch.ones(1, 1, SIDE, SIDE) for _ in range(2)]
    hairy = PhotoParts.of(Bands(hat=(0, 0)), photo()).limited(masks, words, SIDE)
    assert hairy.gone is not None and rows(hairy.gone, "hair") == 1 and rows(hairy.masks[-1], "hair") > 0.9
    down = PhotoParts.of(Bands(hat=(0, 0), hair=(40, 42)), photo()).limited(masks, words, SIDE)
    assert down.little and not down.masks[-1].any(), "a bald head stays as it is"


def test_no_edit_puts_a_hat_on():
    """The parser takes odd backgrounds of a drawn picture for hats."""
    parts, everywhere = PhotoParts.of(Bands(hat=(0, 0)), photo()), torch.ones(1, 1, SIDE, SIDE)
    drawn = replace(parts, parser=Unsure(hat=(0, 0), hair=(60, 80)))
    around = drawn.surroundings(photo()[None], everywhere, ["short hair"])
    assert around.bared is not None and around.bared[..., 45:55, :].min() > 0.8


class Unsure(Bands):
    """Thinks that the background above the hair is rather a hat."""

    def probabilities(self, images: torch.Tensor, size: int = SIDE) -> torch.Tensor:
        """See `PhotoParser`."""
        found = super().probabilities(images)
        found[:, LABELS.index("hat"), :60], found[:, 0, :60] = 0.7, 0.3
        return found


def test_a_person_is_told_when_there_is_little_to_edit(generator):  # noqa: F811
    code = seeded_z(18, 3)[None]
    face = replace(face_of(generator, code), photo=photo())
    wanted = request(EditSettings("purple hair"), network(generator))
    for parser, told in ((Bands(), False), (Bands(hair=(0, 0)), True), (None, False)):
        assert any("Hardly anything" in n for n in prepare(source_of(generator, face, parser), wanted).notes) == told


def test_a_person_is_told_when_something_covers_what_would_change(generator):  # noqa: F811
    face = replace(face_of(generator, seeded_z(18, 3)[None]), photo=photo())
    wanted = request(EditSettings("smiling"), network(generator))
    for hat, told in (((0, 60), True), ((0, 4), False)):
        notes = prepare(source_of(generator, face, Bands(hat=hat)), wanted).notes
        assert any("covers part" in note for note in notes) == told


def test_what_was_painted_in_changes_even_where_surroundings_would_stay(generator):  # noqa: F811
    face = replace(face_of(generator, seeded_z(18, 3)[None]), photo=photo())
    everywhere = Paint(include=torch.ones(1, SIDE, SIDE), allow=None)
    changed = {}
    for name, paint in (("plain", None), ("painted", everywhere)):
        wanted = request(EditSettings("smiling", paint=paint), network(generator))
        prepared = prepare(source_of(generator, face, Bands()), wanted)
        made = carried_over(prepared, draw(prepared)).image
        side = made.shape[-1]
        small = torch.nn.functional.interpolate(photo()[None], size=side, mode="area")
        changed[name] = float((made - small)[..., -side // 12 :, :].abs().mean())
    assert changed["plain"] < 0.02 < changed["painted"]


def test_the_down_of_a_bald_head_is_not_coloured():
    closed, open_ = (
        PhotoParts.of(Bands(hair=(40, 40 + rows)), photo()).limited([torch.ones(1, 1, 8, 8)], "purple hair", SIDE)
        for rows in (2, 40)
    )
    assert closed.little and not closed.masks[-1].any()
    assert not open_.little and open_.masks[-1].any()
