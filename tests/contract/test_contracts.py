import importlib.util
from pathlib import Path

MAKE = "run `make contracts` and commit the difference"
_HERE = Path(__file__).parent


def load_generator():
    spec = importlib.util.spec_from_file_location("generate", _HERE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_contracts_are_what_the_code_says() -> None:
    generate = load_generator()

    committed = {path.name: path.read_text(encoding="utf-8") for path in generate.FOLDER.glob("*.json")}

    assert committed == generate.documents(), MAKE
    assert generate.RELAYED.read_text(encoding="utf-8") == generate.relayed(), MAKE
