"""The data dictionary is what the schemas say."""

from pathlib import Path

from pipeline.schemas import PUBLISHED
from pipeline.schemas.dictionary import dictionary

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "data-dictionary.md"


def test_the_document_is_as_the_schemas_are() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == dictionary(), "Type: make dictionary"


def test_every_published_column_is_told() -> None:
    told = dictionary()
    for table in PUBLISHED:
        section = told.split(f"## `{table.name}`\n")[1].split("\n## ")[0]
        for name in table.published:
            assert f"| {name} |" in section or f"| **{name}** |" in section, f"{table.name}.{name}"
