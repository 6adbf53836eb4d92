from collections.abc import AsyncGenerator

import pytest

from speech_asr.spool import Spool
from speech_core.errors import Overloaded

from .conftest import spooled

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("own_folder")]


async def body(*parts: bytes) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part


async def test_an_upload_lies_on_disk_as_long_as_it_is_needed() -> None:
    spool = Spool(100)

    async with spool.receive(body(b"abc", b"def")) as path:
        assert path.read_bytes() == b"abcdef"
        assert (len(spooled()), spool.held_bytes) == (1, 6)

    assert (spooled(), spool.held_bytes) == ([], 0)


async def test_all_uploads_together_are_bounded() -> None:
    spool = Spool(10)

    async with spool.receive(body(b"12345678")):
        with pytest.raises(Overloaded) as refused:
            async with spool.receive(body(b"12", b"3")):
                pass

    assert refused.value.retry_after_seconds == 5.0
    assert (spooled(), spool.held_bytes) == ([], 0)


async def test_an_upload_that_breaks_off_leaves_nothing() -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    spool = Spool(10)

    with pytest.raises(ConnectionResetError):
        async with spool.receive(broken()):
            pass

    assert (spooled(), spool.held_bytes) == ([], 0)
