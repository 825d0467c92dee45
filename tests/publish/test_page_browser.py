"""The report in a real Chromium without a network: it draws, it drills down, it fits a phone, it prints."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from pipeline.database import table_of
from pipeline.publish.page import Given, Threshold, write_report
from pipeline.schemas import ACCOUNT, EXPANSION_METRICS
from tests.conftest import ROOT, Browser
from tests.publish.company import LAST, MONTHS, published_company
from tests.publish.tab import DESK, PHONE, Tab, tab
from tests.publish.test_page_ready import fill

pytestmark = pytest.mark.browser
SCREENSHOTS = ROOT / ".cache" / "screenshots"
GIVEN = Given(
    company="Simulated company",
    thresholds=(Threshold("expansion-floor", 0.02),),
    target=0.04,
    proofs=lambda _month, items: dict.fromkeys(items, ("evt_1",)),
)
EMPTY = (
    "[...document.querySelectorAll('.chart')].filter(it => !it.querySelector('svg path, svg text'))"
)

PALE = """
(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).slice(0, 3).map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (it) => {
    for (let at = it; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const it of document.querySelectorAll("body *")) {
    const words = [...it.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (!words || !it.checkVisibility() || ["SCRIPT", "STYLE"].includes(it.tagName)) continue;
    const style = getComputedStyle(it);
    const ink = light(it.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const paper = light(ground(it));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < 4.5) found.push([it.tagName, it.className.baseVal ?? it.className, it.textContent, ratio]);
  }
  return found;
})()
"""
"""Words whose contrast with what is behind them is under 4.5 to 1."""
BROKEN = """
[...document.querySelectorAll("[aria-labelledby=ready] tbody :is(th, td)")].flatMap((cell) => {
  const text = cell.firstChild;
  return [...text.data.matchAll(/\\S+/g)].filter((word) => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length > 1;
  }).map((word) => word[0]);
})
"""
"""Words in the list of those who expand next that go on in the next line."""


@pytest.fixture(scope="module")
def chromium(browser: Browser) -> Iterator[Tab]:
    with tab(browser.path) as opened:
        yield opened


@pytest.fixture
def report(warehouse: Engine, tmp_path: Path) -> Path:
    published_company(warehouse)
    return write_report(warehouse, tmp_path / "report", GIVEN).index


@pytest.fixture
def quiet(chromium: Tab) -> Iterator[Tab]:
    """The tab; at the end it must have had no error and asked for nothing but the files themselves."""
    chromium.errors.clear()
    chromium.requests.clear()
    chromium.looks()
    yield chromium
    assert chromium.errors == []
    assert [each for each in chromium.requests if not each.startswith(("file:", "data:"))] == []


def test_from_the_month_to_the_account_to_its_evidence(quiet: Tab, report: Path) -> None:
    quiet.opens(report)
    quiet.clicks(f'a[href="{LAST:%Y-%m}.html"]')
    quiet.drawn(f"{LAST:%Y-%m}.html")
    seen = "document.querySelector('.account .part .evidence').checkVisibility()"
    assert quiet.sees(seen) is False
    quiet.clicks(".account summary")
    quiet.clicks(".account .part summary")
    assert quiet.sees(seen) is True
    assert "evt_1" in quiet.sees("document.querySelector('.account .part dl').innerText")


@pytest.mark.parametrize(
    ("chart", "mark", "month"),
    [
        ("types", ".mark-rect path:nth-of-type(3)", MONTHS[2]),
        ("rate", ".mark-symbol path", MONTHS[0]),
    ],
)
def test_a_click_on_a_month_in_a_chart_opens_its_page(
    quiet: Tab, report: Path, chart: str, mark: str, month: date
) -> None:
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    quiet.clicks(f"[data-of={chart}] {mark}")
    quiet.drawn(f"{month:%Y-%m}.html")


def test_a_month_in_a_table_leads_to_its_page(quiet: Tab, report: Path) -> None:
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    quiet.sees("document.querySelectorAll('details').forEach(it => { it.open = true; })")
    quiet.clicks(f'table a[href="{MONTHS[-3]:%Y-%m}.html"]')
    quiet.drawn(f"{MONTHS[-3]:%Y-%m}.html")


@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_is_drawn_in_light_and_in_dark(quiet: Tab, report: Path, dark: bool) -> None:
    quiet.looks(dark=dark)
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    assert quiet.sees("document.querySelectorAll('.chart').length") > 5
    assert quiet.sees(f"{EMPTY}.map(it => it.dataset.of)") == []
    paper = quiet.sees("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(18, 22, 27)") is dark
    quiet.keeps(SCREENSHOTS / f"report-{'dark' if dark else 'light'}.png")


def test_pages_with_little_to_show_are_drawn_too(
    quiet: Tab, warehouse: Engine, tmp_path: Path
) -> None:
    """The first month, which has no rate; a year's lines that begin; no floor and no target."""
    published_company(warehouse)
    metrics = table_of(EXPANSION_METRICS)
    with warehouse.begin() as connection:
        connection.execute(
            update(metrics)
            .where(metrics.c.month == MONTHS[0])
            .values(expansion_rate=None, nrr=None, grr=None, top1_share=None, band=None)
        )
    done = write_report(warehouse, tmp_path / "report", Given(), MONTHS[:2])
    for page in done.pages.values():
        quiet.opens(page)
        assert quiet.sees(f"{EMPTY}.map(it => it.dataset.of)") == []


