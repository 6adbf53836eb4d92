"""`python -m speech_core.models`: the store without the client, for an init container."""

import argparse
import os
import sys
from pathlib import Path

from speech_core.models import ArchiveError, ModelError
from speech_core.models.catalog import catalog
from speech_core.models.store import Store
from speech_core.termination import go_when_told

_DEFAULT_ROOT = "~/.cache/kubespeech/models"
# What was given cannot be used; `kubespeech` says it with the same code.
_UNUSABLE = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m speech_core.models", description=__doc__)
    root = os.environ.get("MODELS_DIR") or _DEFAULT_ROOT  # noqa: TID251 - a program of its own
    parser.add_argument("--root", type=Path, default=Path(root))
    parser.add_argument("--catalog", type=Path, help="a YAML file with models of your own")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list")
    for verb in ("fetch", "find"):
        verbs.add_parser(verb).add_argument("names", nargs="+")
    exporting = verbs.add_parser("export")
    exporting.add_argument("archive", type=Path)
    exporting.add_argument("names", nargs="+")
    verbs.add_parser("import").add_argument("archive", type=Path)
    arguments = parser.parse_args()
    go_when_told()
    try:
        _run(arguments)
    except ModelError as error:
        sys.stderr.write(f"error: {error}\n")
        return _UNUSABLE if isinstance(error, ArchiveError) else 1
    return 0


def _run(arguments: argparse.Namespace) -> None:
    models = catalog(arguments.catalog)
    store = Store(arguments.root.expanduser(), models=models)
    match arguments.verb:
        case "list":
            for model in models.values():
                _say(f"{model.name}  {model.kind}  {model.size_bytes / 1e6:.0f} MB  {model.licence}")
        case "fetch":
            for name in arguments.names:
                _say(str(store.fetch(name, progress=_Tenths())))
        case "find":
            for name in arguments.names:
                _say(str(store.find(name)))
        case "export":
            store.export_to(arguments.archive, arguments.names)
        case _:
            _say(" ".join(store.import_from(arguments.archive)))


class _Tenths:
    """A line for every tenth of the way: readable in the log of a pod."""

    def __init__(self) -> None:
        self._told = -1

    def __call__(self, name: str, done_bytes: int, total_bytes: int) -> None:
        tenth = 10 * done_bytes // total_bytes
        if tenth > self._told:
            self._told = tenth
            _say(f"{name}: {10 * tenth} % of {total_bytes / 1e6:.0f} MB")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
