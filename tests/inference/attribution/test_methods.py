"""Attribution on functions whose integrated gradients and occlusion are known in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.inference.attribution.methods import integrated_gradients, occlusion, window_starts  # noqa: E402


def sample(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_linear_output_is_attributed_exactly() -> None:
    weight, x, baseline = sample(0, 2, 6, 5), sample(1, 2, 6, 5), sample(2, 2, 6, 5)
    found = integrated_gradients(lambda t: (t * weight).sum((1, 2, 3)), x, baseline, 8)
    torch.testing.assert_close(found.values, (x - baseline) * weight)
    assert found.completeness_error == pytest.approx(0, abs=1e-9)
    assert found.value - found.baseline == pytest.approx(float(((x - baseline) * weight).sum()))


def test_a_product_is_divided_evenly_between_its_factors() -> None:
    x = torch.tensor([[[3.0, 4.0]]])
    found = integrated_gradients(lambda t: t[:, 0, 0, 0] * t[:, 0, 0, 1], x, torch.zeros_like(x), 8)
    torch.testing.assert_close(found.values, torch.tensor([[[6.0, 6.0]]]))


def test_a_steep_change_near_the_baseline_is_found() -> None:
    """Equal steps miss it: 64 of them have an error of a fifth and more."""
    x = sample(3, 1, 4, 4).abs() + 0.1
    steep = lambda t: torch.tanh(400 * t.sum((1, 2, 3)))  # noqa: E731
    found = integrated_gradients(steep, x, torch.zeros_like(x), 64)
    assert found.completeness_error is not None and found.completeness_error < 0.02
    torch.testing.assert_close(found.values / found.values.sum(), x / x.sum(), rtol=1e-6, atol=1e-6)
    equal = np.mean([400 / np.cosh(min(400 * float(x.sum()) * (k + 0.5) / 64, 300)) ** 2 for k in range(64)])
    assert abs(equal * float(x.sum()) - 1) > 0.2


def test_the_number_of_gradients_is_bounded() -> None:
    calls = []

    def output(t: torch.Tensor) -> torch.Tensor:
        calls.append(len(t))
        return torch.sin(300 * t.sum((1, 2, 3)))

    found = integrated_gradients(output, sample(4, 1, 3, 3), torch.zeros(1, 3, 3, dtype=torch.float64), 20, 3)
    assert found.calls == sum(calls) <= 20 + 9
    assert found.completeness_error is None or found.completeness_error >= 0


def test_an_output_that_does_not_change_has_no_completeness_error() -> None:
    found = integrated_gradients(lambda t: 0 * t.sum((1, 2, 3)) + 2, sample(5, 1, 3, 3), sample(6, 1, 3, 3))
    assert found.completeness_error is None and not found.values.any()


def slow_occlusion(output, x, baseline, window: int, stride: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The readable twin of `occlusion`: for each position the mean over the windows that contain it."""
    axes = x.shape[1:]
    out = np.zeros(axes)
    before = float(output(x[None])[0])
    for position in np.ndindex(*axes):
        drops = []
        for corner in itertools.product(*(window_starts(n, window, stride) for n in axes)):
            if all(c <= p < c + window for c, p in zip(corner, position)):
                other = x.clone()
                where = (slice(None), *(slice(c, c + window) for c in corner))
                other[where] = baseline[where]
                drops.append(before - float(output(other[None])[0]))
        out[position] = np.mean(drops)
    return out


@pytest.mark.parametrize(("shape", "window", "stride"), [((3, 7, 6), 3, 2), ((1, 4, 5, 4), 2, 2)])
def test_occlusion_equals_its_twin(shape: tuple[int, ...], window: int, stride: int) -> None:
    weight, x, baseline = sample(7, *shape), sample(8, *shape), sample(9, *shape)
    output = lambda t: torch.tanh((t * weight).flatten(1).sum(1) / 3)  # noqa: E731
    found = occlusion(output, x, baseline, window, stride, 5)
    np.testing.assert_allclose(
        found.values.sum(0).numpy(), slow_occlusion(output, x, baseline, window, stride), atol=1e-9
    )
    assert found.completeness_error is None and found.values.shape == x.shape


@pytest.mark.parametrize(("length", "window", "stride"), [(10, 4, 3), (9, 4, 4), (4, 4, 2), (11, 5, 1)])
def test_windows_cover_everything(length: int, window: int, stride: int) -> None:
    starts = window_starts(length, window, stride)
    covered = {i for s in starts for i in range(s, s + window)}
    assert covered == set(range(length)) and starts == sorted(set(starts))


def test_shapes_and_sizes_that_do_not_fit_are_refused() -> None:
    x = torch.zeros(1, 4, 4)
    same = lambda t: t.sum((1, 2, 3))  # noqa: E731
    with pytest.raises(ValueError, match="the baseline"):
        integrated_gradients(same, x, torch.zeros(1, 4, 3))
    with pytest.raises(ValueError, match="at least one"):
        integrated_gradients(same, x, x, 0)
    for window, stride in ((5, 1), (2, 3), (2, 0)):
        with pytest.raises(ValueError, match="do not cover"):
            occlusion(same, x, x, window, stride)
