"""The commands of docs/production.md, as a person pastes them."""

import re

from tests.setup.dockerfile import ROOT

DOCS = (ROOT / "docs/production.md").read_text()


def blocks(heading: str) -> list[str]:
    """Each block of commands under a heading, in order."""
    (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", DOCS, re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    return [re.sub(r"^    ", "", each, flags=re.MULTILINE) for each in found]
