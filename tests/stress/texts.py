"""Hostile prompts, numbers and names."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

from mcaclip import validate
from mcaclip.platform.naming import distinct_stems, safe_stem
from mcaclip.types import EditSettings
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state.controls import Controls
from mcaclip.ui.state.loading import EditorSource
from tests.fakes import FakeEditor
from tests.stress.cases import World
from tests.stress.junk import NOT_FINITE, NUMBERS, text, value

ENDINGS = (".mcaclip.safetensors", "_film.gif", ".png", "")
_EDITOR = FakeEditor(universal=True)


def prompts(rng: Random, world: World) -> None:
    """A prompt in every way that it arrives: with a strength, from the page's fields, to the reader of prompts."""
    words = text(rng)
    mode = rng.choice((None, None, "fitted", "universal", text(rng)))
    way = rng.randrange(5)
    if way == 0:
        for prompt, strength in validate.split_prompts(words.split(";"), 1.0):
            assert prompt.isprintable() and 0 <= strength <= validate.MAX_STRENGTH
    elif way == 1:
        _EDITOR.check_settings(EditSettings(validate.clean_prompt(words), mode=validate.check_mode(mode)))
    elif way == 2:
        source = EditorSource(lambda report: _EDITOR)
        source.start()
        source.wait(5)
        verdict = Studio(source, world.folder).prompt_hint(words, mode)["verdict"]
        assert verdict["kind"] in ("idle", "good", "fair", "bad") and verdict["line"]
        assert set(verdict.get("suggestions", ())) <= set(_EDITOR.prompts())
    elif way == 3:
        numbers = [rng.choice((1.0, *NUMBERS, *NOT_FINITE, value(rng))) for _ in range(validate.MAX_PROMPTS + 3)]
        Controls.of([rng.choice((words, "", value(rng))), *numbers, value(rng), mode]).settings(words, None)
    else:
        for name in ("strength", "threshold", "feather", "effort"):
            getattr(validate, f"check_{name}")(value(rng))


def names(rng: Random, world: World) -> None:
    """A name becomes that of a file that can be made, beside the others, and nowhere else."""
    given = [text(rng) for _ in range(rng.randint(1, 5))]
    stems = distinct_stems(given)
    assert len({stem.casefold() for stem in stems}) == len(given)
    with tempfile.TemporaryDirectory(dir=world.folder) as folder:
        for stem in (*stems, *map(safe_stem, given)):
            assert safe_stem(stem) == stem or stem in stems, f"{stem!r} becomes another one"
            for ending in ENDINGS:
                path = Path(folder) / (stem + ending)
                path.write_bytes(b"")
                assert path.parent.samefile(folder) and path.name in {one.name for one in Path(folder).iterdir()}
