"""Files of the simulated Slack: an address to upload to, the bytes, and the message that shares them.

Belongs here: the external upload's three steps. A file that nobody shared is in no channel.
"""

import base64
import zlib
from typing import Any

from pipeline.sandbox.web.slack_store import Channel, SlackStore
from pipeline.sandbox.web.world import Json

KINDS = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif"}


class Uploads:
    """Uploads of one workspace.

    Args:
        store: where files and messages are kept.
    """

    def __init__(self, store: SlackStore) -> None:
        self._store = store

    def begin(self, given: Json, base: str) -> Json | None:
        """An address for one file; None where its name or length is missing."""
        name, length = str(given.get("filename") or ""), _number(given.get("length"))
        if not name or not length:
            return None
        number = zlib.crc32(f"{name} {len(self._store.files)}".encode())
        file = {
            "id": f"F0S{number:010d}",
            "name": name,
            "title": name,
            "mimetype": KINDS.get(name.rpartition(".")[2], "application/octet-stream"),
            "size": length,
            "alt_txt": str(given.get("alt_txt") or ""),
            "content": None,
        }
        self._store.keep_file(file)
        return {"upload_url": f"{base}/upload/{file['id']}", "file_id": file["id"]}

    def put(self, file_id: str, content: bytes) -> str | None:
        """Keep the bytes; what is wrong with them, or None."""
        file = self._store.files.get(file_id)
        if file is None:
            return "file_not_found"
        if len(content) != file["size"]:
            return "length_mismatch"
        self._store.keep_file({**file, "content": base64.b64encode(content).decode()})
        return None

    def share(self, channel: Channel, files: list[Json], thread_ts: str | None) -> list[Json]:
        """Post one message with the files; every one of them was uploaded."""
        shared = []
        for each in files:
            file = {**self._store.files[each["id"]], "title": each.get("title") or each["id"]}
            self._store.keep_file(file)
            shared.append(without_content(file))
        content: dict[str, Any] = {"text": "", "files": shared}
        if thread_ts:
            content["thread_ts"] = thread_ts
        self._store.post(channel, content)
        return shared

    def uploaded(self, file_id: object) -> bool:
        """Whether the bytes are there."""
        file = self._store.files.get(str(file_id))
        return file is not None and file["content"] is not None


def without_content(file: Json) -> Json:
    """A file as messages name it."""
    return {name: value for name, value in file.items() if name != "content"}


def _number(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isdigit() else 0
