"""Singer's tap: `python -m bench.rivals.tap URL`. Its messages go to a file, in which records are counted.

The tap's own `main` runs. Its windows are widened until pages are full: with its 30 days it would ask more often.
"""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tap_stripe
from singer import metadata
from stripe.http_client import RequestsClient

from bench.rivals.reading import KEY, measured

STRIPE = "https://api.stripe.com"
CONFIG = {
    "account_id": "acct_bench",
    "client_secret": KEY,
    "start_date": "2022-12-01T00:00:00Z",
    "date_window_size": 3650,
    "event_date_window_size": 30,
}


def read(url: str) -> int:
    """Every subscription, and events about them, of which there are none."""
    _send_to(url)
    catalog = tap_stripe.discover()
    for stream in catalog["streams"]:
        known = metadata.to_map(stream["metadata"])
        chosen = stream["tap_stream_id"] == "subscriptions"
        stream["metadata"] = metadata.to_list(metadata.write(known, (), "selected", chosen))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(json.dumps(CONFIG))
        (folder / "catalog.json").write_text(json.dumps(catalog))
        sys.argv = [
            "tap-stripe",
            *("--config", str(folder / "config.json")),
            *("--catalog", str(folder / "catalog.json")),
        ]
        messages = folder / "messages.jsonl"
        with messages.open("w") as file, redirect_stdout(file):
            tap_stripe.main()
        with messages.open() as lines:
            return sum(line.startswith('{"type": "RECORD"') for line in lines)


def _send_to(url: str) -> None:
    """Send requests to `url`; the tap reads the stream's name from Stripe's own address, so that stays as it is."""
    ask = RequestsClient.request

    def request(self: RequestsClient, method: str, address: str, *rest: Any, **named: Any) -> Any:
        return ask(self, method, address.replace(STRIPE, url, 1), *rest, **named)

    RequestsClient.request = request


if __name__ == "__main__":
    measured("tap-stripe", read)
