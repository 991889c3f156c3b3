"""Session files: everything is restored, and damaged or hostile files are refused."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mcaclip.errors import ImageError
from mcaclip.imaging import align
from mcaclip.platform.naming import safe_stem
from mcaclip.results import session_file, session_paint
from mcaclip.results.session_file import SavedSession, SessionFileError, photo_bytes, read_session, write_session
from mcaclip.types import AlignedFace, EditSettings, Paint, PromptStrength, Residual
from tests.helpers.anything import ANYWHERE, JSON, damaged


@pytest.fixture
def saved() -> SavedSession:
    photo = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    quad = np.array([[10.0, 10], [10, 70], [70, 70], [70, 10]])
    paint = Paint(allow=(torch.rand(1, 64, 64) > 0.5).float())
    edits = (
        EditSettings("green lipstick", 0.7, 0.3, (PromptStrength("purple hair", 1.5),), True, 4.0),
        EditSettings("blue goatee", paint=paint, variation=999, mode="universal", without_masks=True),
    )
    return SavedSession("me", torch.randn(18, 512), 0.78, photo_bytes(photo), quad, edits, 1, {"a": "0" * 64})


@pytest.fixture
def path(tmp_path, saved) -> Path:
    """A file of the session, which the tests then damage."""
    write_session(tmp_path / "s", saved)
    return tmp_path / "s"


def test_everything_comes_back(tmp_path, saved):
    write_session(tmp_path / "s.safetensors", saved)
    found = read_session(tmp_path / "s.safetensors")
    assert torch.equal(found.w_plus, saved.w_plus)
    assert found.photo == saved.photo and np.array_equal(found.quad, saved.quad)
    assert found.edits[0] == saved.edits[0]
    assert torch.equal(found.edits[1].paint.allow, saved.edits[1].paint.allow)
    assert found.edits[1].paint.include is None
    assert (found.edits[0].variation, found.edits[1].variation) == (0, 999)
    assert [(edit.mode, edit.without_masks) for edit in found.edits] == [(None, False), ("universal", True)]
    assert (found.name, found.identity, found.current, found.weights) == ("me", 0.78, 1, saved.weights)


def test_the_residual_comes_back_bit_for_bit(tmp_path, saved):
    residual = Residual(6, torch.randn(1, 512, 32, 32).half())
    edits = (EditSettings("smiling", likeness=0.2),)
    write_session(tmp_path / "s", replace(saved, residual=residual, edits=edits, current=0))
    found = read_session(tmp_path / "s")
    assert found.residual.layer == 6 and torch.equal(found.residual.features, residual.features)
    assert found.edits[0].likeness == 0.2
    assert read_session(_base(tmp_path / "old")).residual is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tensors: tensors.update(residual=torch.full((1, 512, 32, 32), torch.inf).half()),
        lambda tensors: tensors.update(residual=torch.zeros(1, 512, 32, 32)),
        lambda tensors: tensors.update(residual=torch.zeros(1, 512, 65, 65).half()),
        lambda tensors: tensors.update(residual=torch.zeros(512, 32, 32).half()),
    ],
)
def test_a_residual_out_of_range_is_refused(tmp_path, saved, spoil):
    write_session(tmp_path / "s", replace(saved, residual=Residual(6, torch.zeros(1, 512, 32, 32).half())))
    _spoiled(tmp_path / "s", change_tensors=spoil)
    with pytest.raises(SessionFileError):
        read_session(tmp_path / "s")


def test_generated_face_needs_no_photo(tmp_path):
    write_session(tmp_path / "s.st", SavedSession("seed_7", torch.zeros(18, 512), None, None, None, (), -1, {}))
    found = read_session(tmp_path / "s.st")
    assert found.photo is None and found.edits == () and found.current == -1


def _spoiled(path, change_header=None, change_tensors=None):
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    header = json.loads(metadata["session"])
    if change_header:
        change_header(header)
    if change_tensors:
        change_tensors(tensors)
    save_file(tensors, path, {**metadata, "session": json.dumps(header)})


def test_files_of_older_versions_still_load(path):
    _spoiled(
        path,
        change_header=lambda h: [
            edit.pop(key) for edit in h["edits"] for key in ("variation", "mode", "without_masks", "likeness")
        ],
    )
    found = [(edit.variation, edit.mode, edit.without_masks, edit.likeness) for edit in read_session(path).edits]
    assert found == [(0, None, False, 0.5)] * 2


BAD_TENSORS = {
    "shape": lambda t: t.__setitem__("w_plus", torch.zeros(17, 512)),
    "type": lambda t: t.__setitem__("w_plus", torch.zeros(18, 512, dtype=torch.float64)),
    "not finite": lambda t: t.__setitem__("w_plus", torch.full((18, 512), torch.nan)),
    "no latent": lambda t: t.pop("w_plus"),
    "no picture": lambda t: t.__setitem__("photo", torch.zeros(50, dtype=torch.uint8)),
    "floats as picture": lambda t: t.__setitem__("photo", torch.zeros(50)),
    "crop alone": lambda t: t.pop("photo"),
    "crop without size": lambda t: t.__setitem__("quad", torch.zeros(4, 2, dtype=torch.float64)),
    "unknown": lambda t: t.__setitem__("extra", torch.zeros(1)),
}


@pytest.mark.parametrize("case", sorted(BAD_TENSORS))
def test_bad_tensors_are_refused(path, case):
    _spoiled(path, change_tensors=BAD_TENSORS[case])
    with pytest.raises(SessionFileError, match="damaged"):
        read_session(path)


def test_other_files_are_refused(tmp_path, monkeypatch, saved):
    (tmp_path / "a").write_bytes(b"no session at all")
    save_file({"w": torch.zeros(1)}, tmp_path / "b", {"format": "other"})
    for name in ("a", "b"):
        with pytest.raises(SessionFileError, match="not a session"):
            read_session(tmp_path / name)
    write_session(tmp_path / "c", saved)
    monkeypatch.setattr(session_file, "MAX_BYTES", 1000)
    with pytest.raises(SessionFileError, match="larger"):
        read_session(tmp_path / "c")


def _base(path, photo: bytes | None = None, quad: np.ndarray | None = None, edits=(), name="me"):
    write_session(path, SavedSession(name, torch.zeros(18, 512), None, photo, quad, edits, -1, {}))
    return path


def _bytes(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


# --- the photo


def _photo_file(kind: str, size: tuple[int, int] = (210, 160)) -> bytes:
    """A photo's file with fine detail in it."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    waves = [np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 5)]
    image = Image.fromarray(np.rint(127.5 + 100 * np.stack(waves, axis=2)).astype(np.uint8))
    exif = Image.Exif()
    if kind == "turned JPEG":
        exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, format=kind.split()[-1], exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "turned JPEG", "PNG", "WEBP"])
