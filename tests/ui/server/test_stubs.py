"""Gradio makes no type stubs while the page starts."""

from __future__ import annotations

import inspect

import gradio as gr
from gradio import component_meta

from mcaclip.ui.server.stubs import without_stubs


def test_gradio_makes_no_stub_for_its_own_components_meanwhile(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(component_meta, "extract_class_source_code", lambda code, name: asked.append(name) or ("", 0))
    getfile = inspect.getfile
    with without_stubs():
        type(gr.HTML)("Drawn", (gr.HTML,), {"__module__": gr.HTML.__module__})
        assert inspect.getfile(type(monkeypatch)) == getfile(type(monkeypatch))
    assert not asked and inspect.getfile is getfile


def test_the_lookup_comes_back_after_a_failure():
    getfile = inspect.getfile
    try:
        with without_stubs():
            raise ImportError("gradio")
    except ImportError:
        assert inspect.getfile is getfile
