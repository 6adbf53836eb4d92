import re
from pathlib import Path

import pytest

from speech_core.models import ModelError
from speech_core.models.catalog import Url, Wheel, catalog
from speech_core.models.store import Store

WEIGHTS = b"weights" * 1_000
UNFIT_NAME = "Value error, a name must be printable, without slashes and without a dot at its beginning"


def entry(
    *, name: str = "ann", kind: str = "tts", file: str = "weights.bin", sha256: str = "0" * 64, size_bytes: str = "1"
) -> str:
    """A model as a user writes it, each part of it as given."""
    about = f"{{url: 'http://127.0.0.1:1/', sha256: '{sha256}', size_bytes: {size_bytes}}}"
    return f"{name}:\n  kind: {kind}\n  files: {{{file}: {about}}}"


def test_every_built_in_model_has_its_hashes_and_the_default_ones_come_from_the_package_index_too() -> None:
    models = catalog()

    assert {(name, model.kind) for name, model in models.items()} == {
        ("whisper-base", "asr"),
        ("openai-whisper-base", "asr"),
        ("en_US-joe-medium", "tts"),
    }
    for file in (file for model in models.values() for file in model.files):
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size_bytes > 0
        assert isinstance(file.sources[0], Url)
    for name in ("whisper-base", "en_US-joe-medium"):
        assert all(isinstance(file.sources[-1], Wheel) for file in models[name].files)


def test_a_file_of_the_users_own_adds_models_that_can_be_fetched(origin, root: Path, write_catalog) -> None:
    models = catalog(write_catalog(ann=(WEIGHTS, origin.serves("ann", WEIGHTS))))

    folder = Store(root, models=models).fetch("ann")

    assert (folder / "weights.bin").read_bytes() == WEIGHTS
    # A service is told the name only.
    assert Store(root).find("ann") == Store(root).fetch("ann") == folder
    assert (models["ann"].kind, models["ann"].licence, models["ann"].size_bytes) == ("tts", "MIT", len(WEIGHTS))
    assert set(models) == {*catalog(), "ann"}


def test_a_model_of_the_users_own_takes_the_place_of_a_built_in_one(write_catalog) -> None:
    models = catalog(write_catalog(**{"whisper-base": (WEIGHTS, "http://127.0.0.1:1/")}))

    assert models["whisper-base"].size_bytes == len(WEIGHTS)


def test_an_empty_file_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("# nothing yet\n", encoding="utf-8")

    assert catalog(tmp_path / "catalog.yaml") == catalog()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("- ann", "all of it: Input should be a valid dictionary"),
        ("ann: [", "while parsing a flow node"),
        (b"\xff\xfe\xff", "'utf-8' codec can't decode byte 0xff in position 0"),
        ("ann:", "ann: Input should be a valid dictionary"),
        ("ann: {kind: tts}", "ann.files: Field required"),
        ("ann: {kind: tts, files: {}}", "ann.files: Dictionary should have at least 1 item"),
        (entry(kind="dog"), "ann.kind: Input should be 'asr' or 'tts'"),
        (f"{entry()}\n  more: 1", "ann.more: Extra inputs are not permitted"),
        (entry(sha256="abc"), "ann.files.weights.bin.sha256: String should match"),
        (entry(size_bytes="0"), "ann.files.weights.bin.size_bytes: Input should be greater than 0"),
        (entry(file="../../a"), f"ann.files.../../a.[key]: {UNFIT_NAME}"),
        (entry(file=".verified.json"), f"ann.files..verified.json.[key]: {UNFIT_NAME}"),
        (entry(name="../ann"), f"../ann.[key]: {UNFIT_NAME}"),
        (entry(name="/ann"), f"/ann.[key]: {UNFIT_NAME}"),
        (entry(name="''"), f".[key]: {UNFIT_NAME}"),
        (entry(name='"a\\nb"'), f"a b.[key]: {UNFIT_NAME}"),
        (entry(name="1.5"), "1.5.[key]: Input should be a valid string"),
    ],
)
def test_a_bad_catalogue_is_one_line_that_names_the_place(tmp_path: Path, content: str | bytes, reason: str) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ModelError) as raised:
        catalog(path)

    assert str(raised.value).startswith(f"the catalogue {path} cannot be read: {reason}")
    assert "\n" not in str(raised.value)


def test_a_catalogue_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"/catalog\.yaml cannot be read: No such file or directory$"):
        catalog(tmp_path / "catalog.yaml")
