"""`/healthz`, for monitoring."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mcaclip import __version__
from mcaclip.ui.state.loading import EditorSource

PATH = "/healthz"


def add_health(app: FastAPI, source: EditorSource) -> None:
    """Adds the route: 200 when edits can be made, 503 while the models load or when they failed."""

    def answer(request: Request) -> JSONResponse:
        state = source.status
        word = "error" if state.error is not None else "ready" if state.ready else "loading"
        return JSONResponse({"status": word, "version": __version__}, 200 if state.ready else 503)

    # before Gradio's own routes, one of which takes every path
    app.router.routes.insert(0, Route(PATH, answer, methods=["GET"]))
