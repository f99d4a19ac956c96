"""Sources of Azure tokens: the identity endpoint of App Service, and the command `az`."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

import pytest

SCOPE = "https://cognitiveservices.azure.com/.default"
RESOURCE = "https://cognitiveservices.azure.com"
PROVIDER = {
    "provider": "autogen_ext.auth.azure.AzureTokenProvider",
    "config": {"provider_kind": "DefaultAzureCredential", "scopes": [SCOPE]},
}
"""The documented configuration (spec: 000 L24336-24342)."""

_SECRET = "identity-header-secret"


class IdentityEndpoint:
    """The endpoint that gives a program on App Service its tokens: `token-1`, `token-2`, ...

    It answers in threads of its own. Enter it to listen, leave it to stop.

    Attributes:
        queries: The query of each request.
        refusal: The reason that requests are answered with, instead of a token.
        lifetime: Seconds that a token is good for.
    """

    def __init__(self) -> None:
        self.queries: list[dict[str, str]] = []
        self.refusal: str | None = None
        self.lifetime = 3600
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = endpoint._answer(self)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Write nothing to stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a program finds it."""
        url = f"http://127.0.0.1:{self._server.server_port}/msi/token"
        return {"IDENTITY_ENDPOINT": url, "IDENTITY_HEADER": _SECRET}

    def __enter__(self) -> IdentityEndpoint:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, object]]:
        query = dict(parse_qsl(urlsplit(request.path).query))
        self.queries.append(query)
        if request.headers["X-IDENTITY-HEADER"] != _SECRET:
            return 401, {"statusCode": 401, "message": "The X-IDENTITY-HEADER is wrong."}
        if self.refusal is not None:
            return 400, {"statusCode": 400, "message": self.refusal}
        return 200, {
            "access_token": f"token-{len(self.queries)}",
            "expires_on": str(int(time.time()) + self.lifetime),
            "resource": query["resource"],
            "token_type": "Bearer",
        }


def identity_endpoint_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[IdentityEndpoint]:
    """Make this process one on App Service, with no other identity.

    `pytest.fixture(identity_endpoint_fixture, name="identity")` makes the fixture of it.
    """
    for name in [name for name in os.environ if name.startswith(("AZURE_", "MSI_", "IDENTITY_"))]:
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with IdentityEndpoint() as endpoint:
        for name, value in endpoint.environment.items():
            monkeypatch.setenv(name, value)
        yield endpoint


def install_az(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an `az` first on PATH, which runs a shell script; `token NAME` in it prints the token of that name."""
    folder.mkdir()
    az = folder / "az"
    token = 'token() { echo "{\\"accessToken\\": \\"$1\\", \\"expiresOn\\": \\"2100-01-01 00:00:00.000000\\"}"; }'
    az.write_text(f"#!/bin/sh\n{token}\n{script}\n")
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
