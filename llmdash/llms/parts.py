"""Parts of a message that are no text (images, audio, files): LangChain's standard blocks in the words of
chat completions, and those in the words of another dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["as_block_part", "as_chat_part", "as_item_part"]

Part = dict[str, Any]
_CALLS = ("tool_use", "tool_call", "invalid_tool_call", "function_call")


def as_chat_part(part: Any) -> Any:
    """Return a part of a message of LangChain as chat completions have it: None for a call, which the message
    has elsewhere too, and what is no standard block as it is.

    https://docs.langchain.com/oss/python/langchain/messages#standard-content-blocks
    """
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not isinstance(part, Mapping):
        return part
    kind = part.get("type")
    if kind in _CALLS:
        return None
    place, data = part.get("url"), part.get("base64") or part.get("data")
    mime = str(part.get("mime_type") or "")
    if kind == "image" and (place or data):
        return {"type": "image_url", "image_url": {"url": place or _data_url(mime or "image/png", data)}}
    if kind == "audio" and data:
        return {
            "type": "input_audio",
            "input_audio": {"data": data, "format": mime.rpartition("/")[2] or "wav"},
        }
    if kind == "file" and "file" not in part:
        return _file(part, place, data and _data_url(mime or "application/pdf", data))
    return part


def _file(part: Mapping[str, Any], place: Any, data: Any) -> Any:
    more = part.get("extras") or part.get("metadata") or {}
    name = part.get("filename") or more.get("filename") or more.get("name")
    said = {"file_data": data, "file_url": place, "file_id": part.get("file_id") or part.get("id")}
    known = next(({key: value} for key, value in said.items() if value), None)
    if known is None:
        return part
    named = {"filename": name or "file"} if data else {}
    return {"type": "file", "file": {**named, **known}}


def as_item_part(part: Any, role: str) -> Any:
    """Return a part in the words of the Responses API."""
    match part:
        case {"type": "text", "text": text}:
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": url, **more}}:
            return {"type": "input_image", "image_url": url, **more}
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "input_image", "image_url": url}
        case {"type": "file", "file": dict(file)}:
            return {"type": "input_file", **file}
    return part


def as_block_part(part: Any) -> Any:
    """Return a part in the words of Anthropic's Messages API."""
    match part:
        case {"type": "image_url", "image_url": ({"url": str(url)} | str(url)), **more}:
            return {**more, "type": "image", "source": _source(url)}
        case {"type": "file", "file": {"file_data": str(data)}, **more}:
            return {**more, "type": "document", "source": _source(data)}
        case {"type": "file", "file": {"file_url": str(url)}, **more}:
            return {**more, "type": "document", "source": _source(url)}
        case {"type": "file", "file": {"file_id": str(known)}, **more}:
            return {**more, "type": "document", "source": {"type": "file", "file_id": known}}
    return part


def _data_url(mime: str, data: Any) -> str:
    return f"data:{mime};base64,{data}"


def _source(url: str) -> Part:
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:"):
        return {"type": "base64", "media_type": head[5:].partition(";")[0], "data": data}
    return {"type": "url", "url": url}
