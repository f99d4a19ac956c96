"""Functions on message content."""

from hubbub_agentchat.utils._content import content_to_str, remove_images

__all__ = ["content_to_str", "remove_images"]
