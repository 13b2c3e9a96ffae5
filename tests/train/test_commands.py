"""`lift3d train | evaluate | models` and a reconstruction with the trained weights, on a tiny corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d
from PIL import Image as Pil

torch = pytest.importorskip("torch")

from lift3d.evaluate.corruptions import CORRUPTIONS  # noqa: E402
from lift3d.evaluate.scores.bootstrap import intervals, means  # noqa: E402

TINY = ["steps=2", "batch=2", "width=8", "layers=1", "held=3", "validate=2", "warmup=1"]


@pytest.fixture(scope="module")
def run(small: tuple[Path, Path]) -> Path:
    out = small[0].parent / "run"
    sets = [word for option in TINY for word in ("--set", option)]
    code, said = lift3d(
        "train", "image-to-voxels", "--data", small[0], "--pictures", small[1], "-o", out, *sets
    )
    assert code == 0 and "best.safetensors" in said, said
    return out


@pytest.mark.slow
def test_train_evaluate_and_use(small: tuple[Path, Path], run: Path, tmp_path: Path) -> None:
    words = (
        "--data",
        small[0],
        "--pictures",
        small[1],
        "--weights",
        run,
        "--plain",
        run,
        "--split",
        "val",
        "--limit",
        2,
    )
    code, said = lift3d("evaluate", "image-to-voxels", *words, "-o", tmp_path / "table")
    assert code == 0, said
    for row in ("mean shape", "nearest training image, pixels", "network, 3 images", "oracle"):
        assert row in said
    table = json.loads((tmp_path / "table/image_to_voxels.json").read_text())
    assert 0 <= table["rows"]["network"]["categories"]["iou64"] <= 1
    assert set(table["robustness"]) == {"none", *CORRUPTIONS}
    # the oracle knows boxes and rings like these: it must be far better than a network that has learned nothing
    assert table["rows"]["oracle: nearest training shape"]["objects"]["iou32"] > 0.4
    assert Pil.open(tmp_path / "table/image_to_voxels.png").width > 1000
    photo = np.full((90, 90, 4), 255, np.uint8)
    photo[:20, :, 3] = photo[70:, :, 3] = photo[:, :20, 3] = photo[:, 70:, 3] = 0
    Pil.fromarray(photo).save(tmp_path / "box.png")
    code, said = lift3d(
        "reconstruct",
        tmp_path / "box.png",
        "-o",
        tmp_path / "out/box.glb",
        "--weights",
        run,
        "--height",
        "10cm",
    )
    assert code == 0 and "the shape is predicted, not measured" in said, said
    report = json.loads((tmp_path / "out/box.report.json").read_text())
    assert report["model"]["is_solid"] and report["model"]["unit"] == "m"
    assert report["model"]["size"][2] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.slow
def test_fine_tuning_starts_from_weights_and_freezes_the_encoder(
    small: tuple[Path, Path], run: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    sets = [word for option in [*TINY, "freeze=true"] for word in ("--set", option)]
    words = ("--data", small[0], "--pictures", small[1], "--init-from", run, "-o", tmp_path / "fine")
    code, said = lift3d("train", "image_to_voxels", *words, *sets)
    assert code == 0, said
    before, after = (load_file(folder / "best.safetensors") for folder in (run, tmp_path / "fine"))
    name = "net.encoder.stem.weight"
    assert torch.allclose(before[name].float(), after[name], atol=1e-3)
    mean = "net.encoder.first.first_norm.running_mean"
    assert torch.allclose(before[mean].float(), after[mean], atol=1e-3)
    assert not torch.equal(before["net.head.weight"].float(), after["net.head.weight"])


def test_options_are_listed_and_invalid_input_is_diagnosed(tmp_path: Path) -> None:
    code, said = lift3d("train", "image-to-voxels", "--data", tmp_path, "--options")
    assert code == 0 and all(name in said for name in ("steps", "critic", "largest learning rate"))
    for words, told in (
        (("train", "image-to-voxel", "--data", tmp_path), "did you mean image-to-voxels?"),
        (("train", "image-to-mask", "--data", tmp_path / "none"), "does not exist"),
        (("train", "image-to-mask", "--data", tmp_path), "holds no corpus"),
        (("train", "image-to-mask", "--data", tmp_path, "--set", "stesp=3"), "no option called 'stesp'"),
        (("train", "image-to-mask", "--data", tmp_path, "--set", "stesp"), "give name=value"),
        (("train", "image-to-voxels", "--data", tmp_path, "--set", "kind=fancy"), "no network called fancy"),
        (("train", "image-to-mask", "--data", tmp_path, "--init-from", "nobody"), "no weights called nobody"),
        (("train", "image-to-mask", "--data", tmp_path, "--device", "tpu"), "no device called tpu"),
        (("evaluate", "image-to-voxels", "--data", tmp_path, "--split", "train"), "choose test or val"),
        (("evaluate", "nothing", "--data", tmp_path), "no network called nothing"),
    ):
        code, said = lift3d(*words)
        assert code == 2 and told in said, said


def test_an_interrupted_run_reports_that_it_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lift3d.train.launch.launch", interrupted)
    words = ("train", "image-to-mask", "--data", tmp_path, "-o", tmp_path / "run")
    assert "nothing was written" in lift3d(*words)[1]
    (tmp_path / "run/step-00000100").mkdir(parents=True)
    code, said = lift3d(*words)
    assert code == 130 and "resumes from the last checkpoint" in said


def test_means_by_category_and_intervals_by_family() -> None:
    rows = {"x": np.array([1.0, 1, 1, 0])}
    kinds = np.array(["a", "a", "a", "b"])
    assert means(rows, None) == {"x": 0.75} and means(rows, kinds) == {"x": 0.5}
    rng = np.random.default_rng(0)
    many = {"x": rng.normal(0.5, 0.1, 400)}
    low, high = intervals(many, np.repeat("a", 400), [str(i) for i in range(400)])["x"]
    assert low < many["x"].mean() < high and 0.014 < high - low < 0.026
    wide = intervals(many, np.repeat("a", 400), [str(i // 40) for i in range(400)])["x"]
    assert wide[0] < many["x"].mean() < wide[1]


def test_tasks_are_listed_from_the_registry() -> None:
    from lift3d.cli.train import list_tasks
    from lift3d.train.registry import TASKS

    assert [line.split()[0] for line in list_tasks(evaluated=False)] == list(TASKS)
    evaluated = {line.split()[0] for line in list_tasks(evaluated=True)}
    assert evaluated == {name for name, task in TASKS.items() if task.evaluator}
