from __future__ import annotations

import torch

from mcaclip.generators.base import broadcast_w, seeded_z
from mcaclip.generators.preview import TOP_LAYER
from mcaclip.generators.synthesis import synthesize
from mcaclip.generators.upper_window import upper_picture
from train.prompt.full_size_rows import lattice_energy


def test_a_window_shows_the_same_pixels_as_the_whole_picture(generator):
    code = broadcast_w(generator.mapping(seeded_z(1, 12)))
    whole = synthesize(generator, code, keep=(TOP_LAYER,))
    corner, size = (30, 50), 24
    y, x = corner
    part = whole.features[TOP_LAYER][:, :, y : y + size, x : x + size]
    picture = upper_picture(generator, part, code, corner)
    wanted = whole.image[:, :, 8 * y : 8 * (y + size), 8 * x : 8 * (x + size)]
    # pixels at the window's edge lack their neighbours
    inner = slice(24, -24)
    torch.testing.assert_close(picture[..., inner, inner], wanted[..., inner, inner], atol=2e-4, rtol=1e-3)


def test_the_shift_acts_only_inside_the_mask(generator):
    code = broadcast_w(generator.mapping(seeded_z(1, 13)))
    part = synthesize(generator, code, keep=(TOP_LAYER,)).features[TOP_LAYER][:, :, :24, :24]
    mask = torch.zeros(1, 1, 24, 24)
    mask[..., :12] = 1.0
    delta = torch.randn(1, 18, 512) * 0.3
    plain = upper_picture(generator, part, code, (0, 0))
    moved = upper_picture(generator, part, code, (0, 0), (delta, mask))
    change = (moved - plain).abs().mean((0, 1, 2))
    assert change[:80].min() > 10 * change[120:].max()


def test_lattice_energy_sees_a_mesh_and_no_texture():
    rng = torch.Generator().manual_seed(3)
    phase = torch.arange(160) % 8
    mesh = 0.1 * ((phase < 2).float()[:, None] + (phase < 2).float()[None]).expand(1, 3, -1, -1)
    texture = 0.1 * torch.randn(1, 3, 160, 160, generator=rng)
    ramp = torch.linspace(-0.5, 0.5, 160).expand(1, 3, 160, -1)
    everywhere = torch.ones(1, 1, 160, 160)
    found = {name: float(lattice_energy(x, everywhere)) for name, x in {"mesh": mesh, "ramp": ramp}.items()}
    assert found["mesh"] > 0.05
    assert found["ramp"] < 0.1 * found["mesh"]
    assert lattice_energy(texture, everywhere) < 0.5 * texture.std()
    assert lattice_energy(mesh * 0, everywhere) < 1e-3


def test_lattice_energy_counts_only_the_masked_part():
    phase = torch.arange(160) % 8
    mesh = 0.1 * (phase < 2).float().expand(1, 3, 160, -1)
    left = torch.zeros(1, 1, 160, 160)
    left[..., :80] = 1.0
    half = mesh.clone()
    half[..., :80] = 0
    whole = lattice_energy(mesh, torch.ones_like(left))
    torch.testing.assert_close(lattice_energy(mesh, left), whole, rtol=0.1, atol=0)
    assert lattice_energy(half, left) < 0.1 * lattice_energy(mesh, left)
