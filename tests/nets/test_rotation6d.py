"""Six numbers become rotations, continuously."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_outputs_are_rotations(seed: int) -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    r = rotation_from_6d(x)
    assert torch.allclose(r @ r.mT, torch.eye(3, dtype=torch.float64).expand(4, 3, 3), atol=1e-9)
    assert torch.allclose(torch.linalg.det(r), torch.ones(4, dtype=torch.float64), atol=1e-9)


def test_up_is_the_first_vector_and_front_lies_in_the_plane_of_both() -> None:
    x = torch.tensor([[0.0, 0, 5, 1, 0, 3]])
    assert torch.allclose(rotation_from_6d(x)[0], torch.eye(3))
    r = rotation_from_6d(torch.tensor([[1.0, 2, 2, 0, 1, 0]]))[0]
    assert torch.allclose(r[2], torch.tensor([1.0, 2, 2]) / 3) and float(r[0, 1]) > 0


def test_a_rotation_is_a_fixed_point_and_scale_does_not_matter() -> None:
    r = rotation_from_6d(torch.randn(3, 6))
    columns = torch.cat([r[:, 2], r[:, 0]], 1)
    assert torch.allclose(rotation_from_6d(columns), r, atol=1e-6)
    scale = torch.tensor([2.0] * 3 + [0.3] * 3)
    assert torch.allclose(rotation_from_6d(columns * scale), r, atol=1e-6)


@pytest.mark.slow
def test_gradients_agree_with_differences() -> None:
    x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_6d, (x,))
