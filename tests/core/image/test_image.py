"""Images in messages."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PILImage
from pydantic import TypeAdapter, ValidationError

from hubbub_core import Image


def picture(mode: str = "RGB", kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    PILImage.new(mode, (2, 3)).save(buffer, kind)
    return buffer.getvalue()


def test_image_comes_from_each_source(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture(kind="JPEG"))
    text = base64.b64encode(picture()).decode()

    images = [
        Image.from_pil(PILImage.new("RGB", (2, 3))),
        Image.from_base64(text),
        Image.from_uri(f"data:image/png;base64,{text}"),
        Image.from_file(path),
        Image.from_uri(Image.from_file(path).data_uri),
    ]

    assert [image.image.size for image in images] == [(2, 3)] * 5
    assert images[0].image.resize((4, 6)).size == (4, 6)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "La", "RGBa", "F", "I"])
def test_every_mode_can_be_encoded(mode: str) -> None:
    encoded = Image(PILImage.new(mode, (2, 3))).to_base64()

    assert PILImage.open(io.BytesIO(base64.b64decode(encoded))).format == "PNG"


def test_openai_format_is_the_documented_shape() -> None:
    image = Image.from_base64(base64.b64encode(picture()).decode())

    assert image.data_uri.startswith("data:image/png;base64,")
    assert image.to_openai_format("low") == {
        "type": "image_url",
        "image_url": {"url": image.data_uri, "detail": "low"},
    }


@pytest.mark.parametrize("text", ["%%%", base64.b64encode(b"no image").decode(), ""])
def test_data_that_is_no_image_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not base64|not an image"):
        Image.from_base64(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Image).validate_python({"data": text})


@pytest.mark.parametrize("uri", ["https://example.org/a.png", "data:text/plain;base64,aGk=", "data:image/png,raw"])
def test_uri_that_is_no_image_data_is_named(uri: str) -> None:
    with pytest.raises(ValueError, match="not a data URI of an image"):
        Image.from_uri(uri)


def test_missing_pillow_is_named_with_the_command_that_adds_it() -> None:
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from hubbub_core import Image\n"
        "try: Image.from_base64('aGk=')\n"
        "except ImportError as exc: print(exc)"
    )

    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert out.strip() == "images need Pillow; `pip install hubbub-core[images]` adds it"
