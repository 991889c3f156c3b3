"""What a prompt asks the networks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcaclip.config import STACKS
from mcaclip.editing.library import FittedEdit
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.editing.reader import Ingredient, PromptReader
from mcaclip.errors import PromptError, StudioError
from mcaclip.language.concepts import concepts
from mcaclip.language.wishes import Wish, plain_wish
from mcaclip.types import EditSettings, PromptStrength
from tests.helpers.readings import modes

ENTRIES = (
    LibraryPrompt("green lipstick", "Lips", best=0.8),
    LibraryPrompt("blue goatee", "Beard", mode="fitted"),
    LibraryPrompt("smiling", "Expression"),
    LibraryPrompt("zombie", "Characters", (("green lipstick", 0.7), ("grey hair", 0.5))),
    LibraryPrompt("pirate", "Characters", (("blue goatee", 1.0), ("green lips", 1.0)), mode="fitted"),
)


def wish(words: str) -> Wish:
    """What the tests' free words ask for; others are taken as they are."""
    understood = {
        "no specs, please": Wish(words, 1.0, concepts()["glasses"], -1),
        "lose the specs": Wish(words, 1.0, concepts()["glasses"], -1),
        "a very green lipstick": Wish(words, 1.0, concepts()["colour of lips"], 1, "green", 1.3),
        "half green lips": Wish(words, 1.0, concepts()["colour of lips"], 1, "green", 0.5),
        "not green lips": Wish(words, 1.0, concepts()["colour of lips"], -1, "green"),
        "take it off and smiling": Wish(words, 1.0, concepts()["smile"], -1),
        "take it off": Wish(words, 0.1),
        "a person, smiling": Wish(words, 1.0, concepts()["smile"], 1),
        "too much green": Wish(words, 1.0, concepts()["colour of lips"], -1, "green"),
        "her lips are too green": Wish(words, 1.0, concepts()["colour of lips"], -1, "green"),
        "give me short pink hair": Wish(words, 1.0, concepts()["long hair"], -1),
        "remove the grey beard": Wish(words, 1.0, concepts()["beard"], -1),
        "a smile with green lips": Wish(words, 1.0, concepts()["smile"]),
        "curls": Wish(words, 1.0, concepts()["curly hair"], nearest=("long hair",)),
    }
    known = 0.05 if "violin" in words else 0.95
    return plain_wish(words) or understood.get(words, Wish(words, known, nearest=("green lipstick",)))


def reader(universal: bool = True, own: tuple[str, ...] = (), shipped=("green lipstick", "blue goatee")):
    fitted = {p: FittedEdit({}, None, shipped=True) for p in shipped} | {p: FittedEdit({}, None) for p in own}
    problem = "" if universal else "there is no universal network here"
    return PromptReader(fitted, ENTRIES, problem, wish, STACKS["compact"], Path("own"))


def made(found) -> list[tuple[str, str]]:
    return [(part.words, part.mode) for part in found.ingredients]


def test_any_prompt_is_for_the_universal_network():
    found = reader().read("  Pink   eyebrows ")
    assert (found.prompt, found.note, found.best) == ("pink eyebrows", "", 1.0)
    assert made(found) == [("pink eyebrows", "universal")]


def test_the_librarys_word_counts_unless_a_mode_is_asked_for():
    assert made(reader().read("blue goatee")) == [("blue goatee", "fitted")]
    assert made(reader().read("a blue chin beard")) == [("blue goatee", "fitted")]
    assert made(reader().read("blue goatee", "universal")) == [("blue goatee", "universal")]
    assert made(reader().read("green lipstick")) == [("green lipstick", "universal")]
    assert made(reader().read("green lips", "fitted")) == [("green lipstick", "fitted")]
    assert made(reader(shipped=()).read("blue goatee")) == [("blue goatee", "universal")], "it need not be fitted"


def test_what_is_a_direction_needs_no_network():
    directed = replace(reader(), directions=("long hair", "short hair"))
    assert made(directed.read("short hair")) == [("short hair", "direction")]
    assert directed.modes(LibraryPrompt("long hair")) == ("direction",)
    assert made(reader().read("short hair")) == [("short hair", "universal")]
    assert made(replace(reader(own=("short hair",)), directions=("short hair",)).read("short hair")) == [
        ("short hair", "fitted")
    ]


