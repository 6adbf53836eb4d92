import importlib
import pkgutil
import subprocess
import sys

import speech_core


def test_every_module_can_be_imported_on_its_own() -> None:
    names = [module.name for module in pkgutil.walk_packages(speech_core.__path__, "speech_core.")]

    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)

    assert "speech_core.service.app" in names


def test_the_store_is_a_program_of_its_own(tmp_path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "speech_core.models", "--root", str(tmp_path), "find", "whisper-base"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert ran.stderr.startswith("error: the model whisper-base is not in")
