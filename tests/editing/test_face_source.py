"""What is kept of a face while it is being edited."""

from __future__ import annotations

import gc
import threading

import pytest
import torch

from mcaclip.editing.face_source import SHIFTS_KEPT, FaceCache, source_of
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.render import draw, prepare
from mcaclip.generators.base import seeded_z
from mcaclip.types import EditSettings
from tests.editing.test_render import generator, network, request  # noqa: F401
from tests.helpers.faces import face_of
from tests.helpers.toy_space import ToySpace


@pytest.fixture
def face(generator):  # noqa: F811
    return face_of(generator, seeded_z(18, 3)[None])


def test_a_source_is_made_once_per_face(generator, face):  # noqa: F811
    cache, made = FaceCache[object](), []
    for _ in range(3):
        cache.get(face, lambda: made.append(1) or source_of(generator, face))
    assert made == [1]


def test_the_oldest_faces_go_first(generator):  # noqa: F811
    faces = [face_of(generator, seeded_z(18, seed)[None]) for seed in range(3)]
    cache = FaceCache[int](most=2)
    cache.get(faces[0], lambda: 0)
    cache.get(faces[1], lambda: 1)
    assert cache.get(faces[0], lambda: 9) == 0
    cache.get(faces[2], lambda: 2)
    assert len(cache) == 2 and cache.get(faces[0], lambda: 9) == 0 and cache.get(faces[1], lambda: 9) == 9


def test_nothing_outlives_its_face(generator):  # noqa: F811
    cache, face = FaceCache[int](), face_of(generator, seeded_z(18, 1)[None])
    cache.get(face, lambda: 1)
    del face
    gc.collect()
    assert len(cache) == 0


def test_threads_may_ask_at_once(generator):  # noqa: F811
    faces, cache = [face_of(generator, seeded_z(18, seed)[None]) for seed in range(4)], FaceCache[int]()
    wrong: list[int] = []

    def ask() -> None:
        for turn in range(200):
            number = turn % 4
            if cache.get(faces[number], lambda wanted=number: wanted) != number:
                wrong.append(number)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(cache) <= 2


def test_an_edit_from_what_was_kept_is_the_edit(generator, face):  # noqa: F811
    made_by, source = network(generator), source_of(generator, face)
    settings = [
        EditSettings(words, strength) for words in ("green lipstick", "purple hair") for strength in (0.5, 1.5)
    ]
    for one in [*settings, *settings]:
        wanted = request(one, made_by)
        fresh = draw(prepare(source_of(generator, face), wanted)).image
        assert torch.equal(draw(prepare(source, wanted)).image, fresh)


def test_networks_and_words_are_told_apart_and_few_shifts_are_kept(generator, face):  # noqa: F811
    source, first, second = source_of(generator, face), network(generator), network(generator)
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(0.1)

    def mask(made_by, words: str) -> torch.Tensor:
        prompted = PromptedNetwork(made_by, ToySpace().text_code(words))
        kept = source.shift(prompted, words, opened=False).shift
        alone = source_of(generator, face).shift(prompted, words, opened=False).shift
        assert torch.equal(kept.delta_w, alone.delta_w)
        assert all(map(torch.equal, kept.masks, alone.masks))
        return kept.masks[-1]

    with torch.no_grad():
        assert not torch.equal(mask(first, "purple hair"), mask(second, "purple hair"))
        for number in range(SHIFTS_KEPT + 2):
            mask(first, f"word {number}")
        assert len(source.learned) == SHIFTS_KEPT
