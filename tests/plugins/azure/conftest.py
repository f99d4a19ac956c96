from __future__ import annotations

import pytest
import pytest_asyncio
from azure_identity import identity_endpoint_fixture
from openai_server import openai_server_fixture

server = pytest_asyncio.fixture(openai_server_fixture, name="server")
identity = pytest.fixture(identity_endpoint_fixture, name="identity")


@pytest.fixture(autouse=True)
def environment_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a paid service, whatever the developer's shell has set."""
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
