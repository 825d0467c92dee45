"""Customers, companies and owners who chose their names to do harm: everywhere they are a name and nothing else."""

import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson
import polars as pl
import pytest
from starlette.responses import Response

from pipeline.database.engine import engine
from pipeline.publish import published
from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call, Conditions
from tests.cli.changed import everything
from tests.cli.desk import CONFIG, Desk

NAMES = (
    "Robert'); DROP TABLE expansion_metrics;--",
    "\"; delete from account where '1'='1",
    "<!channel> <@U012AB3CD> <https://harm.example|click>",
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    "[bold red]x[/bold red] [/nonsense]",
    "\x1b[2J\x1b]0;owned\x07Acme",
    "Ac\x00me",
    "\u202egro.elpmaxe\u202c",
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }} ${7*7} %(x)s %s {0} \\N",
    "*bold* `code` ~struck~ &amp;",
    "one\nPAID\r\n> two\ttabbed\u2028three",
)
CONTROLS = [chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)]


class Hostile(Conditions):
    """Every customer of Stripe's, and every company and owner of HubSpot's, has one of the names."""

    async def around(self, call: Call, answer: Callable[[], Response]) -> Response:
        response = answer()
        if response.status_code != 200 or call.service not in {"stripe", "hubspot"}:
            return response
        content = orjson.loads(bytes(response.body))
        if call.service == "stripe":
            for each in everything(content):
                if each["object"] == "customer":
                    each["name"] = _name(each["id"])
        else:
            for each in content.get("results", []):
                if "name" in each.get("properties", {}):
                    each["properties"]["name"] = _name(each["id"])
                if "firstName" in each:
                    each["firstName"], each["lastName"] = _name(each["id"]), ""
        return Response(orjson.dumps(content), media_type="application/json")


def _name(key: str) -> str:
    return NAMES[zlib.crc32(key.encode()) % len(NAMES)]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_name_is_a_name_and_nothing_else(
    kind: str,
    desk: Desk,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (desk.folder / "pipeline.toml").write_text(CONFIG)
    with SandboxServer(desk.services.company, conditions=Hostile()) as services:
        here = Desk(desk.folder, services, monkeypatch, capfd)
        if kind == "postgresql":
            here.environment["WAREHOUSE_URL"] = request.getfixturevalue("postgres_url")
            assert here.types("db", "upgrade").code == 0
        said = [here.types("run"), here.types("doctor"), here.types("report")]
        assert [each.code for each in said] == [0, 0, 0], said

        accounts = _accounts(here)
        names = set(accounts.get_column("name").drop_nulls())
        assert names == {_plain(name) for name in names}
        assert len(names & {_plain(name) for name in NAMES}) > 4, names
        for name in sorted(names & {_plain(name) for name in NAMES})[:3]:
            (account, *_) = accounts.filter(pl.col("name") == name).get_column("account_id")
            explained = here.types("explain", "--account", account, "--month", "2026-10")
            assert explained.code == 2 or explained.out.startswith(name), explained
            said.append(explained)
        exported = here.types("export", "account")
        csv = pl.read_csv(io.StringIO(exported.out), infer_schema=False)
        assert set(csv.get_column("name").drop_nulls()) == set(
            accounts.get_column("name").drop_nulls()
        )
        _nothing_happened(here)
        for each in said:
            assert not any(control in each.out + each.err for control in CONTROLS), each
        _slack(here)
        _pages(here.folder / "data/report")


def _plain(name: str) -> str:
    """The name on one line, as a person may read it anywhere."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", name)


def _accounts(desk: Desk) -> pl.DataFrame:
    source = engine(desk.settings.warehouse_url)
    try:
        return published(source, "account")
    finally:
        source.dispose()


def _nothing_happened(desk: Desk) -> None:
    source = engine(desk.settings.warehouse_url)
    try:
        assert published(source, "expansion_metrics").height > 0
        assert published(source, "account").height > 10
    finally:
        source.dispose()


def _slack(desk: Desk) -> None:
    messages = [message for channel in desk.services.store for message in channel.messages]
    assert messages
    text = orjson.dumps(messages, default=str).decode()
    for harm in ("<!channel>", "<@U012AB3CD>", "<https://harm.example", "`code`"):
        assert harm not in text


def _pages(folder: Path) -> None:
    pages = [path.read_text() for path in folder.glob("*.html")]
    assert len(pages) > 3
    whole = "".join(pages)
    assert "<script>document.title" not in whole
    assert "<img src=x" not in whole
