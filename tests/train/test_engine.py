"""The training loop on a task of milliseconds: resumption, two processes, divergence, and refused input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.train import checkpoint as store  # noqa: E402
from lift3d.train.config import (  # noqa: E402
    Schedule,
    describe_options,
    learning_rate,
    option,
    parse_options,
)
from lift3d.train.distributed import join_workers  # noqa: E402
from lift3d.train.engine import Diverged, Trainer  # noqa: E402
from lift3d.train.run_log import read_lines  # noqa: E402
from lift3d.train.task import Task  # noqa: E402


@dataclass(frozen=True)
class Config(Schedule):
    noise: float = option(0.1, "of the samples")


class Line(Task):
    """Learn y = a x of noisy samples, through dropout, with a norm that keeps running statistics."""

    name, better = "line", "fit"

    def __init__(self, config: Config) -> None:
        self.config = config

    def module(self) -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Linear(4, 16),
            torch.nn.LayerNorm(16),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.0),
            torch.nn.Linear(16, 1),
        )

    def data(self) -> dict:
        return {"of": "line"}

    def batch(self, step: int, rank: int, world: int) -> dict:
        x = np.stack([np.random.default_rng([1, step, k]).normal(size=4) for k in range(self.config.batch)])
        y = x.sum(1, keepdims=True) * (np.nan if self.config.noise < 0 and step > 20 else 1)
        return {
            "x": torch.tensor(x[rank::world], dtype=torch.float32),
            "y": torch.tensor(y[rank::world], dtype=torch.float32),
        }

    def loss(self, module, batch, step) -> dict:
        return {"loss": (module(batch["x"]) - batch["y"]).square().mean()}

    def validate(self, module) -> dict:
        x = torch.eye(4)
        return {"fit": -float((module(x) - 1).square().mean())}


SMALL = Config(steps=60, batch=8, rate=1e-2, warmup=5, validate=20, save=15)


def run(folder: Path, config: Config = SMALL, until: int | None = None) -> dict:
    torch.set_num_threads(1)
    with join_workers("cpu") as where:
        return Trainer(Line(config), folder, where, lambda s: None, lambda n, f: None).fit(until)


class Scripted(Line):
    """Validations with given scores; patience 2."""

    patience = 2

    def __init__(self, scores: list[float]) -> None:
        super().__init__(replace(SMALL, validate=5, save=1000))
        self.scores = scores

    def validate(self, module) -> dict:
        return {"fit": self.scores.pop(0)}


def fit(folder: Path, scores: list[float], until: int | None = None) -> tuple[int, list[str]]:
    torch.set_num_threads(1)
    said: list[str] = []
    with join_workers("cpu") as where:
        trainer = Trainer(Scripted(scores), folder, where, said.append, lambda n, f: None)
        trainer.fit(until)
    return trainer.step, said


@pytest.mark.slow
def test_a_run_ends_when_the_validation_is_flat(tmp_path: Path) -> None:
    step, said = fit(tmp_path / "a", [1, 2, 2, 3, 3, 1, 9, 9, 9, 9, 9, 9])
    assert step == 30 and said[-1] == "stopped at step 30: none of the last 2 validations was better"
    assert json.loads((tmp_path / "a/best.json").read_text())["step"] == 20
    # the same command again has nothing to do, and a run that was interrupted stops at the same step
    assert fit(tmp_path / "a", [])[0] == 30
    assert fit(tmp_path / "b", [1, 2, 2, 3, 3], until=25) == (25, said[:5])
    assert fit(tmp_path / "b", [1, 9, 9, 9, 9, 9])[0] == 30
    assert fit(tmp_path / "c", [float(k) for k in range(12)])[0] == 60, "it goes on while it improves"


def losses(folder: Path) -> list[float]:
    return [line["loss"] for line in read_lines(folder / "log.jsonl") if "loss" in line]


@pytest.mark.slow
def test_a_run_resumed_at_any_step_is_identical(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    for until in (1, 15, 37, 44):
        run(tmp_path / "parts", until=until)
    parts = run(tmp_path / "parts")
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts") and len(losses(tmp_path / "parts")) == 60
    assert whole == parts and whole["loss"] < 0.1 * losses(tmp_path / "whole")[0]
    a, b = (store.read(store.checkpoints(tmp_path / name)[-1]) for name in ("whole", "parts"))
    for which in store.PARTS:
        assert all(torch.equal(v, getattr(b, which)[k]) for k, v in getattr(a, which).items())
    assert json.loads((tmp_path / "whole/best.json").read_text())["step"] in (20, 40, 60)


@pytest.mark.slow
def test_a_killed_run_resumes_from_its_last_checkpoint(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    code = (
        "import sys, os; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\nimport test_engine as t\nimport lift3d.train.engine as e\n"
        "old = e.Trainer._train_step\n"
        "def one(self, batch):\n    if self.step == 40: os.kill(os.getpid(), 9)\n    return old(self, batch)\n"
        "e.Trainer._train_step = one\nt.run(Path(sys.argv[2]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / "killed")])
    assert done.returncode == -9
    assert [p.name for p in store.checkpoints(tmp_path / "killed")] == ["step-00000015", "step-00000030"]
    run(tmp_path / "killed")
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


@pytest.mark.slow
def test_a_damaged_checkpoint_is_skipped(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    run(tmp_path / "bad", until=30)
    with open(store.checkpoints(tmp_path / "bad")[-1] / "weights.safetensors", "r+b") as file:
        file.seek(200)
        file.write(b"\0\1\2\3")
    run(tmp_path / "bad")
    assert losses(tmp_path / "bad") == losses(tmp_path / "whole")


def test_a_run_with_other_options_is_not_resumed(tmp_path: Path) -> None:
    run(tmp_path, until=15)
    with pytest.raises(InputError, match="other options"):
        run(tmp_path, replace(SMALL, rate=0.5))


@pytest.mark.slow
def test_two_processes_take_the_same_steps_as_train_step(tmp_path: Path) -> None:
    run(tmp_path / "one")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from pathlib import Path\nimport test_engine as t\nt.run(Path({str(tmp_path / 'two')!r}))\n"
    )
    (tmp_path / "go.py").write_text(code)
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(tmp_path / "go.py"),
    ]
    done = subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(tmp_path / "one"), rtol=2e-3, atol=1e-5)


def test_a_loss_that_is_not_finite_is_diagnosed(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="at step 21 the loss is nan"):
        run(tmp_path, replace(SMALL, noise=-1.0))
    assert store.checkpoints(tmp_path)[-1].name == "step-00000015"


def test_a_run_that_diverges_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(Diverged, match="times its average|is nan|is inf"):
        run(tmp_path, replace(SMALL, rate=3e4, warmup=1, steps=400, clip=1e9))


def test_the_rate_rises_and_falls() -> None:
    rates = [learning_rate(step, SMALL) for step in range(60)]
    assert (
        rates[4] == max(rates) == SMALL.rate and rates[0] == SMALL.rate / 5 and rates[-1] < 0.01 * SMALL.rate
    )


def test_words_change_a_config_and_invalid_words_are_diagnosed() -> None:
    assert parse_options(SMALL, ["steps=7", "rate=0.5", "precision=bfloat16"]) == replace(
        SMALL, steps=7, rate=0.5, precision="bfloat16"
    )
    assert all(text for _, _, _, text in describe_options(Config))
    for word, said in (
        ("stesp=7", "give name=value"),
        ("steps=x", "is not of type int"),
        ("steps=0", "is not positive"),
        ("precision=half", "no precision"),
    ):
        with pytest.raises(InputError, match=said):
            parse_options(SMALL, [word])


class Solved(Line):
    """A task whose module is trained when it is made."""

    solved = True

    def module(self) -> torch.nn.Module:
        line = torch.nn.Linear(4, 1, bias=False)
        torch.nn.init.ones_(line.weight)
        return line

    def batch(self, step: int, rank: int, world: int) -> dict:
        raise AssertionError("no step is taken")


def test_a_solved_task_is_stored_without_steps(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with join_workers("cpu") as where:
            last = Trainer(Solved(SMALL), tmp_path, where, said.append, lambda n, f: None).fit()
        assert last == {"fit": 0.0} and json.loads((tmp_path / "best.json").read_text())["step"] == 0
        assert [path.name for path in store.checkpoints(tmp_path)] == ["step-00000000"]
    assert [text.replace("-", "") for text in said] == ["fit 0.0000", "resuming from step 0", "fit 0.0000"]