def test_names_are_text_in_charts_and_tooltips_too(
    quiet: Tab, warehouse: Engine, tmp_path: Path
) -> None:
    published_company(warehouse)
    name = "<img src=x onerror='window.harmed = 1'>"
    metrics, account = table_of(EXPANSION_METRICS), table_of(ACCOUNT)
    with warehouse.begin() as connection:
        connection.execute(update(metrics).where(metrics.c.member == "Ann Lee").values(member=name))
        connection.execute(update(account).values(name=name, owner=name))
    quiet.opens(write_report(warehouse, tmp_path / "report", GIVEN).page)
    seen = "document.querySelector('#vg-tooltip-element.visible') !== null"
    quiet.hovers("[data-of=owner] .mark-rect path", seen)
    assert "<img" in quiet.sees("document.querySelector('#vg-tooltip-element').textContent")
    assert quiet.sees("document.images.length") == 0
    assert quiet.sees("window.harmed === undefined") is True


def test_a_phone_scrolls_down_only(quiet: Tab, report: Path) -> None:
    quiet.looks(size=PHONE)
    for name in ("index.html", f"{LAST:%Y-%m}.html"):
        quiet.opens(report.with_name(name))
        quiet.sees("document.querySelectorAll('details').forEach(it => { it.open = true; })")
        assert quiet.sees("document.documentElement.scrollWidth") == PHONE[0], name
        quiet.keeps(SCREENSHOTS / f"phone-{Path(name).stem}.png")


@pytest.mark.parametrize("size", [PHONE, (500, 900), DESK])
@pytest.mark.parametrize(
    ("method", "chances"), [("rules", (0.4, 0.3)), ("largest_mrr", (0.3, 0.3))]
)
def test_no_name_is_broken_within_a_word(
    quiet: Tab,
    warehouse: Engine,
    tmp_path: Path,
    size: tuple[int, int],
    method: str,
    chances: tuple[float, float],
) -> None:
    published_company(warehouse)
    fill(warehouse, method, "better", chances)
    with warehouse.begin() as connection:
        connection.execute(update(table_of(ACCOUNT)).values(name="Northwind Logistics"))
    page = write_report(warehouse, tmp_path / "report", GIVEN, [LAST]).page
    quiet.looks(size=size)
    quiet.opens(page)
    assert quiet.sees("document.documentElement.scrollWidth") <= size[0]
    assert quiet.sees(BROKEN) == []


def test_everything_can_be_reached_and_named(quiet: Tab, report: Path) -> None:
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    tree = quiet.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tree if not node.get("ignored")]
    assert roles.count("main") == 1
    assert roles.count("banner") == 1
    assert {"navigation", "contentinfo"} <= set(roles)
    images = [node for node in tree if node["role"]["value"] in {"img", "image"}]
    unnamed = [node for node in images if not node.get("ignored") and not node["name"]["value"]]
    assert unnamed == []


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_stands_out_from_its_ground(quiet: Tab, report: Path, dark: bool) -> None:
    quiet.looks(dark=dark)
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    quiet.sees("document.querySelectorAll('details').forEach(it => { it.open = true; })")
    assert quiet.sees(PALE) == []


def test_the_keyboard_opens_an_account(quiet: Tab, report: Path) -> None:
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    quiet.sees("document.querySelector('.account summary').focus()")
    quiet.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", code="Enter", text="\r")
    quiet.call("Input.dispatchKeyEvent", type="keyUp", key="Enter", code="Enter")
    assert quiet.sees("document.querySelector('.account').open") is True


def test_paper_is_white_even_where_the_screen_is_dark(quiet: Tab, report: Path) -> None:
    quiet.looks(dark=True, media="print")
    quiet.opens(report.with_name(f"{LAST:%Y-%m}.html"))
    assert quiet.sees("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    ink = "getComputedStyle(document.querySelector('.chart .role-axis-label text')).fill"
    assert quiet.sees(ink) == "rgb(77, 90, 104)", "and so are the charts"
    quiet.keeps(SCREENSHOTS / "report-print.png")
