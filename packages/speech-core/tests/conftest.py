"""Fixtures of the shared package's tests."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
