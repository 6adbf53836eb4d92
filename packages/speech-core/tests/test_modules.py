import importlib
import pkgutil

import speech_core


def test_every_module_can_be_imported_on_its_own() -> None:
    names = [module.name for module in pkgutil.walk_packages(speech_core.__path__, "speech_core.")]

    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)

    assert "speech_core.service.app" in names
