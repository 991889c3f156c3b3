"""The package as it is installed: one version, one list of dependencies, assets that are found."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import mcaclip
from mcaclip.config import ASSETS, PROJECT, _assets

tomllib = pytest.importorskip("tomllib")  # Python 3.11

TEST_COMMAND = "pip install -r requirements-dev.txt && python -m pytest"


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(name: str) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in (PROJECT / name).read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line and not line.startswith("-r")}


def test_dependencies_are_those_of_requirements(pyproject):
    assert set(pyproject["project"]["dependencies"]) == requirements("requirements.txt")


def test_extras_are_those_of_requirements_dev(pyproject):
    extras = pyproject["project"]["optional-dependencies"]
    assert set(extras) == {"train", "dev", "ray", "feature-space"}
    assert {*extras["train"], *extras["dev"]} == requirements("requirements-dev.txt")
    assert {*extras["feature-space"]} <= {*extras["train"], *extras["dev"]}, "its tests need it"
    assert "-r requirements.txt" in (PROJECT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()


def test_the_version_is_written_once(pyproject):
    assert "version" not in pyproject["project"] and "version" in pyproject["project"]["dynamic"]
    assert pyproject["tool"]["hatch"]["version"]["path"] == "mcaclip/__init__.py"
    newest = re.search(r"^## \[([0-9.]+)\]", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None and newest[1] == mcaclip.__version__


def test_the_entry_point_exists(pyproject):
    module, _, function = pyproject["project"]["scripts"]["mcaclip"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_wheels_carry_the_assets_where_they_are_looked_for(pyproject):
    wheel = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"assets": "mcaclip/assets"}
    assert all((PROJECT / package / "__init__.py").is_file() for package in wheel["packages"])


def test_assets_are_found_in_a_checkout_and_when_installed(tmp_path: Path):
    package = tmp_path / "mcaclip"
    package.mkdir()
    assert _assets(package) == tmp_path / "assets"
    (package / "assets").mkdir()
    assert _assets(package) == package / "assets"
    assert (ASSETS / "SHA256SUMS").is_file()


def test_the_licence_files_exist(pyproject):
    assert all((PROJECT / name).is_file() for name in pyproject["project"]["license-files"])


def test_the_checks_end_with_the_test_command_of_the_readme():
    script = (PROJECT / ".ci" / "run").read_text(encoding="utf-8").strip().splitlines()
    assert script[-1] == TEST_COMMAND
    assert TEST_COMMAND in (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()
    assert {"ruff check .", "ruff format --check .", "mypy", "lint-imports"} <= set(script)
