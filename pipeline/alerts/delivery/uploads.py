"""A chart on its way into a thread: three calls, of which only the last shows it to people.

Belongs here: Slack's external upload. A file that was uploaded and not shared is seen by nobody and goes by itself.
"""

import urllib.request
from typing import Any
from urllib.error import HTTPError

from slack_sdk import WebClient

from pipeline.alerts.delivery.letters import Chart, Place


def upload(client: WebClient, thread: Place, chart: Chart, timeout: float) -> Any:
    """Upload the chart with its text for those who do not see it, and share it in the thread.

    Raises:
        SlackApiError: Slack refuses one of the calls.
        OSError: the connection broke, or the address to upload to is not safe.
    """
    asked = client.files_getUploadURLExternal(
        filename=chart.name, length=len(chart.png), alt_txt=chart.alt
    )
    address = str(asked["upload_url"])
    if not address.startswith(("https://", client.base_url.removesuffix("api/"))):
        raise ConnectionRefusedError(0, "Slack names an address to upload to that is not safe")
    _put(address, chart.png, timeout)
    return client.files_completeUploadExternal(
        files=[{"id": str(asked["file_id"]), "title": chart.title}],
        channel_id=thread.channel,
        thread_ts=thread.ts,
    )


def _put(address: str, content: bytes, timeout: float) -> None:
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        address, content, {"Content-Type": "application/octet-stream"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout):  # noqa: S310 - the scheme is checked
            return
    except HTTPError as error:
        error.close()
        raise ConnectionError(0, f"HTTP {error.code} while uploading") from None
