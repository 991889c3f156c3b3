"""The page with the real models: a generated face uploaded as a photo, learned, edited."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mcaclip.types import to_uint8
from tests.browser.conftest import serve
from tests.browser.walk import drop, edit, edited, known_face, picture


@pytest.mark.real_stack
@pytest.mark.timeout(600)
def test_upload_edit_learn_and_masks(editor, visit, tmp_path):
    face = Image.fromarray(to_uint8(editor.sample(3).reconstruction)).resize((512, 512))
    photo = tmp_path / "generated.jpg"
    face.save(photo, quality=95)
    (tmp_path / "tabs").mkdir()
    with serve(lambda report: editor, tmp_path / "tabs") as url:
        page = visit(url)
        page.set_default_timeout(240_000)
        drop(page, str(photo))
        page.click("#agree")
        known_face(page)
        assert "likeness" in page.inner_text("#likeness")
        edit(page, prompt := editor.prompts()[0])
        page.click("#stop")
        page.wait_for_selector("#stop", state="hidden")
        edited(page, prompt)
        page.click("#save")
        page.wait_for_selector("#download-pasted:not([disabled])")
        assert page.locator("#stage .layers button").count() >= 15
        before, after = picture(page, "#stage-view .before").astype(int), picture(page).astype(int)
    assert after.shape == (1024, 1024, 3)
    assert np.abs(after - before).max() > 40, "the edit can be seen"
