"""The command line: words, exit codes, one sentence for each failure, and a quick start."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from stub_maps import stub_mappings
from typer.testing import CliRunner, Result

from lift3d import cli
from lift3d.errors import CaptureError, InputError
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.units import format_length, format_memory, format_seconds, parse_bed, parse_length, parse_memory


def lift3d(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def sentence(result: Result) -> str:
    """The one line on stderr of a failed command, exit code 2."""
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("lift3d: ")]
    assert len(lines) == 1 and "Traceback" not in result.output
    assert lines[0].endswith((".", "?"))
    return lines[0]


def as_json(result: Result) -> dict:
    return json.loads(result.stdout)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        Pil.fromarray(np.random.default_rng(i).integers(0, 255, (96, 128, 3), np.uint8)).save(
            folder / f"{i}.png"
        )
    return folder


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lift3d.pipelines.reconstruct.multi_view_mappings", stub_mappings())
    monkeypatch.setattr(
        "lift3d.pipelines.preview.write_preview", lambda mesh, path: Pil.new("L", (9, 9)).save(path)
    )


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("24cm", 0.24), ("240 mm", 0.24), ("2m", 2), ("9,5in", 0.2413), (".5ft", 0.1524), ('10"', 0.254),
        ("1e", None), ("24", None), ("", None), ("-3cm", None), ("0mm", None), ("3 parsecs", None),
        ("nanm", None), ("99999m", None),
    ],
)  # fmt: skip
def test_lengths_need_a_unit(text: str, metres: float | None) -> None:
    if metres is None:
        with pytest.raises(InputError):
            parse_length(text)
    else:
        assert parse_length(text) == pytest.approx(metres)


def test_beds_and_memory_and_their_words() -> None:
    assert parse_bed("220x220x250mm") == pytest.approx((0.22, 0.22, 0.25))
    assert parse_bed("22cm x 22cm x 250mm") == pytest.approx((0.22, 0.22, 0.25))
    for bad in ("220x220", "220x220x250", "axbxcmm"):
        with pytest.raises(InputError):
            parse_bed(bad)
    assert (parse_memory("3GB"), parse_memory("1500 mb"), parse_memory("2GiB")) == (
        3 * 10**9,
        1500 * 10**6,
        2**31,
    )
    for bad in ("3", "lots", "1KB", "-3GB"):
        with pytest.raises(InputError):
            parse_memory(bad)
    assert (format_length(0.24), format_length(0.0123), format_length(2)) == ("240 mm", "12.3 mm", "2.00 m")
    assert (format_memory(3e9), format_memory(25e6)) == ("3.0 GB", "25 MB")
    assert (format_seconds(75), format_seconds(9.4)) == ("1 min 15 s", "9 s")


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, lift3d.cli\n"
        "heavy = {'numpy', 'scipy', 'numba', 'trimesh', 'PIL', 'pycolmap', 'torch', 'rich.progress'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    result = lift3d("--help")
    assert result.exit_code == 0
    for command in ("reconstruct", "check", "repair", "convert", "maps", "doctor"):
        assert command in result.stdout


@pytest.mark.slow
def test_reconstruct_says_what_it_made(photos: Path, tmp_path: Path, stubs: None) -> None:
    result = lift3d("reconstruct", photos, "-o", tmp_path / "m.glb", "--height", "24cm")
    assert result.exit_code == 0, result.output
    for name in ("m.glb", "m.png", "m.report.json"):
        assert (tmp_path / name).exists() and name in result.stdout
    assert "120 mm x 180 mm x 240 mm" in result.stdout and "solid" in result.stdout
    assert "measuring depth" in result.stderr and "Memory budget 3.0 GB" in result.stderr
    quiet = lift3d("reconstruct", photos, "-o", tmp_path / "n.glb", "--quiet")
    assert quiet.exit_code == 0 and quiet.output == ""
    assert "unknown" in lift3d("reconstruct", photos, "-o", tmp_path / "o.stl").stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--height", "24"], "'24' has no unit"),
        (["--height", "24cm", "--width", "3cm"], "more than one size"),
        (["--kind", "statue"], "kind is 'statue'"),
        (["--marks", "a.jpg,1,2,3"], "two marks"),
        (["--marks", "a.jpg,1,1,1,1,3cm"], "different pixels"),
        (["--memory", "3"], "not an amount of memory"),
        (["--texture", "100000"], "texture is 100000"),
        (["--size", "10"], "size is 10"),
        (["--faces", "3"], "faces is 3"),
        (["--masks", "nowhere"], "masks folder nowhere does not exist"),
    ],
)
def test_options_that_cannot_be_used(
    photos: Path, tmp_path: Path, stubs: None, options: list[str], words: str
) -> None:
    assert words in sentence(lift3d("reconstruct", photos, "-o", tmp_path / "m.glb", *options))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


def test_inputs_that_cannot_be_used(photos: Path, tmp_path: Path, stubs: None) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "out" / "m.glb"
    assert "is empty" in sentence(lift3d("reconstruct", empty, "-o", out))
    assert "there are no photos at" in sentence(lift3d("reconstruct", tmp_path / "none", "-o", out))
    measured = ("--method", "measured", "-o", out)
    assert "nothing can be measured from a single photo: take 20" in sentence(
        lift3d("reconstruct", photos / "0.png", *measured)
    )
    assert "only 2 photos" in sentence(lift3d("reconstruct", photos / "0.png", photos / "1.png", *measured))
    assert "not a model format" in sentence(lift3d("reconstruct", photos, "-o", tmp_path / "m.jpg"))
    for i in range(3):
        (photos / f"{i}.png").write_bytes(b"no image at all")
    assert "3 of 3 photos cannot be used" in sentence(lift3d("reconstruct", photos, "-o", out))
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (CaptureError("the photos do not overlap", "take more"), 2, "the photos do not overlap: take more."),
        (MemoryError(), 2, "not enough memory"),
        (OSError(28, "No space left on device"), 2, "no space left on device"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was written."),
    ],
)
def test_failures_in_the_middle(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    monkeypatch.setattr(
        "lift3d.pipelines.reconstruct.multi_view_mappings", stub_mappings(fail_at="depths", error=error)
    )
    result = lift3d("reconstruct", photos, "-o", tmp_path / "m.glb")
    assert result.exit_code == code and words in result.stderr and "Traceback" not in result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


STUBBED = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1] / 'helpers')!r})\n"
    "import signal, stub_maps, lift3d.pipelines.reconstruct, lift3d.cli\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell in the background ignores it
    "lift3d.pipelines.reconstruct.multi_view_mappings = stub_maps.stub_mappings()\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_behind(photos: Path, tmp_path: Path, number: int, code: int) -> None:
    wait = (
        "stub_maps.StubDepths.apply = lambda *_: (print('here', flush=True), __import__('time').sleep(60))\n"
    )
    words = [sys.executable, "-c", STUBBED + wait + "lift3d.cli.main()"]
    words += ["reconstruct", str(photos), "-o", str(tmp_path / "m.glb"), "--work", str(tmp_path / "work")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(30) == code and "Traceback" not in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "work"]
    assert (tmp_path / "work" / "cameras.json").exists()


@pytest.mark.slow
def test_ctrl_c_that_a_library_swallows_still_ends_the_run(photos: Path, tmp_path: Path) -> None:
    """As trimesh does, which tries its imports with `except BaseException`."""
    swallow = (
        "import os\n"
        "def apply(*_):\n"
        "    try: os.kill(os.getpid(), signal.SIGINT)\n"
        "    except BaseException: pass\n"
        "    return usual(*_)\n"
        "usual, stub_maps.StubDepths.apply = stub_maps.StubDepths.apply, apply\n"
    )
    words = [sys.executable, "-c", STUBBED + swallow + "lift3d.cli.main()"]
    words += ["reconstruct", str(photos), "-o", str(tmp_path / "m.glb")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 130 and "nothing was written" in done.stderr, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mask", "x.jpg"], "missing option '-o'"),
        (["reconstruct", "--nonsense"], "--nonsense"),
        (["fly"], "fly"),
    ],
)
def test_wrong_usage_is_one_sentence(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "lift3d", *words], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("lift3d: ") and said in done.stderr and "--help" in done.stderr


@pytest.mark.slow
def test_a_disk_that_is_full(photos: Path, tmp_path: Path) -> None:
    """Files may not grow beyond 20 kB: the model cannot be written, and the run says so."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    code = STUBBED + "sys.dont_write_bytecode = True\nlift3d.cli.main()"
    words = [sys.executable, "-c", code, "reconstruct", str(photos), "-o", str(tmp_path / "m.glb"), "--quiet"]
    done = subprocess.run(words, preexec_fn=limit, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


def test_output_to_a_place_that_cannot_be_written(photos: Path, stubs: None) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs a folder that even root cannot write")
    assert "cannot write /proc/m.glb" in sentence(lift3d("reconstruct", photos, "-o", "/proc/m.glb"))


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    mesh = trimesh.creation.box((0.03, 0.02, 0.04))
    mesh.units = "m"
    save_mesh(mesh, tmp_path / "cube.stl")
    return tmp_path / "cube.stl"


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    mesh = trimesh.creation.icosphere(2)
    mesh.update_faces(np.arange(len(mesh.faces)) > 5)
    save_mesh(mesh, tmp_path / "broken.obj")
    return tmp_path / "broken.obj"


def test_convert(cube: Path, tmp_path: Path) -> None:
    result = lift3d("convert", cube, tmp_path / "cube.glb")
    assert result.exit_code == 0 and "cube.glb" in result.stdout
    assert len(load_mesh(tmp_path / "cube.glb").faces) == 12
    assert "not a model format" in sentence(lift3d("convert", cube, tmp_path / "cube.xyz"))
    assert "does not exist" in sentence(lift3d("convert", tmp_path / "none.stl", tmp_path / "c.glb"))
    (tmp_path / "bad.glb").write_bytes(b"glTF but not really")
    sentence(lift3d("convert", tmp_path / "bad.glb", tmp_path / "c.glb"))
    assert not (tmp_path / "c.glb").exists()


def test_maps_and_doctor() -> None:
    listed = lift3d("maps")
    assert (
        listed.exit_code == 0
        and "depths_to_mesh" in listed.stdout
        and "DepthMaps -> Surface" in listed.stdout
    )
    assert "one connected graph" in listed.stdout.splitlines()[0]
    dot = lift3d("maps", "--dot").stdout
    assert dot.startswith("digraph") and '"DepthMaps" -> "Surface" [label="depths_to_mesh"' in dot
    result = lift3d("doctor")
    assert result.exit_code == 0, result.stdout
    for name in ("lift3d", "python", "threads", "memory", "numpy", "pycolmap", "usd-core"):
        assert name in result.stdout


def test_doctor_tells_what_is_missing_and_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    from lift3d.runtime import doctor

    present = doctor.version_of
    monkeypatch.setattr(doctor, "version_of", lambda d: None if d in ("av", "scipy") else present(d))
    result = lift3d("doctor")
    assert result.exit_code == 1
    assert "pip install 'lift3d[video]'" in result.stdout and "BROKEN  scipy" in result.stdout


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_failure() -> None:
    command = f"{sys.executable} -m lift3d maps --dot | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=dict(os.environ))
    assert "Traceback" not in done.stderr and done.stdout == "d"


@pytest.mark.slow
def test_check_says_whether_it_would_print(cube: Path, broken: Path) -> None:
    good = lift3d("check", cube)
    assert good.exit_code == 0 and "cube.stl can be printed." in good.stdout
    report = as_json(lift3d("check", cube, "--json"))
    assert report["printable"] and report["unit"] == "mm"
    assert report["size"] == pytest.approx([30, 20, 40])
    small = lift3d("check", cube, "--bed", "25x25x50mm")
    assert small.exit_code == 1 and "DOES NOT FIT" in small.stdout
    bad = lift3d("check", broken)
    assert bad.exit_code == 1 and "cannot be printed" in bad.stdout and "lift3d repair" in bad.stdout
    assert "printer bed" in sentence(lift3d("check", cube, "--bed", "25"))
    assert "not a format" in sentence(lift3d("check", "cube.xyz"))


@pytest.mark.slow
def test_repair_makes_it_solid_and_says_how(broken: Path, tmp_path: Path) -> None:
    out = tmp_path / "solid.3mf"
    result = lift3d("repair", broken, "-o", out)
    assert result.exit_code == 0, result.output
    assert "open edges" in result.stdout and "filled" in result.stdout and "of the diagonal" in result.stdout
    assert lift3d("check", out).exit_code == 0
    assert "not a model format" in sentence(lift3d("repair", broken, "-o", tmp_path / "solid.doc"))
    flat = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    save_mesh(flat, tmp_path / "flat.ply")
    assert "flat sheet" in lift3d("check", tmp_path / "flat.ply").stdout
    sentence(lift3d("repair", tmp_path / "flat.ply", "-o", tmp_path / "no.stl"))
    assert not (tmp_path / "no.stl").exists()