def test_crop_and_paste_of_the_kept_photo_are_the_same_bit_for_bit(tmp_path, kind):
    data = _photo_file(kind)
    (tmp_path / "photo").write_bytes(data)
    photo = align.load_photo(tmp_path / "photo")
    assert photo.shape[:2] == ((210, 160) if kind == "turned JPEG" else (160, 210))
    quad = np.array([[20.3, 15.1], [20.3, 135.1], [140.3, 135.1], [140.3, 15.1]])
    crop, valid = align.crop_quad(photo, quad, 1024)
    found = read_session(_base(tmp_path / "s", photo_bytes(photo, data), quad))
    assert found.photo == data and np.array_equal(found.pixels, photo) and np.array_equal(found.quad, quad)
    again, valid_again = align.crop_quad(found.pixels, found.quad, 1024)
    assert torch.equal(again, crop) and np.array_equal(valid_again, valid)
    edit = crop.flip(0)
    first = align.paste_back(AlignedFace(crop, quad, valid, None, photo), edit)
    second = align.paste_back(AlignedFace(again, found.quad, valid_again, None, found.pixels), edit)
    assert np.array_equal(first, second) and not np.array_equal(first, photo)


def test_a_photo_of_24_megapixels_is_kept(tmp_path):
    tile = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.tile(tile, (10, 10, 1))).save(buffer, format="JPEG", quality=90)
    data = buffer.getvalue()
    assert len(data) > 8_000_000
    quad = np.array([[1000.0, 800], [1000, 2800], [3000, 2800], [3000, 800]])
    found = read_session(_base(tmp_path / "s", data, quad))
    assert found.photo == data and found.pixels.shape == (4000, 6000, 3) and np.array_equal(found.quad, quad)


