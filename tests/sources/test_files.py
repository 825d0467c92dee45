"""A CRM's export: which columns are found, what a cell may hold, and what is said of a file that is wrong."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import load_config
from pipeline.errors import ConfigError, SourceError
from pipeline.sources import Drained, Page
from pipeline.sources.files import FilesSource
from pipeline.sources.files.values import Unreadable, amount, flag

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ACCOUNTS = "account_id,name,domain\nA1,Ada GmbH,ada.example\nA2,Bolt,bolt.example\n"


def written(folder: Path, told: str, *, keep_names: bool = True) -> FilesSource:
    """The source that `[crm.files]` in `pipeline.toml` describes."""
    path = folder / "pipeline.toml"
    path.write_text(f"[crm.files]\n{told}\n")
    return FilesSource(load_config(path).crm.files, keep_names=keep_names)


def pulled(source: FilesSource) -> list[Page | Drained]:
    return list(source.pull({}, lambda: NOW))


def records(source: FilesSource, stream: str = "account") -> list[dict[str, Any]]:
    return [
        orjson.loads(record.payload)
        for each in pulled(source)
        if isinstance(each, Page) and each.stream == stream
        for record in each.records
    ]


def aside(source: FilesSource) -> list[tuple[str, str]]:
    return [
        (each.id, each.reason)
        for page in pulled(source)
        if isinstance(page, Page)
        for each in page.rejected
    ]


def accounts(folder: Path, content: str | bytes, more: str = "") -> FilesSource:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "accounts.csv").write_bytes(data)
    return written(folder, f'accounts = "accounts.csv"\n{more}')


def deals(folder: Path, *rows: str, header: str = "deal_id,amount,created,closed") -> FilesSource:
    (folder / "deals.csv").write_text("\n".join([header, *rows]) + "\n")
    return written(folder, 'deals = "deals.csv"')


def test_our_own_names_need_no_map_and_the_path_is_beside_the_configuration(tmp_path: Path) -> None:
    source = accounts(tmp_path, ACCOUNTS)
    assert records(source) == [
        {"id": "A1", "name": "Ada GmbH", "domain": "ada.example"},
        {"id": "A2", "name": "Bolt", "domain": "bolt.example"},
    ]
    drained = [each for each in pulled(source) if isinstance(each, Drained)]
    assert [(each.stream, each.whole) for each in drained] == [("account", True)]


def test_only_columns_of_ours_are_kept(tmp_path: Path) -> None:
    source = accounts(
        tmp_path,
        "Id;Firma;Telefon\n7; Ada GmbH ;+49 30 1234\n8;;\n",
        'account_columns = { account_id = "Id", name = "Firma" }',
    )
    assert records(source) == [{"id": "7", "name": "Ada GmbH"}, {"id": "8"}]


@pytest.mark.parametrize(
    "content",
    [
        ACCOUNTS,
        "\ufeff" + ACCOUNTS,
        ACCOUNTS.replace(",", ";"),
        ACCOUNTS.replace(",", "\t"),
        "sep=;\n" + ACCOUNTS.replace(",", ";"),
        ACCOUNTS.replace("\n", "\r\n"),
        "\n" + ACCOUNTS + "\n,,\n\n",
        'account_id,"name",domain,,\nA1,"Ada GmbH",ada.example,,\nA2,Bolt,bolt.example\n',
        'account_id;"a, b, c, d"\nA1;x\nA2;y\n',
    ],
    ids=[
        "plain",
        "BOM",
        "semicolon",
        "tab",
        "excel",
        "windows",
        "blank-lines",
        "empty-columns",
        "commas-in-a-name",
    ],
)
def test_csv_as_programs_write_it(tmp_path: Path, content: str) -> None:
    assert [each["id"] for each in records(accounts(tmp_path, content))] == ["A1", "A2"]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "deal_id": [1.0, 2.0],
            "amount": [1.234, None],
            "created": [datetime(2026, 1, 2, 3, 4, tzinfo=UTC), None],
            "closed": [date(2026, 2, 1), None],
            "is_closed": [True, False],
            "is_won": [True, None],
            "type": ["a", "b"],
        }
    )
    frame.write_parquet(tmp_path / "deals.parquet")
    (tmp_path / "accounts.parquet").write_bytes(b"")
    pl.DataFrame({"account_id": [7], "emails": [["a@x.example", "b@x.example"]]}).write_parquet(
        tmp_path / "accounts.parquet"
    )
    source = written(tmp_path, 'deals = "deals.parquet"\naccounts = "accounts.parquet"')
    assert records(source, "deal") == [
        {
            "id": "1",
            "amount": "1.234",
            "created": "2026-01-02T03:04:00Z",
            "closed": "2026-02-01",
            "is_closed": "true",
            "is_won": "true",
            "type": "a",
        },
        {"id": "2", "is_closed": "false", "type": "b"},
    ]
    assert records(source) == [{"id": "7", "emails": "a@x.example;b@x.example"}]
    bare = written(
        tmp_path, 'deals = "deals.parquet"\naccounts = "accounts.parquet"', keep_names=False
    )
    assert records(bare) == [{"id": "7"}]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1234.5", "1234.5"),
        ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("1 234,50 €", "1234.5"),
        ("1\u202f234,50\u00a0€", "1234.5"),
        ("$1,234.50", "1234.5"),
        ("EUR 1.234,50", "1234.5"),
        ("1'234.50 CHF", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1234,5", "1234.5"),
        ("0,125", "0.125"),
        ("-12.30", "-12.3"),
        ("0", "0"),
        ("007.10", "7.1"),
    ],
)
def test_amounts(written: str, kept: str) -> None:
    assert amount(written) == kept


@pytest.mark.parametrize("written", ["1,234", "1.234", "-12,345", "€ 1,234"])
def test_an_amount_that_may_be_two_is_not_guessed(written: str) -> None:
    with pytest.raises(Unreadable, match="two ways"):
        amount(written)


@pytest.mark.parametrize("written", ["twelve", "1,23,456", "1.2.3", "12.5k", "", "1e5", "9" * 13])
def test_what_is_no_amount(written: str) -> None:
    with pytest.raises(Unreadable, match="amount"):
        amount(written)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_an_amount_is_the_same_however_it_is_written(number: Decimal) -> None:
    american = f"{number:,.2f}"
    swapped = american.translate(str.maketrans(",.", ".,"))
    spaced = swapped.replace(".", "\u00a0")
    kept = {
        Decimal(amount(text)) for text in (f"{number:f}", american, swapped, spaced, f"{spaced} €")
    }
    assert kept == {number}


def test_dates_and_what_is_none(tmp_path: Path) -> None:
    source = deals(
        tmp_path,
        "1,1.00,2026-03-01,2026-03-01 09:30:00",
        "2,1.00,2026-03-01T09:30:00+02:00,",
        "3,1.00,03/04/2026,",
        "4,1.00,,2026-02-30",
        "5,1.00,,20260201",
        "6,1.00,,2026-03-01T25:00",
        "7,1.00,31.03.2026,1.4.2026",
        "8,1.00,,31.04.2026",
    )
    assert [(each["created"], each.get("closed")) for each in records(source, "deal")] == [
        ("2026-03-01", "2026-03-01T09:30:00Z"),
        ("2026-03-01T07:30:00Z", None),
        ("2026-03-31", "2026-04-01"),
    ]
    assert aside(source) == [
        (str(number), f'deals.csv, line {number + 1}: column "{column}": no date; {advice}')
        for number, column in (
            (3, "created"),
            (4, "closed"),
            (5, "closed"),
            (6, "closed"),
            (8, "closed"),
        )
        for advice in ["write 2026-03-31 or 2026-03-31T09:30:00Z"]
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [("Ja", "true"), ("oui", "true"), ("YES", "true"), ("Nein", "false"), ("non", "false")],
)
def test_yes_and_no_as_people_write_them(written: str, kept: str) -> None:
    assert flag(written) == kept


def test_rows_that_are_set_aside_say_where_and_why(tmp_path: Path) -> None:
    source = deals(
        tmp_path,
        "1,10,false,,usd",
        ",10,false,,usd",
        "3,10,maybe,,usd",
        "4,10,yes,,usd",
        "5,10,YES,no,$",
        "6,10,1,0,EUR",
        "7,10",
        "8,10,1,0,EUR,secret",
        header="deal_id,amount,is_closed,is_won,currency",
    )
    assert [each["id"] for each in records(source, "deal")] == ["1", "6"]
    reasons = dict(aside(source))
    assert set(reasons) == {"", "3", "4", "5", "7", "8"}
    assert reasons[""] == 'deals.csv, line 3: nothing in the column "deal_id"'
    assert "line 4" in reasons["3"]
    assert "neither yes nor no" in reasons["3"]
    assert "is_won is empty" in reasons["4"]
    assert "code of three letters" in reasons["5"]
    assert "2 cells where the file has 5 columns" in reasons["7"]
    assert not any("secret" in each or "maybe" in each for each in reasons.values())


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (b"", "", ["accounts.csv is empty"]),
        (b"name\nAda\n", "", ['no column "account_id"', "crm.files.account_columns", "name"]),
        (
            b"account_id,Owner Name\n1,x\n",
            'account_columns = { owner = "Owner name" }',
            ['no column "Owner name"', "account_columns.owner", 'nearest is "Owner Name"'],
        ),
        (b"account_id,name,name\n1,a,b\n", "", ['the column "name" twice']),
        (b"account_id\n1\n2\n1\n", "", ["accounts.csv, line 4", "in line 2 already"]),
        (
            "account_id,name\n1,Käse\n".encode("cp1252"),
            "",
            ["accounts.csv, line 2: not encoded as UTF-8", "iconv -f cp1252", "CSV UTF-8"],
        ),
        ("account_id,name\n1,Käse\n".encode("utf-16"), "", ["UTF-16"]),
        (b'account_id,name\n1,"cut off', "", ["accounts.csv, line 2: no CSV"]),
        (b"PK\x03\x04rest", "", ["Excel workbook"]),
        (b"PAR1rest", "", ["cannot be read as Parquet"]),
        (b"account_id,name\n,Ada\n,Bolt\n", "", ["none of its rows can be used", "line 2"]),
    ],
    ids=[
        "empty",
        "no key",
        "a mapped column",
        "a column twice",
        "an id twice",
        "cp1252",
        "utf-16",
        "cut off",
        "excel",
        "no parquet",
        "no row",
    ],
)
def test_a_file_that_is_wrong_says_what_to_do(
    tmp_path: Path, content: bytes, more: str, words: Sequence[str]
) -> None:
    source = accounts(tmp_path, content, more)
    with pytest.raises(SourceError) as error:
        pulled(source)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert not any(name in str(error.value) for name in ("Ada", "Käse"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv cannot be read: No such file"):
        pulled(written(tmp_path, 'accounts = "nowhere.csv"'))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ('accounts = "a.csv"\naccount_columns = { ownr = "X" }', ["ownr", "write owner"]),
        ('deals = "d.csv"\ndeal_columns = { zzz = "X" }', ["zzz", "deal_id, account_id"]),
        ('account_columns = { name = "X" }', ["account_columns needs a file"]),
        ('account = "a.csv"', ["no such key", "write accounts"]),
    ],
)
def test_a_map_that_is_wrong_names_the_line(
    tmp_path: Path, told: str, words: Sequence[str]
) -> None:
    with pytest.raises(ConfigError, match=r"pipeline\.toml, line \d") as error:
        written(tmp_path, told)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_many_rows_come_in_pages(tmp_path: Path) -> None:
    source = accounts(tmp_path, "account_id\n" + "".join(f"{n}\n" for n in range(2500)))
    pages = [each for each in pulled(source) if isinstance(each, Page)]
    assert [page.listed for page in pages] == [1000, 1000, 500]


def test_without_names_nothing_that_names_an_account_is_kept(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text(
        "account_id,name,domain,additional_domains,emails,industry\n"
        "A1,Ada GmbH,ada.example,ada.test,a@ada.example,Media\n"
    )
    source = written(tmp_path, 'accounts = "accounts.csv"', keep_names=False)
    assert records(source) == [{"id": "A1", "industry": "Media"}]


def test_a_file_without_a_header_is_not_quoted(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="write the names of the columns") as raised:
        pulled(accounts(tmp_path, "A1,Ada Lovelace,ada@ada.example\n"))
    assert "Ada" not in str(raised.value)
