"""Requests, without workers: who may call, what is refused, and that nothing a client sends is an internal error."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from lift3d.errors import InputError
from lift3d.server import uploads
from lift3d.server.app import create_app
from lift3d.server.janitor import sole_use, sweep
from lift3d.server.settings import Settings, read_token
from lift3d.server.tasks import TASKS
from lift3d.server.workers import supervisor

TOKEN = "a-secret-of-20-chars"
ADDRESS = "http://127.0.0.1:8033"


def jpeg(size: int = 16) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)).save(data, "JPEG")
    return data.getvalue()


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker is started: jobs stay in the queue."""
    monkeypatch.setattr(supervisor.Supervisor, "start", lambda self: None)


def client_of(data: Path, **changes: Any) -> Iterator[TestClient]:
    with sole_use(data):
        app = create_app(Settings(data, **changes))
        with TestClient(app, base_url=ADDRESS, raise_server_exceptions=True) as client:
            yield client


@pytest.fixture
def client(tmp_path: Path, idle: None) -> Iterator[TestClient]:
    yield from client_of(tmp_path)


@pytest.fixture
def guarded(tmp_path: Path, idle: None) -> Iterator[TestClient]:
    yield from client_of(tmp_path, token=TOKEN, host="0.0.0.0")


def text_of(response: Any) -> str:
    error = response.json()["error"]
    assert (
        error["text"].endswith((".", "?")) and "\n" not in error["text"] and "Traceback" not in error["text"]
    )
    return str(error["text"])


def send(client: TestClient, data: bytes, name: str = "a.jpg") -> Any:
    return client.post("/api/uploads", params={"name": name}, content=data)


def begin(client: TestClient, task: str = "mask", count: int = 1, **options: Any) -> Any:
    ids = [send(client, jpeg(), f"{k}.jpg").json()["files"][0]["id"] for k in range(count)]
    return client.post("/api/jobs", json={"task": task, "uploads": ids, "options": options})


def test_a_job_from_upload_to_deletion(client: TestClient, tmp_path: Path) -> None:
    job = begin(client).json()
    assert job["state"] == "queued" and job["position"] == 1 and job["inputs"][0]["name"] == "0.jpg"
    assert begin(client).json()["position"] == 2
    assert [row["id"] for row in client.get("/api/jobs").json()["jobs"]][1] == job["id"]
    folder = tmp_path / "jobs" / job["id"]
    assert [p.name for p in (folder / "inputs").iterdir()] == ["file-0000.jpg"] and not list(
        (tmp_path / "uploads").iterdir()
    )
    assert client.post(f"/api/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/jobs/{job['id']}/cancel").status_code == 409
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204 and not folder.exists()
    assert client.get(f"/api/jobs/{job['id']}").status_code == 404
    assert str(job["id"]).encode() not in (tmp_path / "jobs.sqlite3").read_bytes() + b""


def test_an_upload_that_is_deleted_is_gone(client: TestClient, tmp_path: Path) -> None:
    upload = send(client, jpeg()).json()["files"][0]["id"]
    assert client.delete(f"/api/uploads/{upload}").status_code == 204 and not list(
        (tmp_path / "uploads").iterdir()
    )
    assert client.delete(f"/api/uploads/{upload}").status_code == 404
    assert "gone" in text_of(client.post("/api/jobs", json={"task": "mask", "uploads": [upload]}))


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"task": "fly"}, 400, "there is no task 'fly'"),
        ({"task": "mask"}, 400, "has no file"),
        ({"task": "mask", "uploads": ["../../etc"]}, 404, "gone"),
        ({"task": "generate", "options": {"count": 99}}, 400, "count is 99"),
        ({"task": "generate", "options": {"colour": "red"}}, 400, "no option colour"),
        ({"task": "generate", "options": {"size": "2 parsecs"}}, 400, "size"),
        ({"task": "generate", "options": {"seed": -1}}, 400, "seed is -1"),
        ({"task": "generate", "options": {"seed": "1"}}, 400, "seed"),
        ({"task": "generate", "wish": 1}, 400, "no option wish"),
        ({}, 400, "task is missing"),
        ([], 400, "the request"),
    ],
)
def test_bad_jobs_get_a_sentence(client: TestClient, body: Any, status: int, words: str) -> None:
    response = client.post("/api/jobs", json=body)
    assert response.status_code == status and words in text_of(response)


