"""An image inside a message. Pillow is imported only when a picture is decoded or encoded."""

from __future__ import annotations

import base64
import binascii
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL import Image as PILImage
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,(?P<data>[A-Za-z0-9+/=\s]*)\Z")
# What the PNG format can store; other modes (CMYK, YCbCr, LAB, HSV, I, F) are converted first.
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


class Image:
    """An image, wrapped around a picture of Pillow.

    In JSON it is `{"data": "<PNG as base64>"}`; its JSON schema is empty. Needs Pillow:
    `pip install hubbub-core[images]`.

    Args:
        image: The picture, afterwards the attribute `image`.
    """

    def __init__(self, image: PILImage.Image) -> None:
        self.image: PILImage.Image = image

    @classmethod
    def from_pil(cls, pil_image: PILImage.Image) -> Image:
        """Wrap a picture of Pillow."""
        return cls(pil_image)

    @classmethod
    def from_uri(cls, uri: str) -> Image:
        """Decode a data URI, `data:image/png;base64,...`. Nothing is downloaded.

        Raises:
            ValueError: The URI is not a base64 data URI of an image, or its data is no image.
        """
        match = _DATA_URI.match(uri)
        if match is None:
            raise ValueError(
                f"not a data URI of an image: {uri[:60]!r}; expected data:image/<type>;base64,<data>. "
                "Fetch remote images first and use Image.from_pil.",
            )
        return cls.from_base64(match["data"])

    @classmethod
    def from_base64(cls, base64_str: str) -> Image:
        """Decode the base64 text of an image file of any format that Pillow reads.

        Raises:
            ValueError: The text is not base64, or not an image.
        """
        try:
            data = base64.b64decode("".join(base64_str.split()), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise ValueError(f"the image data is not base64: {exc}") from exc
        return cls(_open(io.BytesIO(data)))

    @classmethod
    def from_file(cls, file_path: Path) -> Image:
        """Read an image file. The file is closed afterwards.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is no image.
        """
        return cls(_open(io.BytesIO(Path(file_path).read_bytes())))

    def to_base64(self) -> str:
        """Encode as PNG, as base64 text without line breaks."""
        picture = self.image
        if picture.mode not in _PNG_MODES:
            # Pillow converts the premultiplied modes only to their own straight ones.
            straight = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
            picture = picture.convert(straight.get(picture.mode, "RGB"))
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG")
        return base64.b64encode(buffer.getvalue()).decode("ascii")

    @property
    def data_uri(self) -> str:
        """The image as `data:image/png;base64,...`."""
        return f"data:image/png;base64,{self.to_base64()}"

    def to_openai_format(self, detail: Literal["auto", "low", "high"] = "auto") -> dict[str, Any]:
        """Return the image as a content part of OpenAI's chat completions.

        Returns:
            `{"type": "image_url", "image_url": {"url": "data:image/png;base64,...", "detail": detail}}`
        """
        return {"type": "image_url", "image_url": {"url": self.data_uri, "detail": detail}}

    def __repr__(self) -> str:
        return f"Image({self.image.mode}, {self.image.width}x{self.image.height})"

    def _repr_html_(self) -> str:
        """Show the picture in a notebook."""
        return f'<img src="{self.data_uri}"/>'

    @classmethod
    def __get_pydantic_core_schema__(cls, source_type: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._validate,
            json_schema_input_schema=core_schema.any_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls._serialize,
                # What comes out is left open, so that the JSON schema stays the documented empty one.
                return_schema=core_schema.any_schema(),
            ),
        )

    @classmethod
    def _validate(cls, value: Any) -> Image:
        if isinstance(value, Image):
            return value
        if isinstance(value, dict) and isinstance(value.get("data"), str):
            return cls.from_base64(value["data"])
        raise ValueError('expected an Image or {"data": "<base64>"}')

    @staticmethod
    def _serialize(value: Image) -> dict[str, str]:
        return {"data": value.to_base64()}


def _open(file: io.BytesIO) -> PILImage.Image:
    try:
        from PIL import Image as PILImage
    except ImportError as exc:
        raise ImportError("images need Pillow; `pip install hubbub-core[images]` adds it", name="PIL") from exc

    try:
        picture = PILImage.open(file)
        # Pillow decodes lazily; a broken file has to fail here, not when a message is sent.
        picture.load()
    except (OSError, SyntaxError) as exc:
        raise ValueError(f"the data is not an image that Pillow can read: {exc}") from exc
    return picture
