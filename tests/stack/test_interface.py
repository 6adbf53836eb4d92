"""What OpenAPI says is what happens: schemathesis draws requests, right and wrong ones, from the documents."""

import subprocess
import sys

import httpx
import pytest

pytestmark = pytest.mark.timeout(300)

# No schema can say that bytes are audio, or which voices there are: what fits it may still be refused.
STRICT = ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'")
RUN = (sys.executable, "-m", "schemathesis.cli", "run", "--checks=all", "--exclude-checks=positive_data_acceptance",
       "--phases=examples,coverage,fuzzing", "--max-examples=20", "--continue-on-failure",
       "--generation-database=none", "--seed=1", "--no-color")  # fmt: skip


@pytest.mark.parametrize("service", ["gateway", "asr", "tts"])
def test_every_answer_is_as_it_is_described(start_fakes, tmp_path, service) -> None:
    stack = start_fakes()
    url = f"{getattr(stack, service).url}/openapi.json"

    run = subprocess.run([*RUN, url], capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path)

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_may_load_nothing_from_elsewhere(stack, path) -> None:
    headers = httpx.get(f"{stack.url}{path}").headers

    policy = [part.strip() for part in headers["content-security-policy"].split(";")]
    assert set(STRICT) <= set(policy)
    assert "script-src 'self'" in policy
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/playground/style.css", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("HEAD", "/api/tts", 405),
        ("GET", "/v1/audio/voices", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/api/tts", 405),
        ("POST", "/api/tts", 415),
        ("POST", "/v1/audio/transcriptions", 415),
    ],
)
def test_every_answer_says_what_it_is_and_who_asked(stack, method, path, status) -> None:
    answer = httpx.request(method, f"{stack.url}{path}", headers={"x-request-id": "mine"})

    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == "mine"
    assert "server" not in answer.headers
    assert answer.headers["content-type"]
