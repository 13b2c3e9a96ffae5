"""The page in a real browser: photos dropped, progress, the model turned and downloaded; cancel, errors, a phone,
the keyboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

pytest.importorskip("fastapi")
pytest.importorskip("playwright", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

from playwright.sync_api import sync_playwright
from server_process import ServerProcess

import lift3d

pytestmark = pytest.mark.slow
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
LONG, SIZE = 480_000, 400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("page") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, server: ServerProcess) -> Iterator[Any]:
    yield from opened(browser, server, width=1200, height=850)


@pytest.fixture
def phone(browser: Any, server: ServerProcess) -> Iterator[Any]:
    yield from opened(browser, server, width=360, height=700)


def opened(browser: Any, server: ServerProcess, width: int, height: int) -> Iterator[Any]:
    """A page that fails the test for anything on its console and any request to elsewhere."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(120_000)  # beside other work
    problems: list[str] = []
    refused = "the server responded with a status of 400"  # a file that is refused, which the browser writes to its console
    page.on(
        "console",
        lambda m: (
            problems.append(m.text) if m.type in ("error", "warning") and refused not in m.text else None
        ),
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda r: (
            problems.append(r.url) if not r.url.startswith((server.address, "blob:", "data:")) else None
        ),
    )
    page.goto(server.address)
    page.wait_for_selector("#drop")
    yield page
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()
    assert not problems and wide <= 0


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("box") / "box.glb"
    mesh = trimesh.creation.box(extents=(0.03, 0.02, 0.01))
    mesh.units = "m"
    lift3d.save(mesh, path)
    return path