def test_tasks_take_only_what_they_can_use(client: TestClient) -> None:
    photo = send(client, jpeg()).json()["files"][0]["id"]
    for task in ("repair", "check", "convert", "render", "complete"):
        assert "does not take a photo" in text_of(
            client.post("/api/jobs", json={"task": task, "uploads": [photo]})
        )
    assert "needs one model" in text_of(begin(client, "texture", 2))
    assert "given 2 files" in text_of(begin(client, "depth", 2))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/jobs/..%2f..%2fetc", "/api/jobs/%00", "/api/jobs/aaaaaaaaaaaa/files/..%2f..%2fjobs.sqlite3",
        "/page/../settings.py",
        "/page/%2e%2e/settings.py", "/api/jobs/aaaaaaaaaaaa/thumbnails/-1", "/api/jobs/aaaaaaaaaaaa/model/exe",
        "/api", "/viewer/../x",
        "/api/jobs?limit=-5", "/api/jobs?limit=x", "/%ff", "/api/uploads/" + "a" * 5000,
    ],
)  # fmt: skip
def test_strange_addresses(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert 400 <= response.status_code < 500
    text_of(response)


def test_headers_of_every_response(client: TestClient) -> None:
    for path in ("/", "/api/jobs", "/nowhere", "/page/main.js", "/healthz"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy and "default-src 'none'" in policy and "http" not in policy
    assert client.options("/api/jobs", headers={"origin": "http://evil.example"}).status_code == 405


def test_the_page_has_no_inline_script_and_nothing_from_outside() -> None:
    page = Path(create_app.__code__.co_filename).parent / "page"
    for path in [*page.glob("*.html"), *page.glob("*.css"), *page.glob("*.js"), *page.glob("*.svg")]:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert (
            "http:" not in text and "https:" not in text and "onclick=" not in text and "style=" not in text
        ), path
        assert "<script>" not in text and "eval(" not in text and "innerHTML" not in text, path


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "x" * 300]
)
def test_another_name_of_the_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/jobs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_other_pages_change_nothing(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/uploads", content=jpeg(), headers=headers).status_code == 403
    assert client.post("/api/uploads", content=jpeg(), headers={"origin": ADDRESS}).status_code == 201


def test_a_token_is_needed_where_there_is_one(guarded: TestClient) -> None:
    for path in ("/api/jobs", "/api/tasks", "/metrics", "/openapi.json"):
        assert guarded.get(path).status_code == 401
        assert guarded.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert guarded.get(path, headers={"authorization": f"Bearer {TOKEN}x"}).status_code == 401
    for path in ("/", "/healthz", "/page/main.js"):
        assert guarded.get(path).status_code == 200


def test_the_cookie_of_a_login(guarded: TestClient) -> None:
    assert "token is wrong" in text_of(guarded.post("/api/session", json={"token": "guess"}))
    response = guarded.post("/api/session", json={"token": TOKEN})
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
    assert guarded.get("/api/jobs").status_code == 200
    guarded.delete("/api/session")
    guarded.cookies.clear()
    assert guarded.get("/api/jobs", headers={"cookie": "lift3d_session=guess"}).status_code == 401


def test_wrong_tokens_are_limited(guarded: TestClient) -> None:
    found = [guarded.post("/api/session", json={"token": f"guess {k}"}).status_code for k in range(14)]
    assert found[:10] == [401] * 10 and found[-1] == 429
    assert guarded.post("/api/session", json={"token": TOKEN}).status_code == 204, "the right one still works"


def test_settings_and_token_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="reachable by others"):
        Settings(tmp_path, host="0.0.0.0")
    with pytest.raises(InputError, match="--jobs"):
        Settings(tmp_path, jobs=0)
    (tmp_path / "token").write_text("short\n")
    with pytest.raises(InputError, match="is no token"):
        read_token(tmp_path / "token")
    with pytest.raises(InputError, match="cannot be read"):
        read_token(tmp_path / "none")
    (tmp_path / "token").write_text(f"{TOKEN}\nmore\n")
    assert read_token(tmp_path / "token") == TOKEN
    with (
        sole_use(tmp_path / "data"),
        pytest.raises(InputError, match="another server"),
        sole_use(tmp_path / "data"),
    ):
        pass


def test_limits_of_uploads(tmp_path: Path, idle: None) -> None:
    for client in client_of(tmp_path, upload_limit=200_000, quota=10**8, queue_limit=2):
        assert client.post("/api/uploads", content=jpeg() + bytes(200_000)).status_code == 413

        def parts() -> Iterator[bytes]:
            for _ in range(30):
                yield bytes(10_000)

        assert client.post("/api/uploads", content=parts()).status_code == 413, "no length was declared"
        client.app.state.jobs.upload_bytes = 10**8 - 10  # type: ignore[attr-defined]
        assert "quota" in text_of(client.post("/api/uploads", content=jpeg()))
        assert client.post("/api/uploads", content=jpeg()).status_code == 507
        assert not list((tmp_path / "uploads").iterdir())
        client.app.state.jobs.upload_bytes = 0  # type: ignore[attr-defined]
        assert [begin(client).status_code for _ in range(3)] == [201, 201, 503]


