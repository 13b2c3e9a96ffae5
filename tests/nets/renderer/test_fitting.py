"""Optimisation by gradients: position and size from silhouettes, light, pose, single vertices; and the example."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

torch = pytest.importorskip("torch", reason="the extra `learn` is not installed")

from lift3d.geometry.camera.orbit import orbit_cameras  # noqa: E402
from lift3d.nets.renderer.differentiable_renderer import render  # noqa: E402
from lift3d.nets.renderer.scene import Cameras, Light, make_surface  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def fit(loss: Callable[[], torch.Tensor], values: list[torch.Tensor], rate: float, steps: int) -> None:
    optimiser = torch.optim.Adam(values, lr=rate)
    fading = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.02 ** (1 / steps))
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        fading.step()


@pytest.mark.slow
def test_position_and_size_of_a_ball_from_its_silhouettes() -> None:
    ball = make_surface(
        *(lambda m: (np.asarray(m.vertices), np.asarray(m.faces)))(trimesh.creation.icosphere(2))
    )
    cameras = Cameras.of(orbit_cameras(np.asarray(ball.vertices) * 1.5, 3, 48, 48))
    shift, scale = torch.tensor([0.3, -0.2, 0.15]), torch.tensor(0.8)
    target = render(ball.but(vertices=ball.vertices * scale + shift), cameras).mask
    x, s = torch.zeros(3, requires_grad=True), torch.ones((), requires_grad=True)

    def loss() -> torch.Tensor:
        return (render(ball.but(vertices=ball.vertices * s + x), cameras).mask - target).square().sum()

    fit(loss, [x, s], 0.03, 150)
    np.testing.assert_allclose(x.detach(), shift, atol=2e-4)  # a pixel is 0.07 here
    assert float(s.detach()) == pytest.approx(float(scale), abs=2e-4)


@pytest.mark.slow
def test_direction_and_colours_of_the_light() -> None:
    ball = make_surface(
        *(lambda m: (np.asarray(m.vertices), np.asarray(m.faces)))(trimesh.creation.icosphere(3))
    )
    cameras = Cameras.of(orbit_cameras(np.asarray(ball.vertices), 2, 40, 40))
    truth = Light.simple((0.3, -0.8, 0.6), 0.8, 0.25)
    target = render(ball, cameras, truth).rgb
    direction, sun = (
        torch.tensor([[0.5, 0.4, 0.5]], requires_grad=True),
        torch.full((1, 3), 0.5, requires_grad=True),
    )
    around = torch.zeros(
        1, 3, requires_grad=True
    )  # only the constant part: the others can stand in for the sun

    def loss() -> torch.Tensor:
        light = Light(direction, sun, torch.cat([around, torch.zeros(8, 3)]))
        return (render(ball, cameras, light).rgb - target).square().sum()

    fit(loss, [direction, sun, around], 0.05, 400)
    unit = torch.nn.functional.normalize(direction.detach()[0], dim=0)
    expected = torch.nn.functional.normalize(truth.sun_direction[0], dim=0)
    assert float(torch.acos((unit @ expected).clamp(max=1))) < np.radians(2)
    np.testing.assert_allclose(sun.detach(), truth.sun_colour, atol=0.03)


@pytest.mark.slow
def test_rotation_and_focal_length_of_a_camera() -> None:
    mesh = trimesh.creation.torus(0.7, 0.3, major_sections=24, minor_sections=12)
    v = np.asarray(mesh.vertices) * [1, 0.8, 1.2]
    colours = torch.tensor(0.5 + 0.5 * np.sin(4 * v + [0, 1, 2]), dtype=torch.float32)
    thing = make_surface(v, np.asarray(mesh.faces), colours)
    cameras = Cameras.of(orbit_cameras(v, 1, 56, 56))
    truth, still = torch.tensor([0.08, -0.06, 0.05]), torch.zeros(3)
    target = render(thing, replace(cameras.moved(truth, still), focal=1.06 * cameras.focal))
    turn, zoom = torch.zeros(3, requires_grad=True), torch.zeros((), requires_grad=True)

    def loss() -> torch.Tensor:
        p = render(thing, replace(cameras.moved(turn, still), focal=torch.exp(zoom) * cameras.focal))
        return (p.rgb - target.rgb).square().sum() + (p.mask - target.mask).square().sum()

    fit(loss, [turn, zoom], 0.02, 150)
    np.testing.assert_allclose(turn.detach(), truth, atol=1e-3)
    assert float(zoom.detach().exp()) == pytest.approx(1.06, abs=1e-3)


@pytest.mark.slow
def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import fit_texture

    errors = fit_texture.main(["-o", str(tmp_path)])
    assert errors["scale (RMS)"] < 0.01 and errors["shift (RMS)"] < 0.01
    assert errors["colour of pixels (RMS)"] < 0.01 and errors["texture, middle half (RMS)"] < 0.06
    assert (tmp_path / "target.png").exists() and (tmp_path / "fitted.png").exists()
    sys.modules.pop("fit_texture", None)