def test_a_colour_beside_a_wish_for_the_same_part_is_a_change_too():
    directed = replace(reader(), directions=("long hair", "short hair"))
    assert [one.prompt for one in directed.read_all("give me short pink hair").readings] == [
        "short hair",
        "pink hair",
    ]
    assert [one.prompt for one in directed.read_all("short green hair").readings] == ["short hair", "green hair"]
    assert [one.prompt for one in reader().read_all("Full red lips").readings] == ["full lips", "red lipstick"]
    mine = replace(reader(own=("short green hair",)), directions=("short hair",))
    assert mine.split("short green hair and smiling") == ("short green hair", "smiling"), (
        "it was fitted as one change"
    )
    assert [one.prompt for one in reader().read_all("remove the grey beard").readings] == ["no beard"]
    assert [one.prompt for one in directed.read_all("a smile with green lips").readings] == ["smiling"]


def test_what_the_user_fitted_comes_first():
    mine = reader(own=("pink eyebrows", "zombie"))
    assert made(mine.read("pink brows")) == [("pink eyebrows", "fitted")]
    assert made(mine.read("zombie")) == [("zombie", "fitted")]
    assert made(mine.read("pink brows", "universal")) == [("pink brows", "universal")]


def test_without_a_universal_network_all_is_as_before():
    without = reader(universal=False)
    assert made(without.read("green lips")) == [("green lipstick", "fitted")]
    with pytest.raises(PromptError, match=r'no edit is fitted for "red nose".*python -m train prompt "red nose"'):
        without.read("red nose")
    with pytest.raises(PromptError, match="no universal network here"):
        without.read("green lipstick", "universal")
    with pytest.raises(PromptError, match="put it into own"):
        reader(universal=False, shipped=()).read("green lipstick")


def test_no_such_mode():
    with pytest.raises(StudioError, match="universal, fitted"):
        reader().read("green lipstick", "magic")


def test_what_is_not_understood_or_cannot_be_done_is_refused_with_what_can():
    with pytest.raises(PromptError, match=r'"violin": I do not understand .* Nearest that works: green lipstick'):
        reader().read("violin")
    with pytest.raises(PromptError, match=r"curly hair.* Nearest that works: long hair"):
        reader().read("curls")
    assert made(reader(own=("curls",)).read("curls")) == [("curls", "fitted")], "unless the user fitted it"


def test_free_words_are_made_by_what_they_ask_for():
    found = reader().read("lose the specs")
    assert (found.prompt, made(found)) == ("no glasses", [("no glasses", "universal")])
    assert reader().read(found.prompt).prompt == found.prompt, "what was understood stays as it is"


def test_a_colour_that_is_wished_away_is_never_made():
    for mode in (None, "universal", "fitted"):
        with pytest.raises(PromptError):
            reader().read("not green lips", mode)


def test_an_amount_is_a_share_of_the_strength():
    found = reader().read("half green lips")
    assert (found.prompt, found.best) == ("green lipstick", 0.4)
    settings, _ = reader().check(EditSettings("half green lips", 1.2))
    assert settings.parts == (PromptStrength("green lipstick", 0.6),)
    assert reader().check(settings)[0] == settings, "an amount counts once"


def test_an_amount_is_kept_where_the_library_has_the_prompt():
    found = reader().read("a very green lipstick")
    assert (found.prompt, found.amount) == ("green lipstick", 1.3)


def test_wishes_with_and_without_colours_are_split():
    _, readings = reader().check(EditSettings("green lipstick, lose the specs"))
    assert [one.prompt for one in readings] == ["green lipstick", "no glasses"]


def test_a_removal_is_carried_over_and():
    found = reader()
    assert found.split("lose the specs and glasses") == ("lose the specs", "no glasses")
    assert found.split("lose the specs, glasses") == ("lose the specs", "glasses"), "a comma begins anew"
    assert found.split("green lips and glasses") == ("green lips", "glasses")
    assert found.split("lose the specs and smooth skin") == ("lose the specs", "smooth skin"), (
        "it lacks something itself"
    )
    assert found.split("lose the specs and smiling") == ("lose the specs", "smiling"), "a verb is a wish"


def test_what_no_piece_of_a_text_says_is_not_read_into_it():
    answer = reader().read_all("take it off and smiling")
    assert [one.prompt for one in answer.readings] == ["smiling"] and list(answer.refused) == ["take it off"]
    assert reader().split("a person, smiling") == ("a person, smiling",)


def test_a_recipe_is_its_parts():
    found = reader().read("a Zombie")
    assert found.prompt == "zombie"
    assert found.ingredients == (
        Ingredient("green lipstick", 0.7, "universal"),
        Ingredient("grey hair", 0.5, "universal"),
    )
    assert modes(reader().read("pirate")) == {"fitted"}
    assert modes(reader(shipped=("blue goatee",)).read("pirate")) == {"universal", "fitted"}
    with pytest.raises(PromptError, match='"zombie" is made of green lipstick, grey hair, and no edit is fitted'):
        reader(universal=False).read("zombie")


