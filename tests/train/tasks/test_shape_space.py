"""Autoencoder, flow and GAN on a corpus of boxes and rings: a run of each, and the commands that use them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("pyarrow")

from lift3d.cli import app  # noqa: E402
from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.scores.gan_test import GanTest  # noqa: E402
from lift3d.geometry.metrics.diversity import diversity_scores  # noqa: E402
from lift3d.inference.generators import load_sampler  # noqa: E402
from lift3d.nets.blocks import LATENT_SIZES, voxel_shuffle, voxel_unshuffle  # noqa: E402
from lift3d.nets.flow_matching import (  # noqa: E402
    LatentFlow,
    flow_matching_loss,
    integrate_adams_bashforth,
    integrate_heun,
)
from lift3d.nets.latent_gan import NOISE_SIZE, LatentCritic, LatentGenerator  # noqa: E402
from lift3d.nets.shape_autoencoder import ShapeAutoencoder, kl_divergence, refine_latent  # noqa: E402
from lift3d.pipelines.latent_solid import DecodedSolid  # noqa: E402
from lift3d.train.data.latents import load_latents  # noqa: E402
from lift3d.train.data.shape_set import ORIENTATIONS, ShapeSet, orient  # noqa: E402
from lift3d.train.distributed import join_workers  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.tasks.autoencoder import AutoencoderTask, Config, VaeConfig  # noqa: E402
from lift3d.train.tasks.flow import Config as FlowConfig  # noqa: E402
from lift3d.train.tasks.gan import BEGUN, GanTask, ModeCollapse  # noqa: E402
from lift3d.train.tasks.gan import Config as GanConfig  # noqa: E402

pytestmark = pytest.mark.slow

TINY = {"steps": 2, "batch": 2, "warmup": 1, "validate": 2, "save": 2, "width": 8, "codes": 2, "held": 2}


def quiet(*_: object) -> None:
    pass


def test_shuffling_is_inverted_and_keeps_neighbours_together() -> None:
    x = torch.arange(2 * 3 * 8**3, dtype=torch.float32).view(2, 3, 8, 8, 8)
    assert voxel_unshuffle(x).shape == (2, 3 * 64, 2, 2, 2)
    assert torch.equal(voxel_shuffle(voxel_unshuffle(x)), x) and torch.equal(
        voxel_shuffle(voxel_unshuffle(x, 2), 2), x
    )
    assert sorted(voxel_unshuffle(x)[0, :64, 0, 0, 0].tolist()) == sorted(
        x[0, 0, :4, :4, :4].flatten().tolist()
    )


def test_divergence_is_that_of_normal_distributions() -> None:
    mean, spread = torch.randn(50), torch.randn(50)
    own = torch.distributions.Normal(mean, (spread / 2).exp())
    wanted = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(kl_divergence(mean, spread), wanted)
    assert float(kl_divergence(torch.zeros(1), torch.zeros(1))) == 0


def test_the_eight_orientations_differ_and_preserve_up() -> None:
    full = np.zeros((64, 64, 64), bool)
    full[3, 10:30, 5:9] = full[3:9, 10, 7] = True
    ways = [orient(full, m) for m in range(ORIENTATIONS)]
    assert len({w.tobytes() for w in ways}) == ORIENTATIONS and (ways[0] == full).all()
    for way in ways:
        assert (way.sum((0, 1)) == full.sum((0, 1))).all()


def test_the_autoencoder_trains_resumes_and_encodes(small: tuple[Path, Path], tmp_path: Path) -> None:
    corpus, _ = small
    with join_workers("cpu") as where:
        run = Trainer(AutoencoderTask(corpus, Config(**TINY)), tmp_path / "a", where, quiet, quiet)
        last = run.fit()
        assert np.isfinite(last["loss"]) and 0 <= last["iou"] <= 1
        vae = AutoencoderTask(corpus, VaeConfig(**TINY), "vae")
        told = Trainer(vae, tmp_path / "v", where, quiet, quiet).fit()
        assert {"active", "lower_bound", "nats"} <= set(told)
    from lift3d.inference.networks import load_network

    assert ShapeAutoencoder(8, 2, 8).encode(torch.zeros(1, 64, 64, 64)).shape == (1, 2, 8, 8, 8)
    for folder in ("a", "v"):
        net, _ = load_network("autoencoder", tmp_path / folder)
        assert isinstance(net, ShapeAutoencoder)
        assert net(torch.zeros(1, 64, 64, 64)).shape == (1, 64, 64, 64)


def test_a_shape_set_equals_the_corpus_split(small: tuple[Path, Path]) -> None:
    held = Corpus(small[0])
    shapes = ShapeSet(held, "train")
    assert len(shapes) == len(held.where(split="train")) and shapes.full(0).any()
    first = int(shapes.numbers[0])
    assert (shapes.full(0) >= held.inside(first)).all()
    assert shapes.digest() != ShapeSet(held, "val").digest()
    levels = ShapeSet(held, "train", "levels")
    assert levels.digest() != shapes.digest() and levels.full(0).any()
    with pytest.raises(ValueError, match="the rule is one of"):
        ShapeSet(held, "train", "torn")


def test_a_decoder_learns_to_repair_torn_input(
    small: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = AutoencoderTask(small[0], VaeConfig(**TINY, freeze=True, torn=1.0), "vae")
    batch = task.batch(0, 0, 1)
    monkeypatch.setattr(task.torn, "full", lambda i: np.zeros((64, 64, 64), bool))
    again = task.batch(0, 0, 1)
    assert torch.equal(again["cells"], batch["cells"]) and batch["seen"].any() and not again["seen"].any()
    plain = AutoencoderTask(small[0], VaeConfig(**TINY), "vae").batch(0, 0, 1)
    assert set(plain) == {"cells"} and torch.equal(plain["cells"], batch["cells"])
    with join_workers("cpu") as where:
        run = Trainer(task, tmp_path / "v", where, quiet, quiet)
        before = {k: t.clone() for k, t in run.module.state_dict().items()}
        run.fit()
    for name, t in run.module.state_dict().items():
        same = torch.equal(t, before[name])
        assert same if name.startswith("encoder.") else not (same and "weight" in name), name
    with pytest.raises(InputError, match="torn must be a fraction"):
        VaeConfig(torn=1.5)


def test_stretched_latents_are_reproducible_and_sampled(small: tuple[Path, Path], tmp_path: Path) -> None:
    held = Corpus(small[0])
    with join_workers("cpu") as where:
        Trainer(AutoencoderTask(small[0], Config(**TINY)), tmp_path / "a", where, quiet, quiet).fit()
    plain = load_latents(held, "train", str(tmp_path / "a"), ())
    more = load_latents(held, "train", str(tmp_path / "a"), (), 2)
    again = load_latents(held, "train", str(tmp_path / "a"), (), 2)
    assert plain.stretched.shape[1] == 0 and more.stretched.shape == (len(more), 2, *more.values.shape[1:])
    assert np.array_equal(more.stretched, again.stretched) and np.array_equal(more.values, plain.values)
    assert not np.array_equal(more.stretched[:, 0], more.stretched[:, 1])
    numbers, rng = np.zeros(60, np.int64), np.random.default_rng(0)
    known = [more.values[0], more.mirrored[0], *more.stretched[0]]
    for codes, count in ((plain, 2), (more, 4)):
        sampled = codes.sample(numbers, rng)
        assert len({row.tobytes() for row in sampled}) <= count
        assert all(
            any(np.array_equal(row, variant.astype(np.float32)) for variant in known[:count])
            for row in sampled
        )
    with pytest.raises(InputError, match="stretches must be"):
        FlowConfig(stretches=17)


def test_an_untrained_flow_has_zero_velocity_and_is_reversible() -> None:
    torch.manual_seed(0)
    net = LatentFlow(2, 3, 64, 1, 8, 8).eval()
    x, kind = torch.randn(2, 2, 8, 8, 8), torch.tensor([0, 3])
    with torch.no_grad():
        assert torch.equal(integrate_heun(net, x, kind, 2), x)
        for p in net.parameters():
            p.add_(0.05 * torch.randn_like(p))
        there = integrate_heun(net, x, kind, 40)
        assert (there - x).abs().max() > 1e-3
        torch.testing.assert_close(integrate_heun(net, there, kind, 40, reverse=True), x, atol=2e-2, rtol=0)
        torch.testing.assert_close(integrate_adams_bashforth(net, x, kind, 40), there, atol=2e-2, rtol=0)
        guided = integrate_heun(net, x, kind, 4, 2.0)
        assert torch.equal(guided[1] * 0, x[1] * 0) and not torch.equal(
            guided[0], integrate_heun(net, x, kind, 4)[0]
        )


@pytest.mark.slow
def test_the_flow_learns_two_points() -> None:
    """Codes that are one of two constants, by kind: draws come near to the right one."""
    torch.manual_seed(0)
    net = LatentFlow(1, 2, 64, 1, local=16)
    points = torch.tensor([-1.0, 1.0])
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(300):
        kind = torch.randint(2, (32,))
        loss = flow_matching_loss(net, points[kind].view(-1, 1, 1, 1, 1).expand(-1, 1, 4, 4, 4).clone(), kind)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        made = integrate_heun(net.eval(), torch.randn(16, 1, 4, 4, 4), torch.arange(16) % 2, 12).mean(
            (1, 2, 3, 4)
        )
    assert made[::2].mean() < -0.5 and made[1::2].mean() > 0.5


def test_generator_and_critic_are_conditioned_on_categories() -> None:
    for places in LATENT_SIZES:
        maker, critic = LatentGenerator(2, 3, 16, places), LatentCritic(2, 3, 16, places)
        kind = torch.tensor([0, 3])
        made = maker(torch.randn(2, NOISE_SIZE), kind)
        assert made.shape == (2, 2, places, places, places) and critic(made, kind).shape == (2,)
        assert critic.features(made).shape == (2, 256)


def test_diversity_of_equal_and_of_collapsed_samples() -> None:
    real = torch.randn(40, 5)
    same = diversity_scores(real.clone(), real)
    assert same["coverage"] == 1 and same["matching"] < 1e-2 and abs(same["apart"] - 1) < 1e-5
    one = diversity_scores(real[:1].expand(40, -1) + 1e-6 * torch.randn(40, 5), real)
    assert one["coverage"] == 1 / 40 and one["apart"] < 0.01 and one["one_nn"] > 0.9


def test_a_collapsed_generator_is_stopped_with_a_diagnosis(small: tuple[Path, Path], tmp_path: Path) -> None:
    corpus = small[0]
    with join_workers("cpu") as where:
        Trainer(AutoencoderTask(corpus, Config(**TINY)), tmp_path / "a", where, quiet, quiet).fit()
    task = GanTask(corpus, GanConfig(autoencoder=str(tmp_path / "a"), width=16, batch=4, steps=1))
    task.val = task.train
    module = task.module()
    losses = task.loss(module, task.batch(0, 0, 1), 0)
    losses["loss"].backward()
    assert all(p.grad is not None for name, p in module.named_parameters())
    with torch.no_grad():
        for p in module["net"].parameters():  # type: ignore[index]
            p.zero_()
    assert task.validate(module)["apart"] < 0.01, "one that has only begun is not judged"
    task.loss(module, task.batch(BEGUN, 0, 1), BEGUN)
    with pytest.raises(ModeCollapse, match="collapsed"):
        task.validate(module)


def refined_by_torch(
    net: ShapeAutoencoder, cells: torch.Tensor, code: torch.Tensor, steps: int
) -> torch.Tensor:
    """As `refined`, with torch's own Adam."""
    scale = code.flatten(1).std(1).view(-1, 1, 1, 1, 1)
    moved = torch.zeros_like(code).requires_grad_()
    optimiser = torch.optim.Adam([moved], 0.05)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        with torch.enable_grad():
            said = net.decode(code + scale * moved)
            share = torch.sigmoid(said)
            iou = ((share * cells).sum((1, 2, 3)) + 0.5) / ((share + cells).sum((1, 2, 3)) + 1)
            wrong = torch.nn.functional.binary_cross_entropy_with_logits(said, cells, reduction="none")
            (moved.grad,) = torch.autograd.grad((wrong.mean((1, 2, 3)) - iou).sum(), moved)
        optimiser.step()
    return code + scale * moved.detach()


