"""What Slack refuses in blocks: counts, lengths, types; each refusal points at the place.

Belongs here: the rules of Block Kit that a message of the pipeline may touch.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_BLOCKS = 50
MAX_TOTAL = 13_200
"""Characters over all blocks; undocumented, answered with msg_blocks_too_long."""

Rule = Callable[[dict[str, Any], str], Iterator[str]]

PASSED = frozenset({"file", "input", "rich_text", "table", "video"})
"""Known types that are stored unchecked."""


def _error(what: str, pointer: str) -> str:
    return f"[ERROR] {what} [json-pointer:{pointer}]"


def _length(value: Any, most: int, pointer: str) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        yield _error("must be a non-empty string", pointer)
    elif len(value) > most:
        yield _error(f"must be less than {most + 1} characters", pointer)


def _text(value: Any, most: int, pointer: str, kinds: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _error("missing required field: text", pointer)
    elif value.get("type") not in kinds:
        yield _error(f"unsupported text type: {value.get('type')}", f"{pointer}/type")
    else:
        yield from _length(value.get("text"), most, f"{pointer}/text")


EITHER = ("mrkdwn", "plain_text")


def _header(block: dict[str, Any], pointer: str) -> Iterator[str]:
    yield from _text(block.get("text"), 150, f"{pointer}/text", ("plain_text",))


def _section(block: dict[str, Any], pointer: str) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield _error("missing required field: text or fields", pointer)
    if "text" in block:
        yield from _text(block["text"], 3_000, f"{pointer}/text", EITHER)
    fields = block.get("fields", [])
    if len(fields) > 10:  # noqa: PLR2004
        yield _error("no more than 10 items allowed", f"{pointer}/fields")
    for at, each in enumerate(fields):
        yield from _text(each, 2_000, f"{pointer}/fields/{at}", EITHER)


def _context(block: dict[str, Any], pointer: str) -> Iterator[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 10:  # noqa: PLR2004
        yield _error("must have between 1 and 10 items", f"{pointer}/elements")
    for at, each in enumerate(elements):
        place = f"{pointer}/elements/{at}"
        if isinstance(each, dict) and each.get("type") == "image":
            yield from _image(each, place)
        else:
            yield from _text(each, 3_000, place, EITHER)


def _image(block: dict[str, Any], pointer: str) -> Iterator[str]:
    yield from _length(block.get("alt_text"), 2_000, f"{pointer}/alt_text")
    if "image_url" not in block and "slack_file" not in block:
        yield _error("missing required field: image_url", pointer)


def _actions(block: dict[str, Any], pointer: str) -> Iterator[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 25:  # noqa: PLR2004
        yield _error("must have between 1 and 25 items", f"{pointer}/elements")
    for at, each in enumerate(elements):
        place = f"{pointer}/elements/{at}"
        if each.get("type") == "button":
            yield from _text(each.get("text"), 75, f"{place}/text", ("plain_text",))
            if "url" in each:
                yield from _length(each["url"], 3_000, f"{place}/url")


def _markdown(block: dict[str, Any], pointer: str) -> Iterator[str]:
    yield from _length(block.get("text"), 12_000, f"{pointer}/text")


def _divider(block: dict[str, Any], pointer: str) -> Iterator[str]:
    if "text" in block:
        yield _error("no such field: text", pointer)


RULES: Mapping[str, Rule] = {
    "actions": _actions,
    "context": _context,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "section": _section,
}


def problems(blocks: Any) -> list[str]:
    """Why Slack would refuse these blocks with invalid_blocks; empty: it would not."""
    if not isinstance(blocks, list):
        return [_error("must be an array", "/blocks")]
    if len(blocks) > MAX_BLOCKS:
        return [_error(f"no more than {MAX_BLOCKS} items allowed", "/blocks")]
    found: list[str] = []
    for at, block in enumerate(blocks):
        pointer = f"/blocks/{at}"
        kind = str(block.get("type")) if isinstance(block, dict) else "none"
        if kind in RULES:
            found += RULES[kind](block, pointer)
        elif kind not in PASSED:
            found.append(_error(f"unsupported type: {kind}", f"{pointer}/type"))
    return found


def size(value: Any) -> int:
    """The characters that the texts in blocks hold."""
    if isinstance(value, list):
        return sum(size(each) for each in value)
    if isinstance(value, dict):
        own = value.get("text")
        below = sum(size(each) for key, each in value.items() if key != "text")
        return below + (len(own) if isinstance(own, str) else size(own))
    return 0
