"""How a download is shown: a bar on a terminal, a line for each tenth elsewhere."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from speech_core.models import store


@contextmanager
def shown_progress(console: Console) -> Generator[store.Progress]:
    """Yields what a `Store` calls with (name, bytes so far, bytes in all)."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        shown: dict[str, TaskID] = {}
        told: dict[str, int] = {}

        def show(name: str, done_bytes: int, total_bytes: int) -> None:
            if name not in shown:
                shown[name] = bars.add_task(name, total=total_bytes)
            bars.update(shown[name], completed=done_bytes)
            tenth = 10 * done_bytes // total_bytes
            if not console.is_terminal and tenth > told.get(name, -1):
                told[name] = tenth
                console.print(f"{name}: {10 * tenth} % of {total_bytes / 1e6:.0f} MB", highlight=False)

        yield show
