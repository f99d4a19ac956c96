"""What the configured clients share: their options, checked, dumped, loaded and copied."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from openai import AsyncOpenAI
from pydantic import BaseModel

from ._base_client import BaseOpenAIChatCompletionClient
from ._errors import shown_url
from ._request import create_arg_names, near, response_format_of
from ._secrets import conceal, reveal

_OWN_ARGS: Final = frozenset({"model_info", "model_capabilities", "add_name_prefixes", "include_name_in_message"})


def client_arg_names(sdk_class: type[AsyncOpenAI]) -> frozenset[str]:
    """Return the options of an SDK client."""
    parameters = inspect.signature(sdk_class.__init__).parameters
    return frozenset(name for name in parameters if name != "self" and not name.startswith("_"))


class ConfiguredClient(BaseOpenAIChatCompletionClient):
    """A client made of options, by name.

    Args:
        options: The options. None counts as not given.

    Raises:
        TypeError: An option that neither this class nor the SDK knows.
        ValueError: `model` is missing.
    """

    sdk_class: ClassVar[type[AsyncOpenAI]]
    """The SDK's client that it works with."""

    sdk_args: ClassVar[frozenset[str]]
    """The options of that client."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        if not given.get("model"):
            raise ValueError(f"model is required for {type(self).__name__}")
        self._check_names(given)
        given = self._complete(given)
        self._raw_config: dict[str, Any] = dict(given)
        create_args = {
            name: value for name, value in given.items() if name in create_arg_names() and name not in self.sdk_args
        }
        own: dict[str, Any] = {name: value for name, value in given.items() if name in _OWN_ARGS}
        super().__init__(self._open_client(given), create_args=create_args, **own)

    def _complete(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options with those that come from elsewhere and belong to the configuration."""
        return options

    def _open_client(self, options: Mapping[str, Any]) -> AsyncOpenAI:
        return self.sdk_class(**self._sdk_arguments(options))

    def _sdk_arguments(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {name: reveal(value) for name, value in options.items() if name in self.sdk_args}

    def _check_names(self, options: Mapping[str, Any]) -> None:
        known = create_arg_names() | self.sdk_args | _OWN_ARGS
        unknown = sorted(set(options) - known)
        if unknown:
            listed = ", ".join(repr(name) + near(name, sorted(known)) for name in unknown)
            raise TypeError(
                f"{type(self).__name__} got unknown options: {listed}. "
                "Fields that only your server knows go into `extra_body`.",
            )

    def _dumped_options(self, schema: type[BaseModel]) -> dict[str, Any]:
        """Return the options as the configuration holds them.

        Raises:
            ValueError: It has no place for one.
        """
        config = {name: value for name, value in self._raw_config.items() if name in schema.model_fields}
        left_out = sorted(set(self._raw_config) - set(schema.model_fields))
        if left_out:
            raise ValueError(
                f"the configuration of {type(self).__name__} has no place for {', '.join(left_out)}; "
                "a client with these options cannot be dumped",
            )
        response_format = config.get("response_format")
        if isinstance(response_format, type) and issubclass(response_format, BaseModel):
            config["response_format"] = response_format_of(response_format)
        if "default_headers" in config:
            config["default_headers"] = conceal(config["default_headers"])
        if callable(config.get("api_key")):
            raise ValueError("api_key is a function, which a configuration cannot hold; pass the key itself")
        for name in ("base_url", "azure_endpoint"):
            if name in config:
                # User name and password in an address are a secret like the key: left out.
                url = str(config[name])
                config[name] = shown_url(url) if "@" in url else url
        return config

    @classmethod
    def _from_options(cls, config: BaseModel) -> Self:
        # Not model_dump: it would turn the secret's holder into a copy, and nested typed dicts need no conversion.
        options: dict[str, Any] = {
            name: getattr(config, name) for name in type(config).model_fields if getattr(config, name) is not None
        }
        return cls(**options)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Make a client of the same options; what cannot be copied of them is shared, as the SDK's own copies do."""
        for name in ("http_client", "azure_ad_token_provider"):
            shared = self._raw_config.get(name)
            memo[id(shared)] = shared
        clone = type(self).__new__(type(self))
        memo[id(self)] = clone
        clone.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return clone

    def __getstate__(self) -> dict[str, Any]:
        """Leave the HTTP client out of copies; each makes its own (newer N-312)."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_client", "_tokens")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            # What there was to say about the options was said of the original.
            warnings.simplefilter("ignore")
            self.__init__(**state["_raw_config"])  # type: ignore[misc] # made anew as a client of the same options
        self.__dict__.update(state)
