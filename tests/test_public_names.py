"""What others import from `mcaclip`: the names are the real ones, and importing them waits for no model."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mcaclip

PUBLIC = {
    "AlignedFace", "EditResult", "EditSettings", "FaceEditor", "Inversion", "PromptError", "StudioError",
    "load_editor", "load_photo",
}  # fmt: skip


def test_the_public_names_are_those_of_the_package():
    from mcaclip import editor, errors, types
    from mcaclip.imaging import photo

    homes = (editor, errors, types, photo)
    for name in PUBLIC:
        assert any(getattr(home, name, None) is getattr(mcaclip, name) for home in homes), name


def test_the_names_are_listed():
    assert set(mcaclip.__all__) == PUBLIC | {"__version__"}
    assert set(dir(mcaclip)) >= PUBLIC


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mcaclip.no_such_name


def test_importing_the_package_does_not_import_torch():
    probe = "import sys, mcaclip; mcaclip.__version__, mcaclip.StudioError; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
