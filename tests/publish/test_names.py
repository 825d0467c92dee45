"""What people read for the tables' words: docs/report.md says which value each label stands for."""

import re

from pipeline.publish.names import ATTRIBUTIONS, TYPES
from tests.conftest import ROOT


def test_the_page_has_every_label_with_its_value() -> None:
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    part = page.split("## Labels and values")[1].split("\n## ")[0]
    told = {value: label for label, value in re.findall(r"([\w -]+?) \| `(\w+)`", part)}
    assert {value: label.strip() for value, label in told.items()} == {**TYPES, **ATTRIBUTIONS}