def until(page: Any, expression: str, seconds: float = 120.0) -> None:
    """Wait for an expression of the page; its policy lets no text be evaluated inside of it, so it is asked from outside."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(100)


def give(page: Any, *paths: Path) -> None:
    page.set_input_files("#choose-files", [str(path) for path in paths])


def begin(page: Any, task: str | None = None) -> None:
    if task is not None:
        page.select_option("#task", task)
    page.wait_for_selector("#stage button.primary:enabled")
    page.click("#stage button.primary")
    until(page, "location.hash.startsWith('#/job/')")


def is_drawn(page: Any) -> bool:
    """Whether the canvas shows more than one colour."""
    return bool(
        page.evaluate(
            """() => { const c = document.querySelector('.viewer-canvas'); const d = document.createElement('canvas');
            d.width = 64; d.height = 48; const x = d.getContext('2d'); x.drawImage(c, 0, 0, 64, 48);
            return new Set(new Uint32Array(x.getImageData(0, 0, 64, 48).data.buffer)).size > 8 }"""
        )
    )


def picture_of(page: Any) -> bytes:
    return bytes(page.locator(".viewer-canvas").screenshot())


def test_the_page_is_small(page: Any) -> None:
    total = page.evaluate(
        "performance.getEntriesByType('resource').reduce((n, e) => n + e.transferSize, 0) + "
        "performance.getEntriesByType('navigation')[0].transferSize"
    )
    assert total < 1_000_000


def test_photos_to_a_model(page: Any, server: ServerProcess, tmp_path: Path) -> None:
    """The 22 photos of the example: progress moves, the model turns, and the download has the bytes of the command line."""
    photos = sorted(PHOTOS.glob("*.jpg"))
    give(page, *photos)
    until(page, "document.querySelectorAll('.thumbs li').length === 22")
    page.click("summary:has-text('Options')")
    page.fill("#option-max_size", str(SIZE))
    page.fill("#option-faces", "5000")
    begin(page)
    seen = set()
    end = time.monotonic() + LONG / 1000
    while "state-done" not in (page.get_attribute("article [role=status]", "class") or ""):
        seen.add(page.evaluate("document.querySelector('progress')?.value"))
        assert time.monotonic() < end
        page.wait_for_timeout(200)
    assert len(seen) > 8, "progress moved"
    page.wait_for_selector(".viewer-facts:not(:empty)")
    page.wait_for_timeout(500)
    assert is_drawn(page)
    before = picture_of(page)
    page.focus(".viewer-canvas")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert picture_of(page) != before
    assert page.locator(".thumbs .good").count() == 22
    with page.expect_download() as download:
        page.click("a.button:text-is('GLB')")
    command = [
        "reconstruct",
        str(PHOTOS),
        "-o",
        str(tmp_path / "local.glb"),
        "--size",
        str(SIZE),
        "--faces",
        "5000",
    ]
    # in a process of its own: the networks of a test process have one thread, and the last bits may depend on it
    free = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    subprocess.run([sys.executable, "-m", "lift3d", *command], env=free, check=True, capture_output=True)
    served, local = Path(download.value.path()).read_bytes(), (tmp_path / "local.glb").read_bytes()
    assert sha256(served).hexdigest() == sha256(local).hexdigest(), (len(served), len(local))


def test_a_model_is_checked_and_shown(page: Any, box: Path) -> None:
    give(page, box)
    begin(page, "check")
    page.wait_for_selector(".viewer-facts:not(:empty)")
    assert "30.0 mm" in page.text_content(".viewer-facts") and "yes" in page.text_content("dl")
    with page.expect_download() as download:
        page.click("a.button:text-is('3MF')")
    assert Path(download.value.path()).read_bytes()[:2] == b"PK"


def test_broken_and_unknown_files_are_explained(page: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "torn.glb").write_bytes(b"glTF\x02\0\0\0\xff\xff\0\0")
    give(page, tmp_path / "letter.pdf")
    page.wait_for_selector(".thumbs .bad:has-text('PDF')")
    assert page.is_disabled("#stage button.primary")
    page.click("[aria-label='Remove letter.pdf']")


def test_a_failed_job_says_why(page: Any, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    give(page, tmp_path / "white.png")
    begin(page, "mask")
    page.wait_for_selector("article .error")
    assert "What to try" in page.text_content("article .error")


def test_cancel_and_delete(page: Any) -> None:
    page.select_option("#task", "generate")
    page.click("summary:has-text('Options')")
    page.fill("#option-count", "24")
    begin(page)
    page.click("button:text-is('Cancel')")
    page.wait_for_selector(".state-cancelled >> nth=0")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("button:text-is('Delete')")
    until(page, "location.hash === '#/'")


def test_a_narrow_window(phone: Any, box: Path) -> None:
    give(phone, box)
    begin(phone, "repair")
    assert "Jobs (" in phone.inner_text("#to-jobs")
    phone.click("#to-jobs")
    until(phone, "document.getElementById('history').getBoundingClientRect().top < innerHeight - 40")
    phone.wait_for_selector(".viewer-facts:not(:empty)")
    phone.wait_for_timeout(300)
    assert is_drawn(phone)


def test_the_keyboard_alone(page: Any, box: Path) -> None:
    give(page, box)
    page.wait_for_selector("#stage button.primary:enabled")
    page.focus("#task")
    page.keyboard.type("Check")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Start":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".viewer-facts:not(:empty)")
    names = page.evaluate(
        "[...document.querySelectorAll('button, a, input, select')].filter(e => e.offsetParent && !e.textContent.trim() && "
        "!e.labels?.length && !e.getAttribute('aria-label')).length"
    )
    assert names == 0, "every control has a name"


def test_contrast_of_the_colours() -> None:
    """WCAG 2.1: at least 4.5 to 1 for text, in both schemes."""
    text = (Path(lift3d.__file__).parent / "server" / "page" / "style.css").read_text("utf-8")

    def luminance(colour: str) -> float:
        rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for block in text.split(":root {")[1:3]:
        colours = dict(
            part.split(":")
            for part in block.split("}")[0].replace(" ", "").replace("\n", "").split(";")
            if part
        )
        for front, back in (
            ("--text", "--back"), ("--text", "--panel"), ("--quiet", "--panel"), ("--quiet", "--back"), ("--accent", "--panel"),
            ("--good", "--panel"), ("--bad", "--panel"), ("--accent-text", "--accent"),
            ("--text", "--warn-back"), ("--text", "--soft"),
        ):  # fmt: skip
            a, b = sorted((luminance(colours[front]), luminance(colours[back])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (front, back)
