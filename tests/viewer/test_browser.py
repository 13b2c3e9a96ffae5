"""The viewer in a real browser, from a file on disk and without network: light, modes, cuts, lengths, keyboard, phone."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

import lift3d
from lift3d.io.mesh.meshes import save_mesh
from lift3d.units import set_unit

pytest.importorskip("playwright", reason="playwright is not installed")

from static_site import CHROMIUM, CONTRAST, FLAGS

if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)

from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.slow
SIDE = 0.05
Open = Callable[..., Any]
TEXTS = "h1, label, select, button, .viewer-status, .viewer-facts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a mesh or file; the test fails for anything on the console and any request beside the page itself."""
    contexts, problems = [], []

    def call(model: Any, width: int = 900, height: int = 700, scheme: str = "light") -> Any:
        path = lift3d.view(model, tmp_path / "page.html", open_browser=False)
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda r: (
                None if r.url == path.as_uri() or r.url.startswith("blob:null/") else problems.append(r.url)
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_selector("#viewer[aria-busy=false]")
        return page

    yield call
    for context in contexts:
        context.close()
    assert not problems, problems


def cube(unit: str | None = "m") -> trimesh.Trimesh:
    return set_unit(trimesh.creation.box((SIDE, SIDE, SIDE)), unit)


def pixels(page: Any) -> np.ndarray:
    """The canvas (H, W, 4) after the next picture; alpha is 0 where there is neither model nor grid."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    data = page.evaluate("lift3dViewer.canvas.toDataURL('image/png').split(',')[1]")
    return np.asarray(Pil.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")).astype(int)


def opaque(picture: np.ndarray) -> np.ndarray:
    """Where the model is; the grid is transparent."""
    return picture[..., 3] > 250


def differ(a: np.ndarray, b: np.ndarray) -> float:
    """Fraction of the pixels of either model that differ visibly."""
    either = opaque(a) | opaque(b)
    return float((np.abs(a - b).max(2) > 8)[either].mean())


def at(page: Any, x: float, y: float, z: float) -> tuple[float, float]:
    """Position in the window of a point (3,) of the model, y up, as in its GLB."""
    found = page.evaluate(
        """([x, y, z]) => { const v = lift3dViewer, p = v.camera.position.clone().set(x, y, z).project(v.camera);
        const box = v.canvas.getBoundingClientRect();
        return [box.left + (p.x + 1) / 2 * box.width, box.top + (1 - p.y) / 2 * box.height]; }""",
        [x, y, z],
    )
    return found[0], found[1]


def status(page: Any) -> str:
    return page.text_content(".viewer-status")


def test_the_canvas_shows_the_model_and_it_turns_and_zooms(show: Open) -> None:
    page = show(cube())
    first = pixels(page)
    assert 0.05 < opaque(first).mean() < 0.8
    page.focus(".viewer-canvas")
    page.keyboard.press("ArrowRight")
    turned = pixels(page)
    assert differ(first, turned) > 0.05
    page.keyboard.press("ArrowLeft")
    assert differ(first, pixels(page)) < 0.01
    page.keyboard.press("+")
    assert opaque(pixels(page)).sum() > 1.1 * opaque(first).sum()
    page.keyboard.press("0")
    assert differ(first, pixels(page)) < 0.01
    x, y = at(page, 0, 0, 0)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y)
    page.mouse.up()
    assert differ(first, pixels(page)) > 0.05


def test_it_turns_by_itself_until_stopped(show: Open) -> None:
    page = show(cube())
    first = pixels(page)
    page.click("text=Turn")
    page.wait_for_timeout(1500)
    assert page.get_attribute("text=Turn", "aria-pressed") == "true" and differ(first, pixels(page)) > 0.02
    page.click("text=Turn")
    stopped = pixels(page)
    page.wait_for_timeout(400)
    assert differ(stopped, pixels(page)) == 0


def test_each_view_fills_the_picture_and_cuts_nothing_off(show: Open) -> None:
    mesh = set_unit(trimesh.creation.box((0.1, 0.02, 0.3)), "m")
    for width, height in ((900, 700), (360, 640)):
        page = show(mesh, width, height)
        for view in ("start", "front", "right", "back", "left", "top", "below"):
            page.select_option("select:right-of(:text('From'))", view)
            seen = opaque(pixels(page))
            assert not (seen[0].any() or seen[-1].any() or seen[:, 0].any() or seen[:, -1].any()), view
            rows, columns = np.nonzero(seen)
            filled = max(np.ptp(rows) / seen.shape[0], np.ptp(columns) / seen.shape[1])
            assert filled > 0.7, (view, filled)


def test_each_mode_changes_the_picture(show: Open, tmp_path: Path) -> None:
    painted = trimesh.creation.icosphere(2, 0.05)
    painted.visual.vertex_colors = np.tile([220, 40, 30, 255], (len(painted.vertices), 1))
    save_mesh(set_unit(painted, "m"), tmp_path / "ball.glb")
    sure = painted.copy()
    sure.visual.vertex_colors = np.tile([20, 40, 230, 255], (len(painted.vertices), 1))
    save_mesh(sure, tmp_path / "ball.uncertainty.ply")
    page = show(tmp_path / "ball.glb")
    seen = {}
    for mode in ("texture", "plain", "wireframe", "confidence"):
        page.select_option("select:right-of(:text('Show'))", mode)
        seen[mode] = pixels(page)
    names = list(seen)
    for k, a in enumerate(names):
        for b in names[:k]:
            assert differ(seen[a], seen[b]) > 0.3, (a, b)
    middle = {name: picture[opaque(picture)].mean(0) for name, picture in seen.items()}
    assert (
        middle["texture"][0] > 2 * middle["texture"][2]
        and middle["confidence"][2] > 2 * middle["confidence"][0]
    )


def test_confidence_is_off_with_a_reason_where_there_is_none(show: Open) -> None:
    page = show(cube())
    option = page.locator("option[value=confidence]")
    assert option.is_disabled() and len(option.get_attribute("title")) > 20
    assert page.text_content("option[value=texture]") == "As it is"


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_section_cuts(show: Open, axis: str) -> None:
    page = show(set_unit(trimesh.creation.icosphere(3, SIDE), "m"))
    whole = pixels(page)
    page.select_option("select:right-of(:text('Cut'))", axis)
    half = pixels(page)
    assert opaque(half).sum() < 0.95 * opaque(whole).sum()
    r, g, b, a = (half[..., i] for i in range(4))
    orange = (a > 250) & (r > g + 40) & (g > b + 40)
    assert orange.sum() > 0.05 * opaque(whole).sum(), "the cut is filled"
    page.focus("input[type=range]")
    page.keyboard.press("End")
    assert differ(whole, pixels(page)) < 0.02
    page.keyboard.press("Home")
    assert opaque(pixels(page)).sum() < 0.02 * opaque(whole).sum()
    page.select_option("select:right-of(:text('Cut'))", "")
    assert differ(whole, pixels(page)) < 0.01 and page.is_disabled("input[type=range]")


def click_two_points(page: Any) -> str:
    page.select_option("select:right-of(:text('From'))", "front")
    page.click("text=Measure")
    assert "Click two points" in status(page)
    for x in (-0.4 * SIDE, 0.4 * SIDE):
        page.mouse.click(*at(page, x, 0.3 * SIDE, SIDE / 2))
    return status(page)


def test_a_measured_length_is_right_to_one_percent(show: Open) -> None:
    page = show(cube())
    before = pixels(page)
    text = click_two_points(page)
    match = re.fullmatch(r"Distance: ([\d.]+) mm", text)
    assert match and float(match[1]) == pytest.approx(800 * SIDE, rel=0.01), text
    assert page.get_attribute(".viewer-status", "aria-live") == "polite"
    red = pixels(page)
    assert ((red[..., 0] > 180) & (red[..., 1] < 100)).sum() > 50 and not (
        (before[..., 0] > 180) & (before[..., 1] < 100)
    ).any()
    box = page.locator(".viewer-canvas").bounding_box()
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    assert "no surface" in status(page)
    page.click("text=Measure")
    assert status(page) == ""


def test_the_size_is_written_width_depth_height(show: Open) -> None:
    page = show(set_unit(trimesh.creation.box((0.25, 0.02, 1.5)), "m"))
    assert "25.0 cm × 20.0 mm × 1.500 m" in page.text_content(".viewer-facts")
    assert "one square is" in page.text_content(".viewer-facts")


def test_without_unit_lengths_are_parts_of_the_longest_side(show: Open) -> None:
    page = show(cube(None))
    assert "size unknown" in page.text_content(".viewer-facts")
    match = re.fullmatch(r"Distance: ([\d.]+) % of the longest side", click_two_points(page))
    assert match and float(match[1]) == pytest.approx(80, rel=0.01)


def test_the_keyboard_is_enough(show: Open) -> None:
    page = show(cube())
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => { const e = document.activeElement; return [e.id.replace(/-\\d+$/, '') || e.textContent || e.classList[0],
            getComputedStyle(e).outlineStyle]; }"""
        )
        reached.append(name)
        assert outline != "none", reached
        if name == "Measure":
            page.keyboard.press("Enter")
    assert reached == [
        "viewer-mode",
        "viewer-view",
        "viewer-axis",
        "Measure",
        "Turn",
        "Full screen",
        "viewer-canvas",
    ]
    page.focus(".viewer-canvas")
    page.keyboard.press("Enter")
    assert status(page) == "Now the other end."
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert re.fullmatch(r"Distance: [\d.]+ mm", status(page))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_in_no_direction_and_text_has_contrast(show: Open, scheme: str) -> None:
    name = cube()
    page = show(name, 360, 640, scheme)
    assert page.evaluate(
        "document.documentElement.scrollWidth <= 360 && document.documentElement.scrollHeight <= 640"
    )
    box = page.locator(".viewer-canvas").bounding_box()
    assert box["width"] == 360 and box["height"] > 250
    click_two_points(page)
    ratios = page.evaluate(CONTRAST, TEXTS)
    assert len(ratios) >= 9 and all(ratio >= 4.5 for _, ratio in ratios), ratios
    unnamed = page.evaluate(
        """[...document.querySelectorAll('select, button, input, canvas')].filter(
        (e) => !e.labels?.length && !e.ariaLabel && !e.textContent.trim()).length"""
    )
    assert unnamed == 0


