"""The workspace as a page: channels, messages with their blocks, threads, as a person sees them.

Belongs here: HTML made from stored messages; the page needs nothing else, no script and no network.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from pipeline.sandbox.web import slack_mrkdwn as mrkdwn
from pipeline.sandbox.web.slack_store import BOT_NAME, Channel, SlackStore
from pipeline.sandbox.web.world import Json

Show = Callable[[Json], str]


def page(team: str, store: SlackStore) -> str:
    """The whole page; channels with messages come first."""
    room = files("pipeline.sandbox.web")
    template = Template(room.joinpath("slack_page.html").read_text("utf-8"))
    channels = sorted(store, key=lambda channel: not channel.messages)
    return template.substitute(
        title=escape(f"{team} · simulated Slack"),
        team=escape(team),
        css=room.joinpath("slack.css").read_text("utf-8"),
        channels="\n".join(_entry(channel) for channel in channels),
        sections="\n".join(_channel(channel, store.files) for channel in channels),
    )


def _entry(channel: Channel) -> str:
    count = f"<b>{len(channel.messages)}</b>" if channel.messages else ""
    return f'<a href="#{channel.id}"><span># {escape(channel.name)}</span>{count}</a>'


def _channel(channel: Channel, files: Mapping[str, Json]) -> str:
    parts = []
    day = ""
    for message in channel.top():
        today = f"{_at(message['ts']):%A, %-d %B %Y}"
        if today != day:
            parts.append(f'<div class="day"><span>{today}</span></div>')
            day = today
        parts.append(_message(message, channel.thread(message["ts"]), files, channel))
    count = len(channel.messages)
    said = f"{count} message{'' if count == 1 else 's'}" if count else ""
    note = "archived" if channel.archived else said
    inside = "\n".join(parts) or '<div class="empty">No messages yet.</div>'
    name = escape(channel.name)
    return (
        f'<section class="channel" id="{channel.id}">'
        f"<h2># {name}<small>{note}</small></h2>\n{inside}\n</section>"
    )


def _message(
    message: Json, replies: list[Json], files: Mapping[str, Json], channel: Channel | None = None
) -> str:
    """One message; `channel` is given for those outside threads."""
    at = _at(message["ts"])
    edited = ' <span class="edited">(edited)</span>' if "edited" in message else ""
    thread = ""
    if replies:
        inside = "\n".join(_message(each, [], files) for each in replies)
        word = "reply" if len(replies) == 1 else "replies"
        thread = (
            f'<div class="replies">{len(replies)} {word}</div>\n<div class="thread">{inside}</div>'
        )
    return (
        f'<article class="message" id="{_id(message["ts"], "p" if channel else "r")}">'
        f'<div class="avatar" aria-hidden="true">{BOT_NAME[0]}</div><div class="body">'
        f'<div class="who"><b>{BOT_NAME}</b><span class="app">APP</span>'
        f'<time datetime="{at.isoformat()}">{at:%H:%M} UTC</time></div>'
        f"{_answers(message, channel)}{_content(message, files)}{edited}{thread}</div></article>"
    )


def _id(ts: str, letter: str) -> str:
    return f"{letter}{ts.replace('.', '')}"


def _answers(message: Json, channel: Channel | None) -> str:
    """What a reply that was also sent to the channel answers; in its thread, that it was."""
    if message.get("subtype") != "thread_broadcast":
        return ""
    if channel is None:
        return '<div class="broadcast">also sent to the channel</div>'
    parent = channel.find(message["thread_ts"]) or {}
    said = escape(str(parent.get("text", "")).split("\n")[0][:80])
    link = _id(message["thread_ts"], "p")
    return f'<div class="broadcast">replied to a thread: <a href="#{link}">{said}</a></div>'


def _content(message: Json, files: Mapping[str, Json]) -> str:
    """The blocks; without blocks the text; and the files."""
    shown = "".join(_file(files.get(each["id"], each)) for each in message.get("files", []))
    blocks = message.get("blocks")
    if blocks:
        return "".join(BLOCKS.get(block["type"], _unknown)(block) for block in blocks) + shown
    text = mrkdwn.html(message.get("text", ""))
    return (f'<div class="section">{text}</div>' if text or not shown else "") + shown


def _file(file: Json) -> str:
    """A picture is shown with its text for those who do not see it; another file is named."""
    title = escape(str(file.get("title") or file.get("name")))
    if not str(file.get("mimetype", "")).startswith("image/") or not file.get("content"):
        return f'<div class="context">[{title}]</div>'
    source = f"data:{file['mimetype']};base64,{file['content']}"
    alt = escape(str(file.get("alt_txt", "")))
    return f'<figure><figcaption>{title}</figcaption><img src="{source}" alt="{alt}"></figure>'


def _text(value: Json) -> str:
    if value.get("type") == "plain_text":
        return mrkdwn.plain(value["text"])
    return mrkdwn.html(value["text"])


def _header(block: Json) -> str:
    return f'<div class="header" role="heading" aria-level="3">{_text(block["text"])}</div>'


def _section(block: Json) -> str:
    parts = []
    if "text" in block:
        parts.append(f'<div class="section">{_text(block["text"])}</div>')
    if block.get("fields"):
        fields = "".join(f"<div>{_text(each)}</div>" for each in block["fields"])
        parts.append(f'<div class="fields">{fields}</div>')
    if "accessory" in block:
        parts.append(f'<div class="actions">{_element(block["accessory"])}</div>')
    return "".join(parts)


def _context(block: Json) -> str:
    return f'<div class="context">{"".join(_element(each) for each in block["elements"])}</div>'


def _actions(block: Json) -> str:
    return f'<div class="actions">{"".join(_element(each) for each in block["elements"])}</div>'


def _element(element: Json) -> str:
    kind = element.get("type")
    if kind == "image":
        return _picture(element)
    if kind == "button":
        style = element.get("style", "")
        css = f"button {style}" if style in {"primary", "danger"} else "button"
        url = str(element.get("url", ""))
        link = f' href="{escape(url)}" rel="noreferrer"' if url.startswith(mrkdwn.SAFE) else ""
        return f'<a class="{css}"{link}>{_text(element["text"])}</a>'
    if kind in {"mrkdwn", "plain_text"}:
        return f"<span>{_text(element)}</span>"
    return _unknown(element)


def _image(block: Json) -> str:
    title = f"<figcaption>{_text(block['title'])}</figcaption>" if "title" in block else ""
    return f"<figure>{title}{_picture(block)}</figure>"


def _picture(element: Json) -> str:
    source, alt = escape(str(element.get("image_url", ""))), escape(str(element["alt_text"]))
    return f'<img src="{source}" alt="{alt}">'


def _markdown(block: Json) -> str:
    return f'<div class="section">{mrkdwn.html(block["text"])}</div>'


def _unknown(block: Json) -> str:
    return f'<div class="context">[{escape(str(block.get("type")))}]</div>'


BLOCKS: Mapping[str, Show] = {
    "actions": _actions,
    "context": _context,
    "divider": lambda block: "<hr>",
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "section": _section,
}


def _at(ts: Any) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC)