def test_a_photo_without_a_file_is_kept_as_png():
    pixels = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    data = photo_bytes(pixels)
    assert data.startswith(b"\x89PNG") and np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    assert photo_bytes(pixels, b"its own file") == b"its own file"


def test_a_photo_file_that_is_too_large_becomes_a_png_or_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(session_file, "MAX_PHOTO_BYTES", 5000)
    assert photo_bytes(np.zeros((80, 80, 3), np.uint8), bytes(6000)).startswith(b"\x89PNG")
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    with pytest.raises(ImageError, match="JPEG"):
        photo_bytes(noise, bytes(6000))
    with pytest.raises(SessionFileError, match="JPEG"):
        _base(tmp_path / "s", bytes(6000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_of_countless_empty_segments_is_refused(tmp_path, kind):
    data, at, empty = _photo_file(kind), *{"JPEG": (2, b"\xff\xe4\0\2"), "PNG": (33, _chunk(b"IDAT", b""))}[kind]
    path = _base(tmp_path / "s", data, SQUARE)
    assert read_session(path).pixels is not None
    _spoiled(path, change_tensors=lambda t: t.__setitem__("photo", _bytes(data[:at] + empty * 20_000 + data[at:])))
    with pytest.raises(SessionFileError, match=r"damaged \(The (photo|image)"):
        read_session(path)


# --- sizes


def _black(side: int, colours: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.new(colours, (side, side)).save(buffer, format="PNG")
    return buffer.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _claimed(side: int) -> bytes:
    """A small file whose header says that it is a large picture."""
    return _black(8)[:8] + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + _black(8)[33:]


BAD_MASKS = {
    "large": _black(1025),
    "claims to be large": _claimed(100_000),
    "claims no size": _claimed(0),
    "claims more than it has": _claimed(64),
    "coloured": _black(64, "RGB"),
    "not a picture": bytes(100),
    "short": _black(8)[:30],
    "cut off": _black(64)[:-4],
    "unpacks to more": _black(64)[:33] + _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1000))) + _black(64)[33:],
    "many pieces": _black(64)[:33] + _chunk(b"IDAT", b"") * 100 + _black(64)[33:],
    "jpeg": _photo_file("JPEG", (64, 64)),
}


@pytest.mark.parametrize("case", sorted(BAD_MASKS))
def test_bad_masks_are_refused(path, case):
    _spoiled(path, change_tensors=lambda t: t.__setitem__("paint_1_allow", _bytes(BAD_MASKS[case])))
    with pytest.raises(SessionFileError, match="mask"):
        read_session(path)


def test_all_masks_together_are_bounded_before_one_is_decoded(path, monkeypatch):
    monkeypatch.setattr(session_paint, "MAX_MASK_PIXELS", 2 * 64 * 64 - 1)
    monkeypatch.setattr(session_paint, "_mask", None)
    _spoiled(path, change_tensors=lambda t: t.__setitem__("paint_0_include", _bytes(_black(64))))
    with pytest.raises(SessionFileError, match="too large"):
        read_session(path)


def test_no_tensor_is_read_before_every_shape_is_right(tmp_path, monkeypatch):
    for number, extra in enumerate((torch.zeros(1), torch.zeros(2, 2, dtype=torch.uint8))):
        tensors = {"w_plus": torch.zeros(18, 512), "zz" if number else "photo": extra}
        save_file(tensors, tmp_path / "s", {"format": session_file.FORMAT, "session": "{}"})
        monkeypatch.setattr(session_file, "_parse", None)
        with pytest.raises(SessionFileError, match="damaged"):
            read_session(tmp_path / "s")


