"""A search of everything written: no secret, and nothing that the allow-list drops, wherever the command has worked."""

import json
from pathlib import Path

import pytest
from starlette.responses import Response

from pipeline.sandbox.server import SandboxServer
from pipeline.sandbox.web.world import Call
from tests.cli.changed import Changed, Json
from tests.cli.desk import CONFIG, Desk, Said
from tests.cli.written import ascii_of, found, written

SECRETS = {
    "STRIPE_API_KEY": "rk_live_51PlantedStripeKey",
    "HUBSPOT_SERVICE_KEY": "pat-na1-planted-hubspot-key",
    "SLACK_BOT_TOKEN": "xoxb-planted-slack-token",
}
PERSONAL = {
    "name": "Ann Plantedname",
    "email": "ann.planted@private.example",
    "phone": "+1 555 0100 777",
    "description": "planted description, päpstlich",
    "street": "77 Planted Street",
    "postal": "PLZ 99977",
    "card": "4242-planted-4242",
    "footer": "planted footer",
    "tax_id": "DE999999977",
    "unheard": "planted in a field of tomorrow",
}
CONTROL = "planted where it is kept"
ADDRESS = {"line1": PERSONAL["street"], "postal_code": PERSONAL["postal"], "country": "DE"}


class Planted(Changed):
    """Stripe's objects are full of personal values; while `refusing`, nobody may read them."""

    def __init__(self) -> None:
        super().__init__(_plant)
        self.refusing = False

    async def around(self, call: Call, answer: object) -> Response:
        if self.refusing and call.service == "stripe":
            told = {"error": {"message": f"Invalid API Key provided: {call.key}", "type": "x"}}
            return Response(json.dumps(told), status_code=401)
        return await super().around(call, answer)  # type: ignore[arg-type]


def _plant(each: Json) -> None:
    kind = each["object"]
    each["unheard_of"] = {"inner": PERSONAL["unheard"]}
    if kind in {"event", "discount", "coupon", "price", "plan"}:
        return
    each["description"] = PERSONAL["description"]
    each["default_payment_method"] = {"id": "pm_1", "card": {"last4": PERSONAL["card"]}}
    each["shipping"] = {"address": ADDRESS, "name": PERSONAL["name"], "phone": PERSONAL["phone"]}
    if kind == "customer":
        each |= {name: PERSONAL[name] for name in ("name", "email", "phone")}
        each["address"] = ADDRESS
        each["metadata"] = {"kept": CONTROL}
        each["invoice_settings"] = {"footer": PERSONAL["footer"]}
    elif kind == "invoice":
        each |= {f"customer_{name}": PERSONAL[name] for name in ("name", "email", "phone")}
        each["customer_address"] = ADDRESS
        each["customer_tax_ids"] = [{"type": "eu_vat", "value": PERSONAL["tax_id"]}]
        each["footer"] = PERSONAL["footer"]
    elif kind == "subscription":
        each["cancellation_details"] = {"comment": PERSONAL["description"], "reason": None}


def _worked(desk: Desk) -> list[Said]:
    """Everything that a person types in the first days."""
    typed = [
        ("doctor",),
        ("sync",),
        ("run",),
        ("run", "--json"),
        ("sync", "--full"),
        ("backfill", "--from", "2026-09", "--to", "2026-10"),
        ("db", "restore"),
    ]
    return [desk.types(*words) for words in typed]


def _hits(folder: Path, said: list[Said], desk: Desk, words: list[str]) -> list[str]:
    messages = json.dumps([channel.messages for channel in desk.services.store])
    spoken = [f"{each.out}\n{each.err}" for each in said]
    told = [word for word in words for text in (messages, *spoken) if word in text]
    told += [word for word in words if ascii_of(word).decode() in messages]
    return [*found(folder, words), *told]


def test_no_secret_and_nothing_dropped_is_anywhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (desk.folder / "pipeline.toml").write_text(f"{CONFIG}keep_names = false\n")
    planted = Planted()
    keys = {
        "key": SECRETS["STRIPE_API_KEY"],
        "hubspot_key": SECRETS["HUBSPOT_SERVICE_KEY"],
        "slack_token": SECRETS["SLACK_BOT_TOKEN"],
    }
    with SandboxServer(desk.services.company, conditions=planted, **keys) as services:
        assert SECRETS.items() <= dict(services.environment()).items()
        here = Desk(desk.folder, services, monkeypatch, capfd)
        said = _worked(here)
        assert [each.code for each in said] == [0] * len(said), said
        assert here.messages, "an alert was sent"
        planted.refusing = True
        refused = here.types("run")
        assert refused.code == 3
        here.environment["SLACK_BOT_TOKEN"] = f"{SECRETS['SLACK_BOT_TOKEN']}-wrong"
        said += [refused, here.types("doctor")]
        words = [*SECRETS.values(), *PERSONAL.values()]
        assert _hits(here.folder, said, here, words) == []
        kept = found(here.folder, [CONTROL])
        looked_at = {path.suffix for path, _ in written(here.folder)}
    assert any("raw_record" in hit for hit in kept), "the search finds what is there"
    assert looked_at >= {".parquet", ".db", ".json"}


def test_with_names_only_names_and_emails_are_kept_and_dagster_knows_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with SandboxServer(desk.services.company, conditions=Planted()) as services:
        here = Desk(desk.folder, services, monkeypatch, capfd)
        del here.environment["HUBSPOT_SERVICE_KEY"]
        assert here.types("run").code == 0
        names = {PERSONAL["name"], PERSONAL["email"]}
        hits = found(here.folder, PERSONAL.values())
        assert {hit.rpartition(": ")[2] for hit in hits} == names
        assert found(here.settings.dagster_home, PERSONAL.values()) == []
