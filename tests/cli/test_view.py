"""`lift3d view`: one HTML file, opened or not; every failure is one sentence and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The addresses that the browser would have been given."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: addresses.append(address) or True)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return addresses


def test_it_is_written_and_opened(run: Run, cube: Path, opened: list[str]) -> None:
    result = run("view", cube, "-o", cube.with_name("page.html"))
    assert result.exit_code == 0 and str(cube.with_name("page.html")) in result.stdout
    assert opened == [cube.with_name("page.html").as_uri()]
    assert cube.with_name("page.html").stat().st_size < 450_000


def test_without_output_the_message_says_where_it_is(run: Run, cube: Path, opened: list[str]) -> None:
    result = run("view", cube, "--no-open")
    assert result.exit_code == 0 and not opened
    (page,) = (cube.parent / "temporary").rglob("*.html")
    assert f"wrote {page} (" in result.stdout


def test_no_browser_is_no_failure(run: Run, cube: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    result = run("view", cube, "-o", cube.with_name("page.html"))
    assert result.exit_code == 0 and "No browser was found" in result.stdout


def test_bad_input_is_one_sentence(
    refused: Callable[..., str], cube: Path, tmp_path: Path, opened: list[str]
) -> None:
    (tmp_path / "empty.glb").write_bytes(b"")
    (tmp_path / "cut.glb").write_bytes(cube.read_bytes()[:300])
    (tmp_path / "none.ply").write_bytes(
        b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    (tmp_path / "folder.html").mkdir()
    before = sorted(tmp_path.rglob("*"))
    page = tmp_path / "page.html"
    assert "does not exist" in refused("view", tmp_path / "missing.glb", "-o", page)
    assert "is empty" in refused("view", tmp_path / "empty.glb", "-o", page)
    for name in ("cut.glb", "none.ply"):
        assert name in refused("view", tmp_path / name, "-o", page)
    assert "is a folder" in refused("view", tmp_path, "-o", page)
    assert "use the ending .html" in refused("view", cube, "-o", tmp_path / "page.glb")
    assert "use the ending .html" in refused("view", cube, "-o", tmp_path / "page")
    assert "a folder has this name" in refused("view", cube, "-o", tmp_path / "folder.html")
    assert "cannot write" in refused("view", cube, "-o", cube / "page.html")
    assert "not an upright axis" in refused("view", cube, "--up", "x", "-o", page)
    assert sorted(tmp_path.rglob("*")) == before and not opened
