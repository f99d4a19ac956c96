"""Chat messages whose content is a pydantic model, and the component that describes such a class in a configuration."""

from __future__ import annotations

from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, computed_field

from hubbub_agentchat.messages._base import BaseChatMessage
from hubbub_core.models import UserMessage
from hubbub_registry import Component, ComponentBase

StructuredContentType = TypeVar("StructuredContentType", bound=BaseModel, covariant=True)
"""What a `StructuredMessage` holds."""


class StructuredMessage(BaseChatMessage, Generic[StructuredContentType]):
    """A chat message with typed content: `StructuredMessage[Answer](content=Answer(...), source="agent")`."""

    content: StructuredContentType

    format_string: str | None = None
    """Experimental. How to write the content as text, with the names of its fields in braces."""

    @computed_field  # type: ignore[prop-decorator] # mypy does not know decorated properties; pydantic documents this form
    @property
    def type(self) -> str:
        """The class name with its parameter: `StructuredMessage[Answer]`."""
        return self.__class__.__name__

    def to_text(self) -> str:
        """Return the content by `format_string`, or as JSON without one."""
        if self.format_string is not None:
            return self.format_string.format(**self.content.model_dump())
        return self.content.model_dump_json()

    def to_model_text(self) -> str:
        """Return the content by `format_string`, or as JSON without one."""
        return self.to_text()

    def to_model_message(self) -> UserMessage:
        """Return the content as JSON, whatever the format string."""
        return UserMessage(content=self.content.model_dump_json(), source=self.source)


class StructureMessageConfig(BaseModel):
    """Configuration of `StructuredMessageFactory`."""

    json_schema: dict[str, Any]
    format_string: str | None = None
    content_model_name: str


class StructuredMessageFactory(ComponentBase[StructureMessageConfig], Component[StructureMessageConfig]):
    """Makes a `StructuredMessage` class from a JSON schema or a pydantic class.

    Args:
        json_schema: Schema of the content. Wins over `input_model`.
        input_model: Class of the content.
        format_string: How the messages are written as text.
        content_model_name: Name of a class built from a schema; `GeneratedContentModel` by default.

    Raises:
        ValueError: Neither a schema nor a class was given.
    """

    component_config_schema = StructureMessageConfig
    component_provider_override = "hubbub_agentchat.messages.StructuredMessageFactory"
    component_type = "structured_message"

    def __init__(
        self,
        json_schema: dict[str, Any] | None = None,
        input_model: type[BaseModel] | None = None,
        format_string: str | None = None,
        content_model_name: str | None = None,
    ) -> None:
        self.format_string = format_string
        if json_schema is not None:
            from hubbub_core.utils import schema_to_pydantic_model

            self.ContentModel: type[BaseModel] = schema_to_pydantic_model(
                json_schema, model_name=content_model_name or "GeneratedContentModel"
            )
        elif input_model is not None:
            self.ContentModel = input_model
        else:
            raise ValueError("StructuredMessageFactory needs `json_schema` or `input_model`; neither was given.")
        content_model = self.ContentModel
        self.StructuredMessage: type[StructuredMessage[Any]] = StructuredMessage[content_model]  # type: ignore[valid-type] # a class made at run time

    def _to_config(self) -> StructureMessageConfig:
        return StructureMessageConfig(
            json_schema=self.ContentModel.model_json_schema(),
            format_string=self.format_string,
            content_model_name=self.ContentModel.__name__,
        )

    @classmethod
    def _from_config(cls, config: StructureMessageConfig) -> Self:
        return cls(
            json_schema=config.json_schema,
            format_string=config.format_string,
            content_model_name=config.content_model_name,
        )
