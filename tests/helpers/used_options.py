"""Which options of a command its function reads, found in the source by following the object that holds them."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType


def used_options(function: Callable, options: type) -> set[str]:
    """Attributes of the first argument that a function reads itself, or by a method or function it hands it to."""
    return _Reader(options).read(inspect.unwrap(function))


class _Reader:
    def __init__(self, options: type) -> None:
        self.options, self.seen = options, set[FunctionType]()

    def read(self, function: FunctionType) -> set[str]:
        if function in self.seen:
            return set()
        self.seen.add(function)
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        assert isinstance(tree, ast.FunctionDef)
        if not tree.args.args:
            return set()
        held, names = tree.args.args[0].arg, dict(function.__globals__)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name: _imported(node.module, alias.name) for alias in node.names}
        found: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == held:
                found |= self._attribute(node.attr)
            elif isinstance(node, ast.Attribute) and _is_super(node.value):
                for parent in self.options.__mro__[1:]:
                    if node.attr in vars(parent):
                        found |= self._member(vars(parent)[node.attr])
            elif isinstance(node, ast.Call) and any(isinstance(a, ast.Name) and a.id == held for a in node.args[:1]):
                called = _resolved(node.func, names)
                if isinstance(called, FunctionType):
                    found |= self.read(called)
        return found

    def _attribute(self, name: str) -> set[str]:
        member = inspect.getattr_static(self.options, name, None)
        return self._member(member) if isinstance(member, (FunctionType, property)) else {name}

    def _member(self, member: object) -> set[str]:
        if isinstance(member, property):
            member = member.fget
        return self.read(member) if isinstance(member, FunctionType) else set()


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _imported(module: str | None, name: str) -> object:
    source = importlib.import_module(module or "")
    return getattr(source, name, None) or importlib.import_module(f"{module}.{name}")


def _resolved(node: ast.expr, names: dict[str, object]) -> object:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return getattr(names.get(node.value.id), node.attr, None)
    return None
