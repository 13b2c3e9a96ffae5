"""bfloat16 is used only where it is enabled and faster."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.nets import mixed_precision as precision  # noqa: E402


@pytest.fixture(autouse=True)
def forgotten() -> None:
    precision.bfloat16_is_fast.cache_clear()


@pytest.mark.parametrize("units", [True, False])
def test_products_are_in_bfloat16_only_on_processors_with_units(
    units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in precision.UNITS:
        monkeypatch.setattr(torch.cpu, name, lambda: units, raising=False)
    assert precision.bfloat16_is_fast() == units and precision.bfloat16_is_fast("cuda")
    x = torch.ones(2, 2)
    with precision.autocast_bfloat16():
        assert (x @ x).dtype == (torch.bfloat16 if units else torch.float32)
    with precision.autocast_bfloat16(enabled=False):
        assert (x @ x).dtype == torch.float32


def test_without_torchs_query_bfloat16_counts_as_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in precision.UNITS:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not precision.bfloat16_is_fast()