def test_a_header_of_any_claimed_length_is_refused(tmp_path):
    for claimed in (session_file.MAX_HEADER_BYTES + 1, 2**40, 2**64 - 1):
        (tmp_path / "s").write_bytes(struct.pack("<Q", claimed) + b"{}")
        with pytest.raises(SessionFileError, match="not a session"):
            read_session(tmp_path / "s")


def test_edits_beyond_what_a_file_holds_are_not_written(tmp_path):
    with_mask = EditSettings("a smile", paint=Paint(allow=torch.zeros(1, 1024, 1024)))
    fitting = session_file.latest_edits([EditSettings("red hair"), *[with_mask] * 30])
    assert len(fitting) == 25 and all(edit is with_mask for edit in fitting)
    assert len(session_file.latest_edits([EditSettings("red hair")] * 60)) == session_file.MAX_EDITS
    with pytest.raises(SessionFileError, match="more edits"):
        _base(tmp_path / "s", edits=(EditSettings("red hair"),) * 51)


def test_the_most_that_can_be_written_can_be_read(tmp_path):
    longest = tuple(PromptStrength(f"a{number}" + "Ж" * 198) for number in range(4))
    edits = tuple(EditSettings("x").with_parts(longest) for _ in range(50))
    assert read_session(_base(tmp_path / "s", edits=edits)).edits == edits


def test_larger_masks_are_averaged_down(tmp_path):
    allow = torch.zeros(1, 2048, 2048)
    allow[:, :1024] = 1
    found = read_session(_base(tmp_path / "s", edits=(EditSettings("a smile", paint=Paint(allow=allow)),)))
    mask = found.edits[0].paint.allow
    assert mask.shape == (1, 1024, 1024) and bool((mask[:, :512] == 1).all()) and not mask[:, 512:].any()


# --- values

BAD_VALUES = {
    "variation below": lambda h: h["edits"][0].__setitem__("variation", -1),
    "variation above": lambda h: h["edits"][0].__setitem__("variation", 1000),
    "variation with a point": lambda h: h["edits"][0].__setitem__("variation", 1.0),
    "variation in words": lambda h: h["edits"][0].__setitem__("variation", "1"),
    "variation true": lambda h: h["edits"][0].__setitem__("variation", True),
    "variation none": lambda h: h["edits"][0].__setitem__("variation", None),
    "mode": lambda h: h["edits"][0].__setitem__("mode", "magic"),
    "no edits": lambda h: h.pop("edits"),
    "strength": lambda h: h["edits"][0]["parts"][0].__setitem__(1, 9),
    "not a number": lambda h: h["edits"][0].__setitem__("mask_feather", "much"),
    "empty prompt": lambda h: h["edits"][0]["parts"][0].__setitem__(0, " "),
    "no parts": lambda h: h["edits"][0].__setitem__("parts", []),
    "points outside": lambda h: h.__setitem__("current", 7),
    "too many": lambda h: h.__setitem__("edits", h["edits"] * 40),
    "true as a number": lambda h: h["edits"][0].__setitem__("mask_feather", True),
    "true as a strength": lambda h: h["edits"][0]["parts"][0].__setitem__(1, True),
    "digits as a number": lambda h: h["edits"][0].__setitem__("mask_feather", "4"),
    "number as a switch": lambda h: h["edits"][0].__setitem__("mask_invert", 1),
    "word as a switch": lambda h: h["edits"][0].__setitem__("without_masks", "false"),
    "number as a prompt": lambda h: h["edits"][0]["parts"][0].__setitem__(0, 7),
    "long prompt": lambda h: h["edits"][0]["parts"][0].__setitem__(0, "a" * 201),
    "word as parts": lambda h: h["edits"][0].__setitem__("parts", "ab"),
    "word as a part": lambda h: h["edits"][0].__setitem__("parts", ["ab"]),
    "no strength": lambda h: h["edits"][0].__setitem__("parts", [["red hair"]]),
    "list as a mode": lambda h: h["edits"][0].__setitem__("mode", []),
    "true as an edit": lambda h: h.__setitem__("current", True),
    "0.5 as an edit": lambda h: h.__setitem__("current", 0.5),
    "mapping as edits": lambda h: h.__setitem__("edits", {"0": 1}),
    "word as an edit": lambda h: h.__setitem__("edits", ["ab"]),
    "true as likeness": lambda h: h.__setitem__("identity", True),
    "huge likeness": lambda h: h.__setitem__("identity", 10**15),
    "number as a name": lambda h: h.__setitem__("name", 3),
    "no name": lambda h: h.pop("name"),
    "list as weights": lambda h: h.__setitem__("weights", []),
    "number as a digest": lambda h: h.__setitem__("weights", {"a": 1}),
    "long digest": lambda h: h.__setitem__("weights", {"a": "0" * 1000}),
    "long file name": lambda h: h.__setitem__("weights", {"a" * 1000: "0"}),
    "many weights": lambda h: h.__setitem__("weights", {str(n): "0" for n in range(1001)}),
    "markup as a mode": lambda h: h["edits"][0].__setitem__("mode", "<img src=x>" * 99 + "\x1b[2J"),
}


