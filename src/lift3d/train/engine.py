"""The training loop of every network: AdamW with warm-up and cosine decay (Loshchilov & Hutter 2017, arXiv:1608.03983; 2019,
arXiv:1711.05101), gradient clipping, averaged weights (Polyak & Juditsky 1992), lossless checkpoints and the diagnosis of
divergence.

The same config, data and version give the same losses, whether a run is resumed or not: the random numbers of a step depend on
the seed and the step alone.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from lift3d.errors import InputError, Lift3dError
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.train import checkpoint as store
from lift3d.train.checkpoint import Checkpoint
from lift3d.train.config import learning_rate, to_json
from lift3d.train.distributed import Worker
from lift3d.train.run_log import Log
from lift3d.train.task import Batch, Task

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
BETAS, EPSILON = (0.9, 0.98), 1e-8
PATIENCE = 25
"""Consecutive steps with a loss above FAR times its average after which a run counts as diverged."""
FAR = 10.0


class Diverged(Lift3dError):
    """The loss is not finite, or far above its average for many steps."""


def load_initial_weights(module: torch.nn.Module, initial: dict[str, torch.Tensor], say: Say) -> None:
    """Load the tensors whose name and shape match, and report how many do not. InputError where none matches."""
    own = module.state_dict()
    fits = {name: t for name, t in initial.items() if name in own and own[name].shape == t.shape}
    if not any(t.is_floating_point() for t in fits.values()):
        raise InputError("no tensor of these weights fits this network", "give weights of the same mapping")
    module.load_state_dict(fits, strict=False)
    if len(fits) < len(own):
        say(f"{len(fits)} of {len(own)} tensors are loaded; the others are initialised at random")


class Trainer:
    """A training run in a folder: `fit` trains to the end, or resumes from the last checkpoint."""

    def __init__(
        self, task: Task, folder: Path, where: Worker, say: Say, progress: Progress,
        initial: dict[str, torch.Tensor] | None = None,
    ) -> None:  # fmt: skip
        """initial: weights with which a new run starts; a resumed run ignores them. InputError where the folder contains a run
        with other options or data, or a run of an earlier version of the network."""
        self.task, self.folder, self.where, self.say, self.progress = task, folder, where, say, progress
        schedule = task.config
        torch.manual_seed(schedule.seed)
        self.module = task.module().to(where.device)
        if initial is not None:
            load_initial_weights(self.module, initial, say)
        self.average = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.names = [name for name, p in self.module.named_parameters() if p.requires_grad]
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        flat = [p for p in self.parameters if p.ndim < 2]
        deep = [p for p in self.parameters if p.ndim >= 2]
        groups = [{"params": deep, "weight_decay": schedule.decay}, {"params": flat, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=schedule.rate, betas=BETAS, eps=EPSILON)
        self.step, self.best, self.usual, self.bad = 0, -math.inf, 0.0, 0
        self.flat = 0  # validations since the best one
        self.ahead: tuple[int, Future[Batch]] | None = None
        self._resume()

    def _plan(self) -> dict[str, Any]:
        """The task, options and data, which must be the same when a run is resumed."""
        return {
            "task": self.task.name,
            "config": json.loads(to_json(self.task.config)),
            "data": self.task.data(),
        }

    def _resume(self) -> None:
        """Load the newest undamaged checkpoint, if any."""
        for path in reversed(store.checkpoints(self.folder)):
            try:
                stored = store.read(path)
            except InputError as error:
                self.say(f"{error}")
                continue
            if stored.state["plan"] != self._plan():
                raise InputError(
                    f"{self.folder} contains a run with other options or other data",
                    "give the same options and data, or another folder",
                )
            if set(stored.weights) != set(self.module.state_dict()):
                raise InputError(
                    f"{self.folder} contains a run of an earlier version, whose tensors have other names",
                    "train in another folder",
                )
            self.module.load_state_dict(stored.weights)
            self.average = {k: v.to(self.where.device) for k, v in stored.average.items()}
            for name, p in zip(self.names, self.parameters):
                taken = stored.optimiser.get(f"{name}.step", torch.tensor(float(stored.step)))
                self.optimiser.state[p] = {
                    "step": taken.float(),
                    "exp_avg": stored.optimiser[f"{name}.first"].to(p.device),
                    "exp_avg_sq": stored.optimiser[f"{name}.second"].to(p.device),
                }
            self.step, self.best = stored.step, stored.state["best"]
            self.usual, self.bad = stored.state["usual"], stored.state["bad"]
            self.flat = int(stored.state.get("flat", 0))
            self.say(f"resuming from step {self.step}")
            return

    def save(self) -> None:
        """Write a checkpoint."""
        moments = {}
        for name, p in zip(self.names, self.parameters):
            state = self.optimiser.state.get(p, {})
            for which, moment in (("first", "exp_avg"), ("second", "exp_avg_sq")):
                moments[f"{name}.{which}"] = state[moment] if moment in state else torch.zeros_like(p)
            moments[f"{name}.step"] = state.get("step", torch.tensor(0.0))
        state = {"plan": self._plan(), "best": self.best, "usual": self.usual, "bad": self.bad}
        state |= {"flat": self.flat}
        if self.where.first:
            store.write(
                self.folder, Checkpoint(self.step, self.module.state_dict(), self.average, moments, state)
            )
        self.where.wait()

    def fit(self, until: int | None = None) -> dict[str, float]:
        """Train to the last step, to `until`, or until the validation has been flat for the task's patience; returns the last
        losses and metrics. Raises Diverged where the loss diverges."""
        schedule = self.task.config
        end = schedule.steps if until is None else min(until, schedule.steps)
        log = Log(self.folder, self.step) if self.where.first else None
        with ThreadPoolExecutor(1) as reader:
            last = self._steps(end, log, reader)
        if log is not None:
            log.close()
        return last

    def _steps(self, end: int, log: Log | None, reader: ThreadPoolExecutor) -> dict[str, float]:
        schedule, last = self.task.config, {"loss": math.nan}
        if self.task.solved:
            last = self.validate()
            if log is not None:
                log.write(self.step, last)
            self.save()
            return last
        started, first = time.monotonic(), self.step
        while self.step < end and not self._is_flat():
            last = self._train_step(self._batch(reader, end))
            if log is not None:
                log.write(self.step, {**last, "rate": learning_rate(self.step - 1, schedule)})
            done = self.step - first
            left = (time.monotonic() - started) / done * (schedule.steps - self.step)
            time_left = f"{'at most' if self.task.patience else 'about'} {left / 60:.0f} min left"
            self.progress(f"loss {last['loss']:.4f}, {time_left}", self.step / schedule.steps)
            if self.step % schedule.validate == 0 or self.step == schedule.steps:
                metrics = self.validate()
                last |= metrics
                if log is not None:
                    log.write(self.step, metrics)
            if self.step % schedule.save == 0 or self.step == end or self._is_flat():
                self.save()
        if self._is_flat() and self.step < end:
            self.say(f"stopped at step {self.step}: none of the last {self.flat} validations was better")
        return last

    def _is_flat(self) -> bool:
        return 0 < self.task.patience <= self.flat

    def _batch(self, reader: ThreadPoolExecutor, end: int) -> Batch:
        """The samples of this step; the samples of the next step are read in the background."""

        def read(step: int) -> tuple[int, Future[Batch]]:
            return step, reader.submit(self.task.batch, step, self.where.rank, self.where.world)

        at, now = self.ahead if self.ahead is not None else read(self.step)
        if at != self.step:
            at, now = read(self.step)
        batch = now.result()
        self.ahead = read(self.step + 1) if self.step + 1 < end else None
        return batch

    def _train_step(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns the losses and the norm of the gradient."""
        schedule, worker = self.task.config, self.where
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, schedule)
        torch.manual_seed((schedule.seed * 1_000_003 + self.step) * 64 + worker.rank)
        self.module.train()
        batch = {k: v.to(worker.device) for k, v in batch.items()}
        with autocast_bfloat16(worker.device.type, schedule.precision == "bfloat16"):
            losses = self.task.loss(self.module, batch, self.step)
        self.optimiser.zero_grad()
        losses["loss"].backward()
        for p in self.parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        worker.average([p.grad for p in self.parameters if p.grad is not None])
        norm = self._clip(schedule.clip)
        reported = torch.stack([losses[k].detach().float() for k in sorted(losses)] + [norm.float()])
        worker.average([reported])
        values = dict(zip([*sorted(losses), "gradient"], reported.tolist()))
        self._check_divergence(values)
        self._freeze()
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return values

    def _clip(self, most: float) -> torch.Tensor:
        """Clip the gradient; returns its norm before clipping. The parts of a ModuleDict are clipped separately, so that a
        critic's large gradients do not shrink the generator's."""
        parts = list(self.module.values()) if isinstance(self.module, torch.nn.ModuleDict) else [self.module]
        norms = [
            torch.nn.utils.clip_grad_norm_([p for p in part.parameters() if p.requires_grad], most)
            for part in parts
        ]
        return norms[0] if len(norms) == 1 else torch.stack(norms).norm()

    def _freeze(self) -> None:
        """Drop the gradients of parameters that the task freezes in this step; AdamW skips parameters without a gradient, weight
        decay included."""
        names = self.task.frozen(self.step)
        for name, p in zip(self.names, self.parameters):
            if names and name.startswith(names):
                p.grad = None

    def _update_average(self) -> None:
        """Update the moving average of the weights, with a smaller decay in the first steps."""
        keep = min(self.task.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, now in self.module.state_dict().items():
                old = self.average[name]
                if now.is_floating_point():
                    old.lerp_(now, 1 - keep)
                else:
                    old.copy_(now)

    def _check_divergence(self, values: dict[str, float]) -> None:
        """Track the average loss; raise Diverged where the loss is not finite or stays far above its average."""
        loss, norm = values.get("watched", values["loss"]), values["gradient"]
        if not math.isfinite(loss) or not math.isfinite(norm):
            what = "the loss" if not math.isfinite(loss) else "the gradient"
            raise Diverged(
                f"at step {self.step} {what} is {loss if what == 'the loss' else norm} (the loss was about {self.usual:.4g} "
                f"before, the learning rate is {learning_rate(self.step, self.task.config):.2g})",
                "resume from the last checkpoint with a smaller rate, a longer warmup or float32",
            )
        far = self.step > self.task.config.warmup and abs(loss) > FAR * max(abs(self.usual), 1e-12)
        self.bad = self.bad + 1 if far else 0
        if self.bad >= PATIENCE:
            raise Diverged(
                f"the loss has been over {FAR:g} times its average {self.usual:.4g} for {PATIENCE} steps (now {loss:.4g})",
                "resume from an earlier checkpoint with a smaller rate",
            )
        if not far:
            self.usual = loss if self.step == 0 else 0.98 * self.usual + 0.02 * loss

    def validate(self) -> dict[str, float]:
        """Metrics of the averaged weights; the best weights so far are stored as best.safetensors and best.json."""
        stored = {k: v.detach().clone() for k, v in self.module.state_dict().items()}
        self.module.load_state_dict(self.average)
        self.module.eval()
        with torch.no_grad():
            metrics = self.task.validate(self.module)
        self.module.load_state_dict(stored)
        score = metrics.get(self.task.better, -math.inf)
        self.flat = 0 if score > self.best else self.flat + 1
        if score > self.best:
            self.best = score
            if self.where.first:
                from safetensors.torch import save

                from lift3d.io.files.atomic import write_bytes

                write_bytes(
                    self.folder / "best.safetensors",
                    save({k: v.cpu().contiguous() for k, v in self.average.items()}),
                )
                text = json.dumps(
                    {"step": self.step, **metrics, "plan": self._plan()}, sort_keys=True, indent=1
                )
                write_bytes(self.folder / "best.json", text.encode())
        at = "" if self.task.solved else f"step {self.step}: "
        self.say(at + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()))
        return metrics
