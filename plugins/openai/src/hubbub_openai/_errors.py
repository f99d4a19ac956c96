"""Errors: of the endpoint, told with its address, and of the model's work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import openai

from hubbub_registry import HubbubError


class ModelEndpointError(HubbubError, openai.APIConnectionError, ConnectionError):
    """A model endpoint cannot be reached, breaks off, or sends what is no answer.

    It is the `openai.APIConnectionError` that programs written for the SDK catch, and a `ConnectionError` for those
    that know no SDK. Status errors (401, 429, 500, ...) travel on as the SDK's own classes.

    Attributes:
        base_url: Address of the endpoint, without user name and password.
        model: The model that was asked for.
    """

    def __init__(self, base_url: str, model: str, problem: str, *, cause: BaseException | None = None) -> None:
        self.base_url = base_url
        self.model = model
        text = f"model endpoint {base_url} (model {model!r}) {problem}"
        # The SDK's constructor wants a request object, which there is none of when the answer is what was wrong.
        Exception.__init__(self, text)
        self.message = text
        self.body = None
        self.code = None
        self.param = None
        self.type = None
        request = getattr(cause, "request", None)
        if request is not None:
            self.request = request


class ModelEndpointTimeoutError(ModelEndpointError, TimeoutError):
    """A model endpoint did not answer in time."""


class ResponseFailedError(HubbubError, RuntimeError):
    """The service ended a response, or a run of a thread, with a failure instead of an answer."""


class UnansweredRequestError(HubbubError, RuntimeError):
    """The model asks for something that needs an answer, and nobody is there to give one."""


def shown_url(url: str) -> str:
    """Return `url` without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it was raised from, and so on."""
    current: BaseException | None = exc
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _reason(exc: BaseException) -> str:
    """Return the text nearest to the root of the chain: the SDK itself only says "Connection error."."""
    texts = [text for link in _chain(exc) if (text := str(link))]
    return texts[-1] if texts else type(exc).__name__


def _is_transport_error(exc: BaseException) -> bool:
    # openai 2 lets errors of httpx out of a stream. By name, because openai 3 brings httpx2 instead.
    names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(exc).__mro__}
    return bool(names & {"httpx.TransportError", "httpx2.TransportError"})


def _is_timeout(exc: BaseException) -> bool:
    return isinstance(exc, openai.APITimeoutError) or any(
        base.__name__ == "TimeoutException" for base in type(exc).__mro__
    )


@contextmanager
def endpoint_errors(base_url: str, model: str) -> Iterator[None]:
    """Turn failures of the connection and unreadable answers into `ModelEndpointError`."""
    try:
        yield
    except ModelEndpointError:
        raise
    except openai.APIStatusError as exc:
        exc.add_note(f"model endpoint {base_url} (model {model!r})")
        raise
    except json.JSONDecodeError as exc:
        raise ModelEndpointError(base_url, model, f"sent an answer that is not JSON: {exc}", cause=exc) from exc
    except Exception as exc:
        if _is_timeout(exc):
            problem = "did not answer in time; raise `timeout` if the model needs longer"
            raise ModelEndpointTimeoutError(base_url, model, problem, cause=exc) from exc
        if isinstance(exc, openai.APIConnectionError) or _is_transport_error(exc):
            if any(type(link).__name__ == "ConnectError" for link in _chain(exc)):
                problem = f"cannot be reached: {_reason(exc)}; check `base_url` (or OPENAI_BASE_URL) and the network"
            else:
                problem = f"broke off: {_reason(exc)}"
            raise ModelEndpointError(base_url, model, problem, cause=exc) from exc
        if isinstance(exc, openai.APIError):  # in the middle of a stream
            exc.add_note(f"model endpoint {base_url} (model {model!r})")
        raise
