"""The CRM's export as files: whether they can be read, and how many rows can be used.

Belongs here: one look, which reads them as a sync would.
"""

from collections import Counter
from collections.abc import Iterator

from pipeline.cli.doctor.finding import Found, tried
from pipeline.settings import Settings

WHAT = "CRM files"


def looked_at(settings: Settings) -> Iterator[Found]:
    """What the files of `[crm.files]` hold; nothing where none are named."""
    files = settings.config.crm.files
    if files.accounts or files.deals:
        yield tried(WHAT, lambda: _read(settings))


def _read(settings: Settings) -> Found:
    from pipeline.sources import FilesSource, Page

    used: Counter[str] = Counter()
    aside = 0
    first = ""
    for each in FilesSource(settings.config.crm.files).pull({}, settings.now):
        if isinstance(each, Page):
            used[each.stream] += len(each.records)
            aside += len(each.rejected)
            first = first or next((rejected.reason for rejected in each.rejected), "")
    told = ", ".join(f"{count:,} {stream}s" for stream, count in used.items())
    if not aside:
        return Found(WHAT, "ok", told)
    return Found(WHAT, "note", f"{told}; {aside:,} rows cannot be used, the first: {first}")
