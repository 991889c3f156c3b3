"""Stacks as data: what may be chosen, and how a choice is named in messages and commands."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from mcaclip.config import EDITING_SLOTS, SLOT_HELP, SLOTS, STACKS, GeneratorFile, Stack, check_parser, choose
from mcaclip.errors import StudioError
from mcaclip.weights.table import STACKS as WEIGHT_STACKS
from mcaclip.weights.table import TABLE


def test_every_slot_has_choices_help_and_known_files():
    assert set(SLOTS) == set(SLOT_HELP) == {field.name for field in fields(Stack)} - {"name", "generator_file"}
    for stack in STACKS.values():
        assert all(getattr(stack, slot) in SLOTS[slot] for slot in SLOTS)
        assert set(stack.weights(SLOTS)) <= set(WEIGHT_STACKS[stack.name]) <= set(TABLE)


def test_editing_reads_no_parser():
    assert "parser" not in EDITING_SLOTS
    assert "parsenet" not in STACKS["paper"].weights()
    assert set(STACKS["paper"].weights()) == {"stylegan2", "e4e", "clip_vit_b32", "arcface_ir_se50"}


def test_slots_are_chosen_one_by_one():
    mixed = choose("compact", clip="ViT-B-32-quickgelu", encoder=None)
    assert (mixed.clip, mixed.encoder, mixed.generator) == ("ViT-B-32-quickgelu", "compact", "mobilestylegan")
    assert mixed.label == "compact with clip ViT-B-32-quickgelu"
    assert mixed.options == " --clip ViT-B-32-quickgelu"
    assert choose("paper", clip="FaceCLIP").options == " --stack paper --clip FaceCLIP"
    assert (choose().label, choose().options) == ("compact", "")


@pytest.mark.parametrize(
    ("name", "slots", "message"),
    [
        ("huge", {}, "compact or paper"),
        ("paper", {"clip": "BERT"}, "FaceCLIP or ViT-B-32-quickgelu"),
        ("paper", {"wings": "e4e"}, "slots are generator"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(name, slots, message):
    with pytest.raises(StudioError, match=message):
        choose(name, **slots)


def test_a_generator_of_ones_own_is_named_by_its_digest_and_replaces_the_published_one():
    own = replace(
        choose(generator="stylegan2"), generator_file=GeneratorFile(Path("/cats.pt"), "0123456789abcdef" * 4)
    )
    assert own.generator_name == "stylegan2-0123456789ab" and STACKS["paper"].generator_name == "stylegan2"
    assert "stylegan2" not in own.weights() and own.label.endswith("file cats.pt")
    assert own.options == ' --generator stylegan2 --generator-file "/cats.pt"'


def test_other_things_than_faces_need_no_file_of_faces():
    other = choose(encoder="mean", identity="none")
    assert not other.knows_faces and other.weights(("encoder", "identity")) == ()


def test_the_parsing_head_goes_with_its_own_generator_only():
    check_parser(STACKS["compact"])
    check_parser(choose("compact", generator="stylegan2", parser="parsenet"))
    with pytest.raises(StudioError, match="--parser parsenet"):
        check_parser(choose("compact", generator="stylegan2", parser="parsing-head"))


def test_another_generator_on_the_compact_stack_gets_a_parser_of_pictures_unless_one_is_named():
    mixed = choose("compact", generator="stylegan2")
    check_parser(mixed)
    assert mixed.parser == "face-parser" and mixed.options == " --generator stylegan2"
    named = choose("compact", generator="stylegan2", parser="parsenet")
    assert named.options == " --generator stylegan2 --parser parsenet"
    assert choose("paper", generator="mobilestylegan").parser == "parsenet"
