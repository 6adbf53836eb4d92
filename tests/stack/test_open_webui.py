"""Open WebUI's calls, as its own code makes them (backend/open_webui/routers/audio.py), where keys are on."""

import httpx
import pytest

from speech_gateway.keys import digest_of

pytestmark = pytest.mark.timeout(120)

SECRET, KEY = "the server's own", "ks-of-the-web-ui"


@pytest.fixture
def base_url(start_fakes, tmp_path) -> str:
    """What stands in its settings; `docs/clients.md` says which of ours go with it."""
    (tmp_path / "keys.yaml").write_text(f"keys: [{{name: web-ui, hmac: {digest_of(KEY, SECRET)}}}]", encoding="utf-8")
    settings = {"GATEWAY_KEYS_FILE": str(tmp_path / "keys.yaml"), "GATEWAY_KEY_SECRET": SECRET}
    return f"{start_fakes(GATEWAY_OPEN_LISTS='true', **settings).url}/v1"


def test_models_and_voices_are_found_without_a_key_and_used_with_one(base_url, clip) -> None:
    key = {"authorization": f"Bearer {KEY}"}

    models = [model["id"] for model in httpx.get(f"{base_url}/audio/models").json()["models"]]
    voices = {voice["id"]: voice["name"] for voice in httpx.get(f"{base_url}/audio/voices").json()["voices"]}
    speech = httpx.post(
        f"{base_url}/audio/speech",
        json={"input": "one two", "voice": next(iter(voices)), "model": "tts-1"},
        headers={**key, "x-openwebui-user-name": "Anna", "x-openwebui-user-role": "user"},
        timeout=60,
    )
    heard = httpx.post(
        f"{base_url}/audio/transcriptions",
        files={"file": ("clip.flac", clip)},
        data={"model": "whisper-1"},
        headers=key,
        timeout=60,
    )

    assert {"tts-1", "whisper-1"} <= set(models)
    assert (speech.status_code, speech.headers["content-type"]) == (200, "audio/mpeg")
    assert heard.json()["text"]
