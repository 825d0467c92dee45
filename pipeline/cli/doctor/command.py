"""The command: what is looked at, in which order, and how it is printed.

Belongs here: order, print and exit code. Does not belong here: any look.
"""

import json as json_module
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from textwrap import TextWrapper

import click
from rich.console import Console
from rich.text import Text

from pipeline.cli import here, terminal
from pipeline.cli.doctor import figures, files, place, services
from pipeline.cli.doctor.finding import Found
from pipeline.settings import Settings

MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "fail": ("✗", "red")}
WIDTH = 15
"""Of the names of what is looked at."""

Look = Callable[[], Iterator[Found]]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Look whether keys, permissions, clock, folders, warehouse and schedule are right."""
    settings = Settings.load()
    here.refuse_demo(settings)
    console = terminal.out()
    # A person sees that something goes on; what is piped is only the findings.
    waiting = Console(stderr=True)
    found: list[tuple[str, Found]] = []
    for part, look in _parts(settings, found):
        with waiting.status(f"Looking at {part}"):
            seen = list(look())
        if not as_json and seen:
            _print(console, part, seen)
        found += [(part, each) for each in seen]
    verdicts = Counter(each.verdict for _, each in found)
    if as_json:
        click.echo(json_module.dumps([{"part": part, **asdict(each)} for part, each in found]))
    else:
        console.print(_summary(verdicts["fail"], verdicts["note"]))
    if verdicts["fail"]:
        sys.exit(1)


def _parts(settings: Settings, found: list[tuple[str, Found]]) -> Iterator[tuple[str, Look]]:
    """The name of each part and the look at it; `found` holds what was found by then."""
    yield "This machine", lambda: place.looked_at(settings)
    yield "Files", lambda: files.looked_at(settings)
    # Stripe's SDK takes half a second to load, which only this command should.
    from pipeline.cli.doctor import stripe

    readable = place.readable([each for _, each in found])
    yield from stripe.parts(settings, readable=readable)
    yield "Other services", lambda: services.looked_at(settings)
    yield "Figures", lambda: figures.looked_at(settings, readable=readable)


def _print(console: Console, part: str, found: list[Found]) -> None:
    console.print(Text(part, "bold"))
    width = min(terminal.WIDTH, Console().width) if console.is_terminal else terminal.WIDTH
    indent = " " * (WIDTH + 3)
    for each in found:
        mark, colour = MARKS[each.verdict]
        for number, line in enumerate(_lines(each.said, width - len(indent))):
            name = (
                Text.assemble((mark, colour), f" {each.what:<{WIDTH}} ")
                if not number
                else Text(indent)
            )
            console.print(name + Text(line), soft_wrap=True)
    console.print()


def _lines(said: str, width: int) -> list[str]:
    """The lines of a text; paths and addresses stay whole."""
    wrapper = TextWrapper(max(width, WIDTH), break_long_words=False, break_on_hyphens=False)
    return [line for each in said.splitlines() for line in wrapper.wrap(each)]


def _summary(wrong: int, notes: int) -> str:
    noted = f"{notes} {'note' if notes == 1 else 'notes'} (!)"
    if wrong:
        return f"{wrong} to put right (✗), {noted}. Then type again: expansion doctor"
    return f"Nothing stands in the way of a run{f'; {noted}' if notes else ''}."
