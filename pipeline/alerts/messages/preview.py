"""A message as text, for a terminal.

Belongs here: blocks read as lines. What Slack makes of them is Slack's.
"""

import re

from pipeline.alerts.messages.form import Block, Content

LINK = re.compile(r"<([^<>|]+)\|([^<>]*)>")


def preview(message: Content) -> str:
    """The message's blocks as plain text, one paragraph a block."""
    return "\n\n".join(_lines(block) for block in message.blocks)


def _lines(block: Block) -> str:
    if block["type"] == "header":
        title = str(block["text"]["text"])
        return f"{title}\n{'=' * len(title)}"
    parts = [block["text"]] if "text" in block else block.get("elements", [])
    pairs = [_plain(str(each["text"])).replace("\n", ": ") for each in block.get("fields", [])]
    return "\n".join([*(_plain(str(part["text"])) for part in parts), *pairs])


def _plain(text: str) -> str:
    shown = LINK.sub(r"\2 (\1)", text).replace("*", "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
