"""The page at `/` in a real browser: real engines behind it, and a microphone that plays a clip of human speech."""

import wave
from collections.abc import Generator
from pathlib import Path

import av
import pytest
from playwright import sync_api

from speech_core.testing.needed import program
from speech_gateway.keys import digest_of

pytestmark = pytest.mark.timeout(180)
PHONE = {"width": 360, "height": 740}
_WAIT_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser hears: the clip, as the wav that it wants."""
    clip = Path(__file__).parents[2] / "services/asr/tests/data/ljspeech.flac"
    path = tmp_path_factory.mktemp("microphone") / "clip.wav"
    resampler = av.AudioResampler("s16", "mono", 48_000)
    with av.open(str(clip)) as container, wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                file.writeframes(part.to_ndarray().tobytes())
    return path


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Generator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium", "chromium-browser", "google-chrome"),
            args=[
                "--no-sandbox",
                "--autoplay-policy=no-user-gesture-required",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser, stack) -> Generator["sync_api.Page"]:
    """The page, on which nothing may break and nothing may be fetched from elsewhere."""
    with browser.new_context(permissions=["microphone"]) as context:
        page = context.new_page()
        page.set_default_timeout(_WAIT_MILLISECONDS)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: is_foreign(request.url, stack) and wrong.append(request.url))
        page.goto(stack.url)
        yield page
        assert wrong == []


def is_foreign(url: str, stack) -> bool:
    return not url.startswith(("blob:", "data:", stack.url, stack.ws_url))


def text_of(page, selector: str, *, holds: str) -> str:
    """The text of an element, once it holds something."""
    page.wait_for_function(
        "([one, held]) => document.querySelector(one).textContent.includes(held)", arg=[selector, holds]
    )
    return page.text_content(selector)


def is_drawn(page, canvas: str) -> bool:
    script = "one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.filter((byte) => byte).length"
    return page.eval_on_selector(canvas, script) > 2_000


def test_text_is_spoken_and_can_be_kept(page) -> None:
    page.wait_for_selector("#voice option", state="attached")
    assert page.is_hidden("#speak-download")
    page.fill("#text", "Good morning. This is a test.")
    page.click("#speak-start")

    figures = text_of(page, "#speak-figures", holds="First audio after")

    assert "s of speech" in figures
    assert is_drawn(page, "#speak-wave")
    with page.expect_download() as download:
        page.click("#speak-download")
    with wave.open(str(download.value.path())) as file:
        assert 1 < file.getnframes() / file.getframerate() < 6


def test_a_recording_becomes_segments_and_captions(page, clip) -> None:
    page.click("#tab-transcribe")
    assert page.is_hidden("#captions")
    page.set_input_files("#file", {"name": "clip.flac", "mimeType": "audio/flac", "buffer": clip})

    figures = text_of(page, "#transcribe-figures", holds="failed")

    assert "en;" in figures
    assert "immediate predecessors" in page.text_content("#segments")
    with page.expect_download() as download:
        page.click("#srt")
    assert Path(download.value.path()).read_text(encoding="utf-8").startswith("1\n00:00:0")
    page.click("#segments button")
    page.wait_for_selector("#segments li.lit")


def test_what_is_said_to_the_microphone_comes_back(page) -> None:
    page.click("#tab-echo")
    page.click("#echo-record")
    page.wait_for_timeout(6_000)  # the clip has to be played to it
    page.click("#echo-record")

    figures = text_of(page, "#echo-figures", holds="first audio after")

    assert "predecessors" in page.text_content("#echo-text")
    assert "s of speech" in figures
    assert is_drawn(page, "#echo-wave")


def test_an_echo_ends_the_one_before_it(page, clip) -> None:
    page.click("#tab-echo")
    recording = {"name": "clip.flac", "mimeType": "audio/flac", "buffer": clip}
    page.set_input_files("#echo-file", recording)
    page.set_input_files("#echo-file", recording)

    text_of(page, "#echo-figures", holds="first audio after")

    assert page.text_content("#echo-text").count("predecessors") == 1
    assert page.text_content("#echo-error") == ""


def test_a_file_that_is_no_recording_is_said_plainly(page) -> None:
    page.click("#tab-transcribe")
    page.set_input_files("#file", {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"this is no audio"})

    page.wait_for_function("() => document.querySelector('#transcribe-error').textContent.length > 10")
    assert page.get_attribute("#transcribe-error", "role") == "alert"


def test_the_keyboard_reaches_everything(page) -> None:
    page.focus("#tab-speak")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#transcribe")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#echo")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#speak")
    page.keyboard.press("End")
    assert page.is_visible("#echo")
    page.keyboard.press("Home")
    assert page.is_visible("#speak")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "text"


@pytest.mark.parametrize("tab", ["speak", "transcribe", "echo"])
def test_a_phone_shows_all_of_it(page, tab) -> None:
    page.set_viewport_size(PHONE)
    page.click(f"#tab-{tab}")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unnamed = page.eval_on_selector_all(
        f"#{tab} button, #{tab} input, #{tab} select, #{tab} textarea",
        "all => all.filter((one) => !one.labels?.length && !one.textContent.trim()).map((one) => one.id)",
    )
    assert unnamed == []


def test_the_interface_is_shown_and_can_be_tried(page, stack) -> None:
    page.goto(f"{stack.url}/docs")
    page.click("#operations-lists-list_models_v1_models_get")
    page.click("text=Try it out")
    page.click("text=Execute")

    page.wait_for_selector(".live-responses-table >> text=whisper-1")
    assert page.locator(".opblock").count() >= 10


def test_dark_is_a_button_away(page) -> None:
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.click("#theme")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_where_keys_are_on_the_page_asks_for_one(browser, start_fakes, tmp_path) -> None:
    secret, key = "the server's own", "ks-of-anna"
    (tmp_path / "keys.yaml").write_text(f"keys: [{{name: anna, hmac: {digest_of(key, secret)}}}]", encoding="utf-8")
    stack = start_fakes(
        GATEWAY_KEYS_FILE=str(tmp_path / "keys.yaml"), GATEWAY_KEY_SECRET=secret, TTS_OTHER_ENGINES="[]"
    )
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(_WAIT_MILLISECONDS)
        page.goto(stack.url)
        page.click("#speak-start")
        text_of(page, "#speak-error", holds="wants a key")
        page.fill("#key", "wrong")
        page.keyboard.press("Tab")
        text_of(page, "#speak-error", holds="not known")
        page.fill("#key", key)
        page.keyboard.press("Tab")
        page.wait_for_selector("#voice option", state="attached")
        page.click("#speak-start")

        assert "s of speech" in text_of(page, "#speak-figures", holds="First audio after")


def test_a_service_that_is_away_is_said_plainly(browser, start_fakes) -> None:
    stack = start_fakes(TTS_OTHER_ENGINES="[]")
    stack.tts.kill()
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(_WAIT_MILLISECONDS)
        page.goto(stack.url)
        text_of(page, "#speak-error", holds="tts cannot be reached")
        page.evaluate("document.querySelector('#speak-error').textContent = ''")
        page.fill("#text", "One.")
        page.click("#speak-start")

        text_of(page, "#speak-error", holds="tts cannot be reached")
