"""What draws the charts in the browser: Vega, Vega-Lite and Vega-Embed as one script, put together once a version.

Belongs here: making it, and keeping it beside the pages. Does not belong here: the pages.
"""

import os
from importlib.metadata import version
from pathlib import Path

KEPT = ".vega-{}.js"
PRIVATE = 0o600


def script(folder: Path) -> str:
    """The script for the pages of `folder`. Putting it together takes a second, so it is kept there."""
    kept = folder / KEPT.format(version("vl-convert-python"))
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    made = _made()
    for old in folder.glob(KEPT.format("*")):
        old.unlink(missing_ok=True)
    part = folder / f"{kept.name}.part"
    with open(part, "w", encoding="utf-8", opener=_private) as file:
        file.write(made)
    part.replace(kept)
    return made


def _made() -> str:
    import vl_convert  # noqa: PLC0415 - needed where it was not kept yet

    # Its stub wants an argument that it does not need.
    whole: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return whole.replace("</script", "<\\/script")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)
