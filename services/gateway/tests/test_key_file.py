"""The file of keys: what it may hold, and how an entry for it is made."""

import pytest
import yaml

from speech_core.service.settings import SettingsError
from speech_gateway.app import create_app
from speech_gateway.keys import KeyEntry, KeyRing, KeysError, digest_of, main, read
from speech_gateway.settings import GatewaySettings

SECRET = "the server's own"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b"keys: [{", "is no YAML"),
        (b"[" * 20_000, "is no YAML"),
        (b"keys: !!timestamp x", "is no YAML"),
        (b"keys: !!int ''", "is no YAML"),
        (b"[]", "all of it"),
        (b"keys: [{name: a}]", "keys.0.hmac"),
        (b"keys: [{name: 'a b', hmac: ''}]", "keys.0.name"),
    ],
)
def test_a_bad_file_says_where(tmp_path, content, message) -> None:
    with pytest.raises(KeysError, match=message):
        read(tmp_path / "keys.yaml", content)


def test_a_name_stands_there_once(tmp_path) -> None:
    entry = {"name": "anna", "hmac": digest_of("ks-of-anna", SECRET)}
    content = yaml.safe_dump({"keys": [entry, entry | {"hmac": digest_of("other", SECRET)}]}).encode()

    with pytest.raises(KeysError, match="twice"):
        read(tmp_path / "keys.yaml", content)


@pytest.mark.parametrize("given", [{"keys_file": "nowhere.yaml", "key_secret": SECRET}, {"keys_file": "keys.yaml"}])
def test_keys_that_cannot_be_had_stop_the_gateway(given) -> None:
    with pytest.raises(SettingsError, match="keys_file"):
        create_app(GatewaySettings(**given))


def test_a_key_is_made_and_opens(capsys, tmp_path) -> None:
    file = tmp_path / "keys.yaml"
    main("anna", SECRET)

    made = capsys.readouterr()
    key = made.err.split()[-1]
    file.write_text("keys:\n" + made.out, encoding="utf-8")
    assert KeyRing(file, SECRET).find(key) == KeyEntry(name="anna", hmac=digest_of(key, SECRET))
    assert key not in made.out