@pytest.mark.parametrize("case", sorted(BAD_VALUES))
def test_bad_values_are_refused_and_not_quoted(path, case):
    _spoiled(path, change_header=BAD_VALUES[case])
    with pytest.raises(SessionFileError, match="damaged") as refusal:
        read_session(path)
    message = str(refusal.value)
    assert len(message) < 250 and message.isprintable() and "<" not in message


@pytest.mark.parametrize("header", ['{"identity": NaN}', "[" * 100_000 + "]" * 100_000, "[]", '"session"', ""])
def test_bad_json_is_refused(tmp_path, header):
    save_file({"w_plus": torch.zeros(18, 512)}, tmp_path / "s", {"format": session_file.FORMAT, "session": header})
    with pytest.raises(SessionFileError, match="damaged"):
        read_session(tmp_path / "s")


@pytest.mark.parametrize("name", ["/elsewhere/PWN", "../../x", "..", "", "a\0b", "<b>", "CON", "x" * 900])
def test_a_name_is_no_path(tmp_path, path, name):
    _spoiled(path, change_header=lambda h: h.__setitem__("name", name))
    found = read_session(path)
    assert found.name == safe_stem(name)
    with safe_open(_base(tmp_path / "t", name=name), "pt") as file:
        assert json.loads(file.metadata()["session"])["name"] == safe_stem(name)


SQUARE = np.array([[10.0, 10], [10, 70], [70, 70], [70, 10]])
BAD_QUADS = {
    "no square": SQUARE * [2, 1],
    "mirrored": SQUARE[::-1],
    "one corner off": SQUARE + np.array([[0, 0], [0, 0], [0.5, 0], [0, 0]]),
    "a diamond": np.array([[40.0, 0], [10, 60], [40, 70], [70, 60]]),
    "small": SQUARE / 6,
    "large": SQUARE * 40,
    "far away": SQUARE + 200,
    "very far away": SQUARE + 1e300,
    "not finite": np.full((4, 2), np.nan),
    "infinite": np.full((4, 2), np.inf),
}


@pytest.mark.parametrize("case", sorted(BAD_QUADS))
def test_bad_crops_are_refused(path, case):
    quad = torch.from_numpy(np.ascontiguousarray(BAD_QUADS[case]))
    _spoiled(path, change_tensors=lambda t: t.__setitem__("quad", quad))
    with pytest.raises(SessionFileError, match="square"):
        read_session(path)


def test_a_photo_without_a_crop_is_square(path):
    _spoiled(path, change_tensors=lambda t: t.pop("quad"))
    with pytest.raises(SessionFileError, match="square"):
        read_session(path)


# --- writing


def test_a_file_is_written_whole_or_not_at_all(tmp_path, path, monkeypatch):
    before = (path).read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(session_file.os, "replace", full)
    with pytest.raises(OSError, match="space"):
        _base(path)
    assert [path.name for path in tmp_path.iterdir()] == ["s"] and (path).read_bytes() == before


