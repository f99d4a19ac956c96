"""A running runtime, stopped when the test is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hubbub_core import SingleThreadedAgentRuntime


@pytest.fixture
async def runtime() -> AsyncIterator[SingleThreadedAgentRuntime]:
    """A started runtime."""
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    yield runtime
    await runtime.close()