def test_refinement_reduces_the_loss_and_does_not_change_the_network() -> None:
    torch.manual_seed(0)
    net = ShapeAutoencoder(8, 2, 8).eval()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    cells = torch.zeros(2, 64, 64, 64)
    cells[0, 10:50, 20:40, 5:30] = cells[1, 30:34] = 1
    with torch.no_grad():
        code = net.encode(cells)
        moved = refine_latent(net, cells, code, 8)
        first, last = (
            torch.nn.functional.binary_cross_entropy_with_logits(net.decode(c), cells) for c in (code, moved)
        )
        alone = refine_latent(net, cells[:1], code[:1], 8)
        twin = refined_by_torch(net, cells, code, 8)
    assert last < first and torch.equal(refine_latent(net, cells, code, 0), code)
    torch.testing.assert_close(alone, moved[:1], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(twin, moved, atol=1e-3, rtol=1e-3)
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert all(p.requires_grad for p in net.parameters())


def test_the_latent_space_id_depends_on_the_encoder_but_not_on_precision(
    small: tuple[Path, Path], tmp_path: Path
) -> None:

    from lift3d.inference.networks import latent_space_id
    from lift3d.weights import find, pack

    net = ShapeAutoencoder(8, 2, 8)
    tensors = {**net.state_dict(), "decoder.head.bias": torch.ones(64)}
    (tmp_path / "a.safetensors").write_bytes(pack(net.state_dict()))
    (tmp_path / "b.safetensors").write_bytes(pack(tensors))
    with torch.no_grad():
        tensors["encoder.mean.bias"] = tensors["encoder.mean.bias"] + 1
    (tmp_path / "c.safetensors").write_bytes(pack(tensors))
    for name in "abc":
        (tmp_path / f"{name}.json").write_text(json.dumps({"mapping": "autoencoder"}))
    a, b, c = (latent_space_id(find(tmp_path / f"{name}.safetensors")) for name in "abc")
    assert a == b != c


@pytest.mark.slow
def test_from_the_corpus_to_tables(
    small: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user types: an autoencoder, a flow and a GAN on its codes, their tables; each fits the one before."""
    monkeypatch.setattr("lift3d.evaluate.autoencoder.REFINEMENT_STEPS", 1)
    monkeypatch.setattr("lift3d.train.data.latents.FEWEST", 1)
    block = np.zeros((66, 66, 66), bool)  # with its edge
    block[20:40, 20:40, 2:60] = True
    solid = DecodedSolid(trimesh.creation.box((0.3, 0.3, 0.9)), block, 1)
    monkeypatch.setattr(
        "lift3d.evaluate.cases.generation.decode_solid", lambda *a, **k: solid
    )  # of noise it would take minutes
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(GanTest, "accuracy", lambda self, kind, cells: asked.extend(c.shape for c in cells))
    monkeypatch.setattr(
        "lift3d.evaluate.generator.largest_categories", lambda train, test, kinds, count: ["kind0"]
    )

    def lift3d(*words: object) -> str:
        done = CliRunner().invoke(app, [str(w) for w in words])
        assert done.exit_code == 0, done.output
        return done.output

    data, auto = ("--data", small[0]), tmp_path / "auto"
    tiny = [w for k, v in TINY.items() for w in ("--set", f"{k}={v}")]
    lift3d("train", "vae", *data, "-o", auto, *tiny)
    said = lift3d(
        "evaluate", "vae", *data, "--weights", auto, "--split", "val", "--limit", 2, "-o", tmp_path / "t"
    )
    assert "principal components" in said and (tmp_path / "t/autoencoder.json").is_file()
    kept = {k: v for k, v in TINY.items() if k not in ("width", "codes")}
    few = [w for k, v in kept.items() for w in ("--set", f"{k}={v}")]
    for name, width in (("flow", 64), ("gan", 16)):
        run = tmp_path / name
        more = ["--set", f"width={width}", "--set", f"autoencoder={auto}"]
        lift3d("train", name, *data, "-o", run, *few, *more)
        held = load_sampler(name, str(run), str(auto), steps=2)
        assert held.sample(0, (0, 5)).shape == (2, 4, 4, 4)
        assert np.array_equal(
            held.sample(0, (0, 5)), load_sampler(name, str(run), str(auto), steps=2).sample(0, (0, 5))
        )
    said = lift3d(
        "evaluate",
        "flow",
        *data,
        "--weights",
        tmp_path / "flow",
        "--split",
        "val",
        "--limit",
        2,
        "-o",
        tmp_path / "g",
    )
    assert "flow, first sample" in said and "gan is omitted" in said, (
        "the autoencoder is the run's, not the package's"
    )
    told = json.loads((tmp_path / "g/flow.json").read_text())
    assert all(0 <= row["one_nn"] <= 1 for row in told["rows"].values())
    assert told["rows"]["training shapes, resampled"]["named"] is None
    assert set(asked) == {(64, 64, 64)}, "the judge is shown cells of all draws, as it knows them"
    held = load_sampler("flow", str(tmp_path / "flow"), str(auto), steps=2)
    assert held.with_pca == {"kind0", "kind1"}, "of one's own meshes all are remembered, and begun with"
    plain = load_sampler("flow", str(tmp_path / "flow"), str(auto), steps=2, begin=0.0)
    assert not np.array_equal(held.sample(0, (0, 5)), plain.sample(0, (0, 5))), "a run remembers outlines"
    (tmp_path / "flow").rename(tmp_path / "moved")
    lift3d("generate", "--kinds", "--weights", tmp_path / "moved")
