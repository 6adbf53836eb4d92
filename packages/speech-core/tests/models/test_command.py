"""`python -m speech_core.models`: what it says, the codes it ends with, and processes that die or meet."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speech_core.models.__main__ import main
from speech_core.models.catalog import catalog
from speech_core.models.store import Store

WEIGHTS = bytes(range(256)) * 10_000
WAIT_SECONDS = 30.0

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command without a process of its own: its exit code, what it said, and what it said went wrong."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["models", *map(str, arguments)])
        code = main()
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def known(origin, write_catalog) -> Path:
    """A catalogue of `ann`, which can be had, and `bob`, which cannot."""
    return write_catalog(ann=(WEIGHTS, origin.serves("ann", WEIGHTS)), bob=(WEIGHTS, origin.refuses("bob", 404)))


def test_a_fetch_tells_every_tenth_and_then_the_folder(run: Run, known: Path, root: Path) -> None:
    code, out, err = run("--root", root, "--catalog", known, "fetch", "ann")

    tenths = [f"ann: {10 * tenth} % of 3 MB" for tenth in range(11)]
    assert (code, out.splitlines(), err) == (0, [*tenths, f"{root}/ann"], "")


def test_a_fetch_of_what_is_there_says_its_folder_only(run: Run, known: Path, root: Path) -> None:
    run("--root", root, "--catalog", known, "fetch", "ann")

    assert run("--root", root, "--catalog", known, "fetch", "ann") == (0, f"{root}/ann\n", "")
    assert run("--root", root, "--catalog", known, "find", "ann") == (0, f"{root}/ann\n", "")


def test_list_is_a_line_for_every_model(run: Run, known: Path) -> None:
    code, out, err = run("--catalog", known, "list")

    assert (code, len(out.splitlines()), err) == (0, len(catalog()) + 2, "")
    assert "whisper-base  asr  148 MB  MIT\n" in out
    assert "ann  tts  3 MB  MIT\n" in out


def test_export_and_import_move_a_model(run: Run, known: Path, root: Path, tmp_path: Path, placed) -> None:
    filled, archive = tmp_path / "filled", tmp_path / "models.tar"
    run("--root", filled, "--catalog", known, "fetch", "ann")

    assert run("--root", filled, "--catalog", known, "export", archive, "ann") == (0, "", "")
    assert run("--root", root, "--catalog", known, "import", archive) == (0, "ann\n", "")
    assert (root / "ann/weights.bin").read_bytes() == WEIGHTS
    assert placed() == ["ann"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["fetch", "bob"], 1, "weights.bin cannot be fetched: http://"),
        (["fetch", "carl"], 1, "no model 'carl' in the catalogue; known: ann, bob, en_US-joe-medium, "),
        (["find", "ann"], 1, "the model ann is not in "),
        (["export", "models.tar", "ann"], 1, "the model ann is not in "),
        (["import", "nowhere.tar"], 1, "nowhere.tar cannot be imported: No such file or directory"),
        (["import", "catalog.yaml"], 2, "catalog.yaml is no archive of models, or is damaged"),
        (["--catalog", "nowhere.yaml", "list"], 1, "the catalogue nowhere.yaml cannot be read: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_code(
    run: Run, known: Path, root: Path, tmp_path: Path, placed, monkeypatch, arguments: list[str], code: int, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)

    ended, out, err = run("--root", root, "--catalog", known, *arguments)

    assert (ended, out, err.count("\n")) == (code, "", 1)
    assert err.startswith(f"error: {reason}")
    assert placed() == []
    assert not (tmp_path / "models.tar").exists()


@pytest.mark.parametrize("arguments", [[], ["fetch"], ["dance"], ["export", "models.tar"]])
def test_a_call_that_makes_no_sense_ends_with_2(run: Run, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*arguments)


@pytest.mark.parametrize(
    ("models_dir", "folder"),
    [(None, ".cache/kubespeech/models"), ("", ".cache/kubespeech/models"), ("~/mine", "mine")],
)
def test_models_dir_is_the_folder_and_empty_is_the_default(
    run: Run, known: Path, tmp_path: Path, monkeypatch, models_dir: str | None, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if models_dir is not None:
        monkeypatch.setenv("MODELS_DIR", models_dir)

    code, out, _ = run("--catalog", known, "fetch", "ann")

    assert (code, out.splitlines()[-1]) == (0, f"{tmp_path}/{folder}/ann")
    assert (tmp_path / folder / "ann/weights.bin").is_file()


def test_a_killed_fetch_leaves_nothing_half_placed_and_the_next_sweeps_up(
    origin, programs, write_catalog, root: Path, placed
) -> None:
    known = write_catalog(ann=(WEIGHTS, origin.holds("ann", WEIGHTS)))
    arguments = ("--root", root, "--catalog", known)
    killed = programs.start(*arguments, "fetch", "ann")
    assert killed.stdout.readline() == "ann: 0 % of 3 MB\n"
    assert origin.halfway.wait(WAIT_SECONDS)

    killed.send_signal(signal.SIGKILL)
    killed.wait(WAIT_SECONDS)

    assert [name.startswith(".fetching-") for name in placed()] == [True]
    assert not Store(root, models=catalog(known)).holds("ann")
    origin.release.set()
    assert programs.run(*arguments, "fetch", "ann")[0] == 0
    assert placed() == ["ann"]
    assert (root / "ann/weights.bin").read_bytes() == WEIGHTS


def test_a_fetch_that_is_told_to_go_goes_and_leaves_nothing(
    origin, programs, write_catalog, root: Path, placed
) -> None:
    """By itself: in a container nobody else ends the first process."""
    known = write_catalog(ann=(WEIGHTS, origin.holds("ann", WEIGHTS)))
    told = programs.start("--root", root, "--catalog", known, "fetch", "ann")
    assert origin.halfway.wait(WAIT_SECONDS)

    told.send_signal(signal.SIGTERM)

    assert told.wait(WAIT_SECONDS) == 128 + signal.SIGTERM
    assert placed() == []
    origin.release.set()


def test_two_processes_that_fetch_the_same_model_download_it_once(
    origin, programs, write_catalog, root: Path, placed
) -> None:
    known = write_catalog(ann=(WEIGHTS, origin.holds("ann", WEIGHTS)))
    # A folder that is there is said at once: the next thing either process does is to fetch.
    (root / "own").mkdir(parents=True)
    arguments = ("--root", root, "--catalog", known, "fetch", root / "own", "ann")
    first = programs.start(*arguments)
    assert origin.halfway.wait(WAIT_SECONDS)

    second = programs.start(*arguments)
    assert second.stdout.readline() == f"{root}/own\n"
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.3)
    origin.release.set()

    assert (programs.ended(first)[0], programs.ended(second)[1:]) == (0, (f"{root}/ann\n", ""))
    assert origin.asked == ["ann"]
    assert placed() == ["ann", "own"]
