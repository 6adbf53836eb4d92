"""`kubespeech`: start the services, say, transcribe, echo, and look after the models."""

import json
import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from kubespeech import StartFault, calls
from kubespeech.environment import DEFAULT_MODELS_DIR, EnvironmentFault, read_environment
from kubespeech.progress import shown_progress
from kubespeech.up import run
from speech_core.models import ArchiveError, ModelError
from speech_core.models.catalog import catalog
from speech_core.models.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
models = typer.Typer(no_args_is_help=True, help="The weights: list, fetch, export to a file, import from it.")
app.add_typer(models, name="models")

_out = Console()
_err = Console(stderr=True)

Url = Annotated[str, typer.Option(envvar="KUBESPEECH_URL", help="where the gateway is")]
_HERE = "http://127.0.0.1:8000"
# The exit code for what was given and cannot be used: typer's own, and the services'.
_UNUSABLE = 2


@app.command()
def up(env_file: Annotated[Path, typer.Option(help="settings, as env.example shows them")] = Path(".env")) -> None:
    """Fetch the models, start the three services, and stop them on Ctrl-C."""
    raise typer.Exit(run(read_environment(env_file), _out))


@app.command()
def say(
    text: str,
    out: Annotated[Path, typer.Option(help="the file to write; its ending is the format")] = Path("speech.wav"),
    voice: str | None = None,
    language: str | None = None,
    speed: float = 1.0,
    url: Url = _HERE,
) -> None:
    """Speak a text into a file."""
    asked = {"text": text, "voice": voice, "language": language, "speed": speed, "format": calls.format_of(out)}
    heard = calls.speak(url, {name: value for name, value in asked.items() if value is not None}, out)
    _out.print(f"first audio after {heard.first_audio_seconds * 1000:.0f} ms, {heard.n_bytes} bytes in {out}")


@app.command()
def transcribe(file: Path, lang: str | None = None, url: Url = _HERE) -> None:
    """Print what is said in a file, as it is recognized."""
    for name, event in calls.transcribe(url, file, lang):
        if name == "segment":
            _out.print(f"[dim]{event['start_ms'] / 1000:8.2f} s[/dim]  {event['text']}", highlight=False)
        elif name == "done":
            _out.print(f"[dim]coverage {json.dumps(event['coverage'])}[/dim]", highlight=False)


@app.command()
def echo(
    file: Path,
    out: Annotated[Path, typer.Option(help="the file to write; its ending is the format")] = Path("echo.wav"),
    voice: str | None = None,
    url: Url = _HERE,
) -> None:
    """Say again what is said in a file."""
    heard = calls.echo(url, file, out, voice)
    _out.print(f"first audio after {heard.first_audio_seconds * 1000:.0f} ms, {heard.n_bytes} bytes in {out}")


_ROOT = Annotated[Path, typer.Option(envvar="MODELS_DIR", help="the folder of models")]
_DEFAULT_ROOT = Path(DEFAULT_MODELS_DIR)
_CATALOG = Annotated[Path | None, typer.Option("--catalog", help="a YAML file with models of your own")]


@models.command("list")
def list_models(root: _ROOT = _DEFAULT_ROOT, extra: _CATALOG = None) -> None:
    """The catalogue, and what of it is there."""
    known = catalog(extra)
    store = Store(root.expanduser(), models=known)
    for model in known.values():
        here = "here" if store.holds(model.name) else "-"
        _out.print(f"{model.name:24} {model.kind}  {model.size_bytes / 1e6:5.0f} MB  {model.licence:10} {here}")


@models.command()
def fetch(names: list[str], root: _ROOT = _DEFAULT_ROOT, extra: _CATALOG = None) -> None:
    """Download, verify and place models."""
    store = Store(root.expanduser(), models=catalog(extra))
    with shown_progress(_out) as progress:
        for name in names:
            store.fetch(name, progress=progress)
    for name in names:
        _out.print(f"{name} is in {store.find(name)}", highlight=False)


@models.command("export")
def export_models(archive: Path, names: list[str], root: _ROOT = _DEFAULT_ROOT, extra: _CATALOG = None) -> None:
    """Write models into one file, for a network without internet."""
    Store(root.expanduser(), models=catalog(extra)).export_to(archive, names)


@models.command("import")
def import_models(archive: Path, root: _ROOT = _DEFAULT_ROOT, extra: _CATALOG = None) -> None:
    """Verify and place the models of such a file."""
    for name in Store(root.expanduser(), models=catalog(extra)).import_from(archive):
        _out.print(name)


def main() -> None:
    """The command, with every foreseen failure as one line."""
    try:
        app()
    except (ArchiveError, EnvironmentFault) as error:
        _fail(str(error), _UNUSABLE)
    except (ModelError, StartFault, calls.Refused) as error:
        _fail(str(error))
    except httpx.TransportError as error:
        _fail(f"the gateway cannot be reached: {error}")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _fail(line: str, code: int = 1) -> None:
    _err.print(f"error: {line}", style="red", highlight=False, soft_wrap=True, markup=False)
    sys.exit(code)


if __name__ == "__main__":
    main()
