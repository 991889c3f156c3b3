"""Who may import whom; lazy and type-only imports count."""

from __future__ import annotations

import subprocess
import sys

import grimp
import pytest

from mcaclip.config import PROJECT


def test_contracts_are_kept():
    """In a process of its own, because import-linter switches off the loggers that are there."""
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", command], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# the contracts see circles between siblings only, not those by way of a package's own `__init__`
@pytest.mark.parametrize("package", ["mcaclip", "train"])
def test_no_module_is_in_a_circle(package):
    graph = grimp.build_graph(package, cache_dir=None)
    imports = [
        (module, imported)
        for module in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(module))
    ]
    assert [pair for pair in imports if graph.chain_exists(importer=pair[1], imported=pair[0])] == []