def test_a_full_disk_is_a_sentence(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "_take", full)
    response = client.post("/api/uploads", content=jpeg())
    assert response.status_code == 507 and "disk is full" in text_of(response)
    assert not list((tmp_path / "uploads").iterdir())


def test_expired_jobs_and_uploads_are_deleted(client: TestClient, tmp_path: Path) -> None:
    job = begin(client).json()["id"]
    send(client, jpeg())
    client.post(f"/api/jobs/{job}/cancel")
    jobs = client.app.state.jobs  # type: ignore[attr-defined]
    sweep(jobs, jobs.all[job].ended + 13 * 86400)
    assert (tmp_path / "jobs" / job).exists() and not list((tmp_path / "uploads").iterdir())
    sweep(jobs, jobs.all[job].ended + 15 * 86400)
    assert not (tmp_path / "jobs" / job).exists() and jobs.used() == 0


def test_a_restart_keeps_jobs_and_clears_what_belongs_to_nothing(tmp_path: Path, idle: None) -> None:
    for client in client_of(tmp_path):
        kept = begin(client).json()["id"]
        upload = send(client, jpeg()).json()["files"][0]["id"]
        client.app.state.jobs.next()  # type: ignore[attr-defined]  # it runs
    (tmp_path / "jobs" / "orphan").mkdir()
    (tmp_path / "uploads" / "orphan").write_bytes(b"x")
    for client in client_of(tmp_path):
        assert client.get(f"/api/jobs/{kept}").json()["state"] == "queued"
        assert [p.name for p in (tmp_path / "jobs").iterdir()] == [kept]
        assert [p.name for p in (tmp_path / "uploads").iterdir()] == [upload]
        assert client.post("/api/jobs", json={"task": "mask", "uploads": [upload]}).status_code == 201


def test_metrics_and_health(client: TestClient) -> None:
    begin(client)
    assert 'lift3d_jobs{state="queued"} 1\n' in client.get("/metrics").text
    assert client.get("/healthz").json()["status"] == "ok"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    sorted({name for task in TASKS.values() for name in task.options.model_fields})
) | st.text(max_size=10)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(TASKS)) | st.text(max_size=10),
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.lists(st.text(max_size=12), max_size=3),
)
def test_no_job_is_an_internal_error(
    client: TestClient, task: str, options: dict[str, Any], ids: list[str]
) -> None:
    client.app.state.jobs.all.clear()  # type: ignore[attr-defined]
    response = client.post("/api/jobs", json={"task": task, "options": options, "uploads": ids})
    assert response.status_code in (201, 400, 404, 429)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300),
    st.sampled_from(["/api/jobs", "/api/session", "/api/uploads"]),
    st.text(max_size=40),
)
def test_no_body_is_an_internal_error(client: TestClient, body: bytes, path: str, name: str) -> None:
    response = client.post(
        path, content=body, params={"name": name}, headers={"content-type": "application/json"}
    )
    assert response.status_code < 500 or response.status_code == 507
    deep = client.post("/api/jobs", content=b"[" * 100_000, headers={"content-type": "application/json"})
    assert deep.status_code == 400


def test_the_description_is_complete(client: TestClient) -> None:
    api = client.get("/openapi.json").json()
    assert {"/api/uploads", "/api/jobs", "/api/jobs/{job}", "/api/events", "/healthz", "/metrics"} <= set(
        api["paths"]
    )
    assert json.dumps(api).count("summary") >= 15


def test_a_job_can_be_done_again(client: TestClient, tmp_path: Path) -> None:
    job = begin(client).json()
    client.post(f"/api/jobs/{job['id']}/cancel")
    again = client.post(f"/api/jobs/{job['id']}/again", json={"task": "depth", "options": {"points": False}})
    assert again.status_code == 201 and again.json()["task"] == "depth" and again.json()["id"] != job["id"]
    first, second = (
        tmp_path / "jobs" / i / "inputs" / "file-0000.jpg" for i in (job["id"], again.json()["id"])
    )
    assert first.read_bytes() == second.read_bytes()
    assert "does not take" in text_of(client.post(f"/api/jobs/{job['id']}/again", json={"task": "repair"}))
    assert client.post(f"/api/jobs/{job['id']}/again", json={"options": {"colour": 1}}).status_code == 400
    client.app.state.jobs.settings.__dict__["quota"] = 1  # type: ignore[attr-defined]
    assert client.post(f"/api/jobs/{job['id']}/again", json={}).status_code == 507
