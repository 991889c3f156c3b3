"""ZeroGPU of Hugging Face Spaces: a GPU is lent for the time of one call, which runs in a process of its own.

The server's own editor stays on the CPU, where it reads prompts and answers hints. What is computed of faces goes
into one function that `spaces.GPU` decorates; its process, which serves many calls, loads the editor once more, for
the GPU. Everywhere else none of this is used, whether the package `spaces` is installed or not.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import fields, is_dataclass, replace
from functools import cache, wraps
from typing import Any, TypeVar, cast

from torch import Tensor

from mcaclip.editing.request import EditRequest
from mcaclip.editor import FaceEditor
from mcaclip.errors import StudioError
from mcaclip.types import EditResult, Inversion, MovingEdit, Progress, ProgressCallback
from mcaclip.ui.state.background import steps
from mcaclip.ui.state.session import CancelToken

Value = TypeVar("Value")
Method = TypeVar("Method", bound=Callable[..., Any])
Call = Callable[[str, dict[str, Any]], Generator[Any, None, None]]
REPORTING = ("invert", "refine", "strip", "variations")
"""The methods that report their progress."""
SECONDS = 60
"""Of a call at most; what takes less gives the GPU back sooner. Visitors have a few minutes per day."""


def on_zero_gpu() -> bool:
    """Whether this is a ZeroGPU Space; read as `spaces` itself reads it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def gpu_call(load: Callable[[], FaceEditor]) -> Call:
    """The function that runs on the GPU; it has to be there before the page is launched.

    Args:
        load: makes the GPU's editor, in the process that has the GPU.

    Returns:
        From a method's name and arguments to its progress and, at last, its result or StudioError, all on the CPU.
    """
    import spaces

    editor = cache(load)

    def compute(method: str, arguments: dict[str, Any]) -> Generator[Any, None, None]:
        def work(show: ProgressCallback) -> Any:
            if method == "render":
                return editor().render(arguments["inversion"], editor().resolve(arguments["settings"]), show)
            reports = {"callback": show} if method in REPORTING else {}
            return getattr(editor(), method)(**arguments, **reports)

        try:
            result = yield from steps(work, CancelToken(), on_cpu)
        except StudioError as error:  # an exception would reach the visitor by the name of its class only
            result = error
        yield on_cpu(result)

    decorated: Call = spaces.GPU(compute, duration=SECONDS)
    return decorated


def on_cpu(value: Value) -> Value:
    """A record, tensor or sequence of them with all tensors on the CPU."""
    made: Any = value
    if isinstance(value, Tensor):
        made = value.cpu()
    elif isinstance(value, (tuple, list)):
        made = type(value)(map(on_cpu, value))
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: on_cpu(getattr(value, field.name)) for field in fields(value)})
    return made


def _there(method: Method) -> Method:
    """A method of `FaceEditor`, computed where the GPU is."""
    signature = inspect.signature(method)

    @wraps(method)
    def computed(self: ZeroGpuEditor, *given: Any, **named: Any) -> Any:
        arguments = signature.bind(self, *given, **named).arguments
        del arguments["self"]
        callback = arguments.pop("callback", None)
        return self._computed(method.__name__, arguments, callback)

    return cast(Method, computed)


class ZeroGpuEditor(FaceEditor):
    """A `FaceEditor` that computes its faces by a function of `gpu_call`.

    A stopped inversion ends without a result there: the wish to stop does not reach the other process in time.

    Args:
        editor: the server's own, on the CPU.
        call: see `gpu_call`.
    """

    def __init__(self, editor: FaceEditor, call: Call):
        super().__init__(editor.models, editor.slots, editor.device)
        self._call = call

    def _computed(self, method: str, arguments: dict[str, Any], callback: ProgressCallback | None = None) -> Any:
        result = None
        with closing(self._call(method, arguments)) as answers:
            for result in answers:
                if isinstance(result, Progress) and callback is not None:
                    callback(result)
        if isinstance(result, StudioError):
            raise result
        return result

    invert = _there(FaceEditor.invert)
    refine = _there(FaceEditor.refine)
    sample = _there(FaceEditor.sample)
    reconstruct = _there(FaceEditor.reconstruct)
    preview = _there(FaceEditor.preview)
    strip = _there(FaceEditor.strip)
    variations = _there(FaceEditor.variations)

    def render(
        self, inversion: Inversion, request: EditRequest, callback: ProgressCallback | None = None
    ) -> EditResult:
        """See `FaceEditor`; the networks of the request are found again where the GPU is."""
        arguments = {"inversion": inversion, "settings": request.settings}
        made: EditResult = self._computed("render", arguments, callback)
        return replace(made, settings=request.settings)

    def moving(self, inversion: Inversion, request: EditRequest) -> MovingEdit:
        """See `FaceEditor`."""
        made = self.render(inversion, request)
        return MovingEdit(made.image, made.combined_mask)
