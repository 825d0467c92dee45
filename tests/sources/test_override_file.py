"""The override file: what may stand in it, and what is said of what may not."""

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.sources.override_file import read_overrides

HEAD = "stripe_customer_id,crm_account_id,reason\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "links.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_links_and_what_is_never_linked(tmp_path: Path) -> None:
    text = "\ufeff" + HEAD + 'cus_1, hubspot:7 ,"they moved, in May"\n\ncus_2,IGNORE,\n'
    found = read_overrides(written(tmp_path, text))
    assert found.rows() == [("cus_1", "hubspot:7"), ("cus_2", None)]


def test_without_a_file_nothing_is_stated() -> None:
    assert read_overrides(None).is_empty()


def test_a_reason_may_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "crm_account_id,stripe_customer_id\nfile:a,cus_1\n")
    assert read_overrides(path).rows() == [("cus_1", "file:a")]


def test_semicolons_separate_as_well(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD.replace(",", ";") + "cus_1;hubspot:7;moved, in May\n")
    assert read_overrides(path).rows() == [("cus_1", "hubspot:7")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "cus_1,hubspot:7,\ncus_2,,\n", "line 3: crm_account_id is empty"),
        (HEAD + ",hubspot:7,\n", "line 2: stripe_customer_id is empty"),
        (HEAD + "cus_1,hubspot:7,\ncus_1,hubspot:7,\n", "line 3: cus_1 stands in line 2 already"),
        ("customer,account\ncus_1,hubspot:7\n", "no column stripe_customer_id, crm_account_id"),
        ("", "has no column"),
        (HEAD + "cus_1,hubspot:7,they moved, in May\n", "line 2: 4 cells where the file has 3"),
        ("crm_account_id," + HEAD, "has the column crm_account_id twice"),
        (HEAD + 'cus_1,hubspot:7,"not closed\ncus_2,ignore,\n', "line 3: no CSV"),
        (HEAD.encode() + b"cus_1,hubspot:7,caf\xe9\n", "line 2: not encoded as UTF-8"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        read_overrides(path)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"links\.csv cannot be read: .* Check crm\.override"):
        read_overrides(tmp_path / "links.csv")
