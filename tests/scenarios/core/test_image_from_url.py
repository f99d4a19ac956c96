"""An image is fetched over HTTP and travels in a message (spec: 000 L19657; 001 API-IMG-9)."""

from __future__ import annotations

import asyncio
import io
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from PIL import Image as PILImage
from pydantic import BaseModel

from hubbub_core import AgentId, Image, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from hubbub_core.models import UserMessage


class Picture(BaseModel):
    body: UserMessage


class Viewer(RoutedAgent):
    @message_handler
    async def on_picture(self, message: Picture, ctx: MessageContext) -> str:
        assert isinstance(message.body.content, list)
        text, image = message.body.content
        assert isinstance(image, Image)
        return f"{text} {image.image.format} {image.image.size} {image.image.getpixel((0, 0))}"


class OnePicture(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        buffer = io.BytesIO()
        PILImage.new("RGB", (3, 2), "red").save(buffer, format="PNG")
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(buffer.getvalue())

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Address of a picture on a server of this process."""
    with HTTPServer(("127.0.0.1", 0), OnePicture) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/picture.png"
        server.shutdown()
        thread.join()


def fetch(url: str) -> bytes:
    # Without the proxies of the environment.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as response:
        data: bytes = response.read()
    return data


async def test_fetched_image_reaches_an_agent(runtime: SingleThreadedAgentRuntime, url: str) -> None:
    await Viewer.register(runtime, "viewer", lambda: Viewer("Looks at pictures"))
    runtime.start()
    image = Image.from_pil(PILImage.open(io.BytesIO(await asyncio.to_thread(fetch, url))))

    answer = await runtime.send_message(
        Picture(body=UserMessage(content=["seen", image], source="user")), AgentId("viewer", "default")
    )

    assert answer == "seen PNG (3, 2) (255, 0, 0)"
    assert Image.from_uri(image.data_uri).image.size == (3, 2)
