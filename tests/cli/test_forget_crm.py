"""A person is forgotten in every CRM: contacts too, and a link that their e-mail had made stays."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import schemas
from pipeline.assets.place import Place
from pipeline.sandbox.company import CRM_TURNS, FEATURES, Company
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import CONFIG, NOW, Desk

RULES = '[crm]\norder = ["salesforce", "hubspot"]\nstripe_id_fields = []\nmetadata_keys = []\n'


def _read(desk: Desk, table: schemas.Table) -> pl.DataFrame:
    place = Place(desk.settings)
    try:
        return place.lake.scan(table).collect()
    finally:
        place.close()


def _contacts_with(desk: Desk, email: str) -> set[str]:
    """The CRMs that have a contact with the address."""
    raw = _read(desk, schemas.RAW_RECORD).filter(pl.col("stream") == "contact")
    held = pl.col("payload").str.to_lowercase().str.contains(email.strip().lower(), literal=True)
    return set(raw.filter(held)["source"])


def test_contacts_of_every_crm_lose_the_address_and_the_link_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    company = Company(seed=3, customers=25, months=6, end=NOW, features=FEATURES | CRM_TURNS)
    company.advance(NOW)
    (tmp_path / "pipeline.toml").write_text(f"{CONFIG}\n{RULES}")
    with SandboxServer(company, crm="both") as services:
        desk = Desk(tmp_path, services, monkeypatch, capfd)
        assert desk.types("run").code == 0
        links = _read(desk, schemas.ACCOUNT_LINK)
        customers = _read(desk, schemas.CUSTOMER).filter(pl.len().over("email") == 1)
        found = links.filter(method="email", status="matched").join(customers, on="customer_id")
        person = found.sort("customer_id").row(0, named=True)
        assert person["account_id"].startswith("salesforce:")
        assert _contacts_with(desk, person["email"]) == {"salesforce", "hubspot"}
        assert desk.types("forget", person["customer_id"], "--yes").code == 0
        assert _contacts_with(desk, person["email"]) == set()
        desk.environment["PIPELINE_NOW"] = (NOW + timedelta(hours=1)).isoformat()
        assert desk.types("run").code == 0
        assert _contacts_with(desk, person["email"]) == set(), "nobody comes back"
        assert_frame_equal(_read(desk, schemas.ACCOUNT_LINK), links)
        assert _read(desk, schemas.ACCOUNT_LINK_CHANGE).is_empty()
