"""The week's list in Slack: for owners who want it, once a week, without whom an experiment holds out."""

import json
from typing import Any

from tests.cli.desk import Desk


def _lists(desk: Desk) -> list[str]:
    return [
        message["text"]
        for channel in desk.services.store
        for message in channel.messages
        if "Who expands next" in message["text"]
    ]


def _listed(desk: Desk) -> Any:
    return json.loads(desk.types("ready", "--first", "0", "--json").out)["accounts"]


def test_an_owner_who_wants_it_is_told_once_a_week(worked: Desk) -> None:
    before = len(_lists(worked))
    assert worked.types("run", "--json").code == 0
    assert len(_lists(worked)) == before, "nobody asked for it"
    accounts = _listed(worked)
    owner = next(each["owner"] for each in accounts if each["owner"])
    mine = [each for each in accounts if each["owner"] == owner]
    path = worked.folder / "pipeline.toml"
    path.write_text(f'{path.read_text()}\n[readiness]\nslack = ["{owner}", "Nobody Here"]\n')
    assert worked.types("run", "--json").code == 0
    (told,) = _lists(worked)[before:]
    assert owner in told
    assert mine[0]["name"] in told
    others = [each["name"] for each in accounts if each["owner"] != owner]
    assert not any(f" {name} (" in told for name in others)
    assert worked.types("run", "--json").code == 0
    assert len(_lists(worked)) == before + 1
