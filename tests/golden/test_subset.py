"""The stored subset: small, and a true excerpt of the folder where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.golden.reference import SUBSET, Folder, Golden, Subset, make_subset, places


def test_it_is_small():
    assert SUBSET.stat().st_size < 300_000


def test_it_is_what_the_folder_gives(golden: Golden, tmp_path):
    if not isinstance(golden, Folder):
        pytest.skip("the folder of golden data is absent: nothing to compare the subset with")
    made = tmp_path / "subset.npz"
    make_subset(golden.folder, made)
    with np.load(made) as fresh, np.load(SUBSET) as stored:
        assert set(fresh.files) == set(stored.files)
        for name in fresh.files:
            if name.startswith("clip_nce/"):  # a QR decomposition may round differently elsewhere
                np.testing.assert_allclose(np.abs(fresh[name]), np.abs(stored[name]), atol=1e-4)
            else:
                np.testing.assert_array_equal(fresh[name], stored[name])


def test_a_wrong_number_or_shape_is_noticed():
    subset = Subset()
    stored = torch.from_numpy(subset.data["e4e/w_plus@values"])
    actual = torch.zeros(18 * 512)
    where = places("e4e/w_plus", actual.numel())
    actual[where] = stored
    subset.check("e4e", "w_plus", actual.view(18, 512), 0)
    with pytest.raises(AssertionError):
        subset.check("e4e", "w_plus", actual.view(512, 18), 0)
    actual[int(where[7])] += 0.01
    with pytest.raises(AssertionError):
        subset.check("e4e", "w_plus", actual.view(18, 512), 5e-4)
