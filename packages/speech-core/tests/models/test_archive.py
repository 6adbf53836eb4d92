"""Models that go from one folder to another as a file, and files that are not what they say."""

import hashlib
import os
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest

from speech_core.models import ArchiveError, ModelError
from speech_core.models.catalog import Model, ModelFile, Url
from speech_core.models.store import Store

WEIGHTS = bytes(range(256)) * 1_000
VOICE = b'{"sample_rate": 22050}'
NOBODY = "http://127.0.0.1:1/"


def joe_and_ann(weights_url: str = NOBODY, voice_url: str = NOBODY) -> Mapping[str, Model]:
    files = [
        ModelFile(name, len(content), hashlib.sha256(content).hexdigest(), [Url(url)])
        for name, content, url in [("weights.bin", WEIGHTS, weights_url), ("voice.json", VOICE, voice_url)]
    ]
    return {name: Model(name, "tts", "MIT", files) for name in ("joe", "ann")}


@pytest.fixture
def filled(origin, tmp_path: Path) -> Store:
    """Holds both models."""
    models = joe_and_ann(origin.serves("weights", WEIGHTS), origin.serves("voice", VOICE))
    store = Store(tmp_path / "filled", models=models)
    for name in models:
        store.fetch(name)
    return store


@pytest.fixture
def empty(root: Path) -> Store:
    """Knows both models, and reaches nobody."""
    return Store(root, models=joe_and_ann())


def test_export_and_import_move_models_to_another_root(filled: Store, empty: Store, tmp_path: Path) -> None:
    filled.export_to(tmp_path / "models.tar", ["joe", "ann", "joe"])

    assert empty.import_from(tmp_path / "models.tar") == ["ann", "joe"]
    assert (empty.find("joe") / "weights.bin").read_bytes() == WEIGHTS
    assert (empty.fetch("ann") / "voice.json").read_bytes() == VOICE


def test_an_import_takes_the_place_of_a_damaged_model(filled: Store, empty: Store, tmp_path: Path, placed) -> None:
    filled.export_to(tmp_path / "models.tar", ["joe"])
    empty.import_from(tmp_path / "models.tar")
    (empty.find("joe") / "weights.bin").write_bytes(b"damaged")

    empty.import_from(tmp_path / "models.tar")

    assert (empty.find("joe") / "weights.bin").read_bytes() == WEIGHTS
    assert placed() == ["joe"]


def test_links_and_strangers_in_a_models_folder_are_not_exported(filled: Store, empty: Store, tmp_path: Path) -> None:
    weights = filled.find("joe") / "weights.bin"
    weights.rename(tmp_path / "elsewhere.bin")
    weights.symlink_to(tmp_path / "elsewhere.bin")
    (filled.find("joe") / "notes.txt").write_text("mine", encoding="utf-8")

    filled.export_to(tmp_path / "models.tar", ["joe"])
    empty.import_from(tmp_path / "models.tar")

    assert {path.name for path in empty.find("joe").iterdir()} == {".verified.json", "weights.bin", "voice.json"}
    assert not (empty.find("joe") / "weights.bin").is_symlink()


@pytest.mark.parametrize("name", ["bob", "/nowhere"])
def test_an_export_of_what_is_no_model_leaves_the_archive_as_it_was(filled: Store, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "models.tar"
    archive.write_bytes(b"the last one")

    with pytest.raises(ModelError, match=f"{name}"):
        filled.export_to(archive, ["joe", name])

    assert archive.read_bytes() == b"the last one"


def test_an_export_to_nowhere_is_one_line(filled: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"/nowhere/models\.tar cannot be exported: No such file or directory"):
        filled.export_to(tmp_path / "nowhere" / "models.tar", ["joe"])


def archive_of(tmp_path: Path, *members: tuple[str, bytes]) -> Path:
    """An archive of `joe` as it should be, and *members* after it."""
    archive = tmp_path / "given.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in [("joe/weights.bin", WEIGHTS), ("joe/voice.json", VOICE), *members]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    return archive


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("joe/weights.bin", WEIGHTS[::-1])], r"corrupt download of weights\.bin: sha256 is "),
        ([("joe/weights.bin", b"")], r"corrupt download of weights\.bin: 0 bytes"),
        ([("joe/model.py", b"print()")], r"joe: model\.py is no file of this model"),
        ([("joe/more/a", b"")], "joe: more is no file of this model"),
        ([("ann/weights.bin", WEIGHTS)], r"ann: voice\.json is missing"),
        ([("ann", b"")], r"ann: weights\.bin is missing"),
        ([("bob/weights.bin", WEIGHTS)], "no model 'bob' in the catalogue; known: ann, joe"),
        ([(".lock", b"")], r"no model '\.lock' in the catalogue"),
        ([("joe/\xfc\0", b"")], "is no archive of models, or is damaged"),
        ([("../ann/weights.bin", WEIGHTS)], "is no archive of models, or is damaged"),
        ([("joe/../../ann/weights.bin", WEIGHTS)], "is no archive of models, or is damaged"),
    ],
)
def test_an_import_that_is_not_what_it_says_is_refused_whole(
    empty: Store, tmp_path: Path, placed, members: list[tuple[str, bytes]], reason: str
) -> None:
    archive = archive_of(tmp_path, *members)

    with pytest.raises(ModelError, match=reason):
        empty.import_from(archive)

    assert placed() == []
    assert {path.name for path in tmp_path.iterdir()} == {"given.tar", "models"}


@pytest.mark.parametrize("target", ["/", "../../..", "voice.json", "../ann"])
@pytest.mark.parametrize("name", ["joe/weights.bin", "joe/.verified.json", "joe/more", "ann"])
def test_an_import_with_a_link_is_refused_whole(empty: Store, tmp_path: Path, placed, target: str, name: str) -> None:
    archive = archive_of(tmp_path)
    with tarfile.open(archive, "a") as tar:
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, target
        tar.addfile(link)

    with pytest.raises(ModelError):
        empty.import_from(archive)

    assert placed() == []


def test_a_pipe_in_an_import_is_refused_and_not_waited_for(empty: Store, tmp_path: Path, placed) -> None:
    archive = archive_of(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with tarfile.open(archive, "a") as tar:
        tar.add(tmp_path / "pipe", arcname="joe/weights.bin")

    with pytest.raises(ArchiveError):
        empty.import_from(archive)

    assert placed() == []


def test_no_archive_to_import_is_one_line(empty: Store, tmp_path: Path, placed) -> None:
    with pytest.raises(ModelError, match=r"/given\.tar cannot be imported: No such file or directory"):
        empty.import_from(tmp_path / "given.tar")

    assert placed() == []
