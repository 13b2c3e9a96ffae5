"""Data-parallel training by processes that torchrun starts: each process has a part of every batch, and gradients are averaged.

Gloo connects CPUs, NCCL connects GPUs. The steps of several processes are those of a single process, except for rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Worker:
    """This process: its rank, the number of processes, and its device."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def average(self, tensors: list[torch.Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in one message."""
        if self.world == 1 or not tensors:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.world
        for t, part in zip(tensors, flat.split([t.numel() for t in tensors])):
            t.copy_(part.view_as(t))

    def wait(self) -> None:
        """Block until all processes have called this method."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def join_workers(device: str | None = None) -> Iterator[Worker]:
    """A context in which this process belongs to the group that torchrun describes in the environment; without torchrun, to a
    group of one process.

    device: "cpu" or "cuda"; None: CUDA where torch finds a device."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        torch.cuda.set_device(local)
        where = torch.device("cuda", local)
    else:
        where = torch.device(wanted)
    if world > 1:
        dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield Worker(rank, world, where)
        if world > 1:
            dist.barrier()  # a process that exits early would close the others' connections
    finally:
        if world > 1:
            dist.destroy_process_group()
