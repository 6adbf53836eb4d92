"""
The keys that open the gateway: a YAML file of names and HMACs, read again when it changes.

`python -m speech_gateway.keys NAME` makes one, under the server key of `GATEWAY_KEY_SECRET`.
"""

import hmac
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import anyio
import structlog
import yaml
from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_PREFIX = "ks-"
_KEY_BYTES = 32
_MOST = 10**9


class KeysError(Exception):
    """The file of keys cannot be used; the message is one line without what is in it."""


class KeyEntry(BaseModel):
    """One key: *name* stands in logs and metrics; what has no limit is not limited."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    hmac: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    requests_per_minute: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    streams: Annotated[int, Field(ge=1, le=_MOST)] | None = None
    audio_seconds_per_day: Annotated[float, Field(gt=0, le=_MOST)] | None = None
    characters_per_day: Annotated[int, Field(gt=0, le=_MOST)] | None = None


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    keys: list[KeyEntry]


class KeyRing:
    """The keys in force; belongs to one event loop."""

    def __init__(self, path: Path, secret: str) -> None:
        self._path = path
        self._secret = secret
        self._content = path.read_bytes() if path.is_file() else None
        self._entries = read(path, self._content)

    @property
    def entries(self) -> Sequence[KeyEntry]:
        return self._entries

    def find(self, key: str) -> KeyEntry | None:
        """Whose key it is; takes as long for a wrong one as for any other."""
        return self.holder(digest_of(key, self._secret))

    def holder(self, digest: str) -> KeyEntry | None:
        """Whose digest it is, as long as it stands in the file."""
        found = None
        for entry in self._entries:
            if hmac.compare_digest(entry.hmac, digest):
                found = entry
        return found

    async def follow(self, *, every_seconds: float) -> None:
        """Read the file again when it has changed, for ever; one that cannot be used changes nothing."""
        while True:
            await anyio.sleep(every_seconds)
            try:
                content = await to_thread.run_sync(self._path.read_bytes)
                if content == self._content:
                    continue
                self._content = content
                self._entries = read(self._path, content)
                log.info("keys_read", keys=len(self._entries))
            except (OSError, KeysError) as error:
                log.error("keys_not_read", reason=str(error))  # noqa: TRY400 - the reason is the whole of it


def digest_of(key: str, secret: str) -> str:
    """What the file holds instead of the key: HMAC-SHA256 under the server key, in hex."""
    return hmac.digest(secret.encode(), key.encode(errors="surrogateescape"), "sha256").hex()


def read(path: Path, content: bytes | None) -> Sequence[KeyEntry]:
    """The entries; raises `KeysError`."""
    if content is None:
        raise KeysError(f"there is no file {path}")
    try:
        loaded: Mapping[str, Any] = yaml.safe_load(content)
        entries = _KeyFile.model_validate(loaded).keys
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise KeysError(f"{path}: {'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}") from None
    except Exception:  # noqa: BLE001 - a tag or a depth that the parser does not bear must not end the gateway
        raise KeysError(f"{path} is no YAML that holds keys") from None
    if len({entry.name for entry in entries}) < len(entries):
        raise KeysError(f"{path}: a name stands there twice")
    return entries


def main(name: str, secret: str) -> None:
    """Print a new key, once, and the entry for the file."""
    key = f"{_PREFIX}{secrets.token_urlsafe(_KEY_BYTES)}"
    entry = KeyEntry(name=name, hmac=digest_of(key, secret))
    sys.stderr.write(f"the key, which is shown only now: {key}\n")
    sys.stdout.write(f"- name: {entry.name}\n  hmac: {entry.hmac}\n")


if __name__ == "__main__":
    from speech_core.service.settings import SettingsError
    from speech_gateway.settings import GatewaySettings

    try:
        loaded = GatewaySettings.load()
        if len(sys.argv) != 2 or loaded.key_secret is None:
            sys.exit("usage: GATEWAY_KEY_SECRET=... python -m speech_gateway.keys NAME")
        main(sys.argv[1], loaded.key_secret.get_secret_value())
    except SettingsError as error:
        sys.exit(f"error: {error}")
    except ValidationError:
        sys.exit(f"error: {sys.argv[1]!r} is no name: letters, digits, dots and dashes, up to 64 of them")