def test_a_texture_has_its_own_colours(show: Open, tmp_path: Path) -> None:
    picture = Pil.new("RGB", (64, 64), (200, 100, 50))
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], float) * 0.1
    uv = np.array([[0, 0], [3, 0], [3, 3], [0, 3]], float)  # repeated
    sheet = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)
    sheet.visual = TextureVisuals(uv, material=PBRMaterial(baseColorTexture=picture))
    page = show(set_unit(sheet, "m"))
    for view in ("front", "back"):  # an open sheet has two sides
        page.select_option("select:right-of(:text('From'))", view)
        seen = pixels(page)
        colour = np.median(seen[opaque(seen)], 0)[:3]
        assert np.abs(colour / (200, 100, 50) - 1).max() < 0.1, (view, colour)


def test_a_model_far_from_the_origin_is_lit_the_same(show: Open) -> None:
    near = show(cube())
    a = pixels(near)
    far = cube()
    far.apply_translation((0.3, -0.2, 0.1))
    assert differ(a, pixels(show(far))) < 0.02


def test_seams_of_a_texture_do_not_show_and_edges_do(show: Open) -> None:
    ball = trimesh.creation.icosphere(4, 0.05)
    apart = trimesh.Trimesh(
        ball.vertices[ball.faces].reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3), process=False
    )
    together, split = (pixels(show(set_unit(mesh, "m"))) for mesh in (ball, apart))
    assert differ(together, split) < 0.01
    box = pixels(show(cube()))
    colours = {tuple(c) for c in (box[opaque(box)][:, :3] // 4).tolist()}
    assert len(colours) < 60, "each side of a cube has one shade"


def test_a_cut_out_texture_is_cut_out(show: Open) -> None:
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[:, :32] = (200, 100, 50, 255)
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], float) * 0.1
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    sheet = trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)
    sheet.visual = TextureVisuals(
        uv, material=PBRMaterial(baseColorTexture=Pil.fromarray(picture), alphaMode="MASK")
    )
    page = show(set_unit(sheet, "m"))
    page.select_option("select:right-of(:text('From'))", "front")
    cut = opaque(pixels(page)).sum()
    page.select_option("select:right-of(:text('Show'))", "plain")
    assert cut == pytest.approx(opaque(pixels(page)).sum() / 2, rel=0.05)


def test_a_damaged_model_is_one_sentence(browser: Any, tmp_path: Path) -> None:
    from lift3d.viewer.html import viewer_html

    (tmp_path / "page.html").write_bytes(viewer_html(b"glTF" + b"\0" * 40, "broken.glb"))
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_selector("#note.failed")
    assert "the file holds no model" in page.text_content("#note")
    page.close()
