"""Slack's mrkdwn as HTML.

Belongs here: text in, safe HTML out. Everything is escaped before anything is marked up.
"""

import re
from html import escape, unescape

EMOJI = {
    "bar_chart": "📊",
    "bell": "🔔",
    "chart_with_downwards_trend": "📉",
    "chart_with_upwards_trend": "📈",
    "large_green_circle": "🟢",
    "large_yellow_circle": "🟡",
    "moneybag": "💰",
    "no_entry": "⛔",
    "red_circle": "🔴",
    "rotating_light": "🚨",
    "tada": "🎉",
    "warning": "⚠️",
    "white_check_mark": "✅",
}
SAFE = ("http://", "https://", "mailto:")

_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.DOTALL)
_LINK = re.compile(r"<([^<>\n]+)>")
_MARKS = (
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w_/])_(\S(?:[^_\n]*\S)?)_(?![\w_])"), r"<em>\1</em>"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])"), r"<s>\1</s>"),
)
_EMOJI = re.compile(r":([a-z0-9_+-]+):")


def html(text: str) -> str:
    """Mrkdwn as HTML: bold, italic, struck, code, quotes, links, mentions, emoji."""
    out = []
    end = 0
    for found in _CODE.finditer(text):
        out.append(_prose(text[end : found.start()]))
        block, inline = found.groups()
        if block is not None:
            out.append(f"<pre>{_safe(block.strip(chr(10)))}</pre>")
        else:
            out.append(f"<code>{_safe(inline)}</code>")
        end = found.end()
    out.append(_prose(text[end:]))
    return "".join(out)


def plain(text: str) -> str:
    """Plain text as HTML; emoji names become emoji."""
    return _emoji(escape(text)).replace("\n", "<br>")


def _safe(text: str) -> str:
    """Slack escapes &, < and > only; escaping once more would show the escapes."""
    return escape(unescape(text))


def _emoji(text: str) -> str:
    return _EMOJI.sub(lambda found: EMOJI.get(found[1], found[0]), text)


def _prose(text: str) -> str:
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(_link(found[1]))
        return f"\x00{len(kept) - 1}\x00"

    marked = _emoji(_safe(_LINK.sub(keep, text.replace("\x00", ""))))
    for pattern, replacement in _MARKS:
        marked = pattern.sub(replacement, marked)
    marked = re.sub(r"\x00(\d+)\x00", lambda found: kept[int(found[1])], marked)
    lines = marked.split("\n")
    quoted = [
        f"<blockquote>{line[4:].lstrip()}</blockquote>" if line.startswith("&gt;") else line
        for line in lines
    ]
    return "<br>".join(quoted).replace("</blockquote><br>", "</blockquote>")


def _link(inner: str) -> str:
    """What stands between < and >: a link, a mention, a channel."""
    target, _, label = inner.partition("|")
    if target.startswith(("!", "@", "#")):
        name = label or target[1:]
        sign = "#" if target.startswith("#") else "@"
        return f'<span class="mention">{sign}{_safe(name.lstrip("@#"))}</span>'
    if not target.startswith(SAFE):
        return _safe(f"<{inner}>")
    return f'<a href="{_safe(target)}" rel="noreferrer">{_emoji(_safe(label or target))}</a>'
