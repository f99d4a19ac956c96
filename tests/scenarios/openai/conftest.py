"""What the scenarios share: the mock server, a runtime that hides no error, no way to a paid service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from openai_server import openai_server_fixture

from hubbub_core import SingleThreadedAgentRuntime

server = pytest_asyncio.fixture(openai_server_fixture, name="server")


@pytest.fixture(autouse=True)
def environment_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def runtime() -> AsyncIterator[SingleThreadedAgentRuntime]:
    """A runtime to be started, closed when the test is over; an error in an event handler fails `stop_when_idle`."""
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    yield runtime
    await runtime.close()