# --- anything


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    mask = Paint(torch.zeros(1, 16, 16), torch.ones(1, 16, 16))
    edits = (EditSettings("green lipstick", paint=mask), EditSettings("red hair"))
    photo = _photo_file("JPEG")
    path = tmp_path_factory.mktemp("good") / "s"
    write_session(path, SavedSession("me", torch.zeros(18, 512), 0.5, photo, SQUARE, edits, 1, {"a": "0"}))
    return path


def _read(path, data: bytes) -> SavedSession | None:
    """The session in these bytes, None when they are refused; anything else is an error."""
    path.write_bytes(data)
    try:
        return read_session(path)
    except SessionFileError as error:
        assert len(str(error)) < 250 and str(error).isprintable()
        return None


@ANYWHERE
@given(st.binary(max_size=200))
def test_any_bytes_are_a_session_or_refused(tmp_path, data):
    assert _read(tmp_path / "s", data) is None
    assert _read(tmp_path / "s", struct.pack("<Q", len(data)) + data) is None


@ANYWHERE
@given(st.data())
def test_any_change_of_a_file_is_a_session_or_refused(tmp_path, good, data):
    _read(tmp_path / "s", damaged(data, good.read_bytes()))


KEYS = ["name", "identity", "edits", "current", "weights", "parts", "mask_threshold", "mask_invert", "mask_feather"]
KEYS += ["variation", "mode", "without_masks"]


@ANYWHERE
@given(st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1, max_size=3))
def test_any_values_in_the_header_are_a_session_or_refused(tmp_path, good, values):
    shutil.copyfile(good, tmp_path / "s")

    def change(header):
        edit = header["edits"][0]
        for key, value in values.items():
            (edit if key in edit else header)[key] = value

    _spoiled(tmp_path / "s", change_header=change)
    _read(tmp_path / "s", (tmp_path / "s").read_bytes())


@ANYWHERE
@given(
    st.sampled_from(["w_plus", "photo", "quad", "paint_0_allow", "paint_1_include", "paint_7_allow", "other"]),
    st.sampled_from([torch.uint8, torch.float32, torch.float64, torch.bool, torch.float16]),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_any_tensor_is_a_session_or_refused(tmp_path, good, name, kind, shape):
    shutil.copyfile(good, tmp_path / "s")
    _spoiled(tmp_path / "s", change_tensors=lambda t: t.__setitem__(name, torch.ones(shape).to(kind)))
    _read(tmp_path / "s", (tmp_path / "s").read_bytes())


EDITS = st.lists(
    st.builds(
        lambda words, strengths, threshold, invert, feather, number, mode, masks: EditSettings(
            "x",
            mask_threshold=threshold,
            mask_invert=invert,
            mask_feather=feather,
            variation=number,
            mode=mode,
            without_masks=masks,
        ).with_parts([PromptStrength(one, strengths) for one in words]),
        st.lists(st.sampled_from(["red hair", "a <b>big</b> smile", "ärger & Ж"]), min_size=1, max_size=4),
        st.floats(0, 2),
        st.floats(0, 0.95),
        st.booleans(),
        st.floats(0, 16),
        st.integers(0, 999),
        st.sampled_from([None, "universal", "fitted"]),
        st.booleans(),
    ),
    max_size=5,
)


@ANYWHERE
@given(
    EDITS,
    st.text(st.characters(), max_size=80),
    st.none() | st.floats(-1, 1),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3),
    st.data(),
)
def test_what_was_read_is_written_the_same(tmp_path, edits, name, identity, weights, data):
    current = data.draw(st.integers(-1, len(edits) - 1))
    w_plus = torch.randn(18, 512)
    write_session(
        tmp_path / "a",
        SavedSession(name, w_plus, identity, _photo_file("PNG"), SQUARE, tuple(edits), current, weights),
    )
    once = read_session(tmp_path / "a")
    write_session(tmp_path / "b", once)
    twice = read_session(tmp_path / "b")
    for found in (once, twice):
        assert torch.equal(found.w_plus, w_plus) and found.edits == tuple(edits) and found.weights == weights
        assert (found.name, found.identity, found.current) == (safe_stem(name), identity, current)
        assert found.photo == _photo_file("PNG") and np.array_equal(found.quad, SQUARE)
