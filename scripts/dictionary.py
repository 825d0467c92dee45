"""Writes docs/data-dictionary.md from the schemas. Usage: dictionary.py, without arguments."""

from pathlib import Path

from pipeline.schemas.dictionary import dictionary

TARGET = Path(__file__).resolve().parent.parent / "docs" / "data-dictionary.md"

TARGET.write_text(dictionary(), encoding="utf-8")
print(f"{TARGET.name} is as the schemas are.")
