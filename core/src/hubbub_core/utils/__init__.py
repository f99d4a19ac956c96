"""Read the JSON that models write, and make classes from JSON schemas."""

from hubbub_core.utils._extract_json import extract_json_from_str
from hubbub_core.utils._json_to_pydantic import schema_to_pydantic_model

__all__ = ["extract_json_from_str", "schema_to_pydantic_model"]
