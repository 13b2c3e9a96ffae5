"""The data-parallel worker in one process."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.train.distributed import Worker, join_workers  # noqa: E402


def test_one_process_is_the_first_and_averages_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with join_workers("cpu") as worker:
        assert (worker.rank, worker.world, worker.first) == (0, 1, True)
        assert worker.device == torch.device("cpu")
        x = torch.tensor([1.0, 2.0])
        worker.average([x, torch.zeros(0)])
        worker.wait()
        assert x.tolist() == [1.0, 2.0]


def test_the_mean_over_processes_is_that_of_every_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """all_reduce of two processes, the other of which holds ones."""
    monkeypatch.setattr("torch.distributed.all_reduce", lambda flat: flat.add_(1))
    a, b = torch.tensor([[1.0, 3.0]]), torch.tensor(5.0)
    Worker(0, 2, torch.device("cpu")).average([a, b])
    assert a.tolist() == [[1.0, 2.0]] and float(b) == 3.0
    assert not Worker(1, 2, torch.device("cpu")).first


def test_the_group_is_joined_and_left_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    for name in ("init_process_group", "barrier", "destroy_process_group"):
        monkeypatch.setattr(f"torch.distributed.{name}", lambda *a, name=name: calls.append(name))
    with pytest.raises(RuntimeError), join_workers("cpu") as worker:
        assert worker.rank == 1 and not worker.first
        raise RuntimeError
    assert calls == ["init_process_group", "destroy_process_group"]
    with join_workers("cpu"):
        pass
    assert calls[2:] == ["init_process_group", "barrier", "destroy_process_group"]
