"""Half precision is used where it is wanted and faster, and nowhere else."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.nets import mixed_precision as precision  # noqa: E402


@pytest.fixture(autouse=True)
def forgotten() -> None:
    precision.bfloat16_is_fast.cache_clear()


@pytest.mark.parametrize("units", [True, False])
def test_products_are_halved_only_where_there_are_units(units: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in precision.UNITS:
        monkeypatch.setattr(torch.cpu, name, lambda: units, raising=False)
    assert precision.bfloat16_is_fast() == units and precision.bfloat16_is_fast("cuda")
    x = torch.ones(2, 2)
    with precision.autocast_bfloat16():
        assert (x @ x).dtype == (torch.bfloat16 if units else torch.float32)
    with precision.autocast_bfloat16(enabled=False):
        assert (x @ x).dtype == torch.float32


def test_a_torch_that_does_not_tell_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in precision.UNITS:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not precision.bfloat16_is_fast()