def test_several_changes_in_words_become_several_prompts():
    asked = EditSettings("green lipstick and zombie, pink eyebrows", 0.6, more=(PromptStrength("smiling", 0.4),))
    settings, readings = reader().check(asked)
    assert settings.parts == (
        PromptStrength("green lipstick", 0.6), PromptStrength("zombie", 0.6),
        PromptStrength("pink eyebrows", 0.6), PromptStrength("smiling", 0.4),
    )  # fmt: skip
    assert [found.prompt for found in readings] == [part.prompt for part in settings.parts]
    assert reader().check(settings)[0] == settings, "what was split stays as it is"


def test_what_can_be_made_of_a_text_is_made_and_the_rest_is_said():
    answer = reader().read_all("green lipstick, curls, zombie")
    assert [one.prompt for one in answer.readings] == ["green lipstick", "zombie"]
    assert {words: error.nearest for words, error in answer.refused.items()} == {"curls": ("long hair",)}
    with pytest.raises(PromptError, match=r'"curls": .*"not green lips"') as refused:
        reader().read_all("curls, not green lips")
    assert refused.value.nearest == ("long hair",)


def test_settings_name_what_is_left_out_of_them():
    settings, readings = reader().check(EditSettings("green lipstick, curls", more=(PromptStrength("violin"),)))
    assert [one.prompt for one in readings] == [settings.prompt] == ["green lipstick"] and not settings.more
    assert [said[:17] for said in settings.left_out] == ['Left out: "curls"', 'Left out: "violin'[:17]]
    assert reader().check(settings)[0] == settings, "and keep it"


def test_what_is_said_twice_is_one_change_and_what_does_not_go_together_is_asked_about():
    said = reader().read_all("a zombie, pink hair, the zombie").readings
    assert [one.prompt for one in said] == ["zombie", "pink hair"]
    answer = reader().read_all("green lipstick or red lipstick, smiling")
    assert [one.prompt for one in answer.readings] == ["smiling"]
    (error,) = answer.refused.values()
    assert "do not go together" in str(error) and error.nearest == ("green lipstick", "red lipstick")
    with pytest.raises(PromptError, match="“glasses” and “no glasses” do not go together"):
        reader().read_all("glasses, no glasses")


def test_a_complaint_is_answered_by_another_change_of_the_same_part():
    for text in ("her lips are too green, red lipstick", "too much green, red lipstick"):
        answer = reader().read_all(text)
        assert ([one.prompt for one in answer.readings], answer.refused) == (["red lipstick"], {})
    assert list(reader().read_all("her lips are too green, red hair").refused) == ["her lips are too green"]
    with pytest.raises(PromptError, match="take a colour away"):
        reader().read_all("her lips are too green")


def test_too_many_changes_and_one_twice_are_refused():
    with pytest.raises(PromptError, match="combine at most 4"):
        reader().check(EditSettings("red hair, green lips, blue brows, pink skin, red eyes"))
    with pytest.raises(PromptError, match="twice"):
        reader().check(EditSettings("zombie", more=(PromptStrength("a zombie"),)))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("strength", float("nan"), "strength"), ("strength", 99, "strength"), ("strength", -1, "strength"),
     ("mask_threshold", 2, "mask threshold"), ("likeness", -0.1, "likeness"), ("mask_feather", 1e9, "mask feather"),
     ("variation", -3, "variation"), ("more", (PromptStrength("blue eyes", float("inf")),), "strength")],
)  # fmt: skip
def test_a_number_outside_its_range_is_refused(field, value, words):
    with pytest.raises(StudioError, match=f"The {words} is"):
        reader().check(EditSettings("green lipstick", **{field: value}))


def test_a_fitted_prompt_of_two_changes_stays_one():
    assert reader(own=("red lips and blue hair",)).split("Red lips and blue hair") == ("Red lips and blue hair",)


def test_only_what_can_be_made_is_offered():
    names = [entry.prompt for entry in reader(own=("red nose",)).offered()]
    assert names == ["green lipstick", "blue goatee", "smiling", "zombie", "pirate", "red nose"]
    without = reader(universal=False)
    assert [entry.prompt for entry in without.offered()] == ["green lipstick", "blue goatee", "pirate"]
    assert [without.modes(entry) for entry in ENTRIES] == [("fitted",), ("fitted",), (), (), ("fitted",)]
    assert reader().modes(ENTRIES[0]) == ("universal", "fitted")


def test_a_retouch_needs_no_network_and_a_network_of_the_users_own_comes_first():
    for universal in (True, False):
        assert made(reader(universal).read("freckles")) == [("freckles", "retouch")]
    assert made(reader(own=("freckles",)).read("freckles")) == [("freckles", "fitted")]
    with pytest.raises(PromptError):
        reader().read("freckles", "fitted")
