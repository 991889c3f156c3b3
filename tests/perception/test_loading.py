"""Every network here is loaded strictly, and says what to do about a file that does not fit."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from mcaclip.errors import WeightsError
from mcaclip.perception.arcface import ArcFaceIdentity
from mcaclip.perception.face_parser import FaceParser
from mcaclip.perception.identity import FaceIdentity
from mcaclip.perception.parsenet import ParseNet
from mcaclip.perception.parsing_head import ParsingHead

MESSAGES = {
    ArcFaceIdentity: "is no ArcFace .*python -m mcaclip doctor",
    ParseNet: "is no ParseNet .*python -m mcaclip doctor",
    FaceParser: "is no face parser .*python -m train parser",
    ParsingHead: "is no parsing head .*python -m train parsing-head",
    FaceIdentity: "is no file of dlib's .*converted anew",
}


@pytest.mark.parametrize("net", MESSAGES)
def test_foreign_incomplete_and_damaged_files_are_refused(tmp_path, net):
    path = tmp_path / "x.safetensors"
    state = dict(net().state_dict())
    state.popitem()
    for tensors in ({"a": torch.zeros(1)}, state, None):
        if tensors is None:
            path.write_bytes(b"not a file")
        else:
            save_file(tensors, path)
        with pytest.raises(WeightsError, match="(?s)" + MESSAGES[net]):
            net.load(path)
