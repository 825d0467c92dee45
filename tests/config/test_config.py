"""`pipeline.toml`: defaults, presets, paths, and errors that name the line."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.config import Config, load_config
from pipeline.errors import ConfigError


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "pipeline.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_nothing_is_a_valid_configuration(tmp_path: Path) -> None:
    assert (
        load_config(None) == load_config(tmp_path / "absent.toml") == load(tmp_path, "") == Config()
    )


def test_defaults_are_those_of_the_method() -> None:
    config = Config()
    assert config.company.reporting_currency == "usd"
    assert config.company.close_day == 3
    assert config.mrr.switches() == {
        "discounts": "recurring",
        "usage": "include",
        "past_due": "count",
        "past_due_days": 0,
        "paused": "exclude",
        "cancellation": "period_end",
        "paid_to_free": "contraction",
        "reactivation": "separate",
        "reactivation_days": 0,
    }


def test_presets_are_overridden_switch_by_switch(tmp_path: Path) -> None:
    config = load(tmp_path, '[mrr]\npolicy = "stripe"\npaid_to_free = "contraction"\n')
    switches = config.mrr.switches()
    assert (switches["discounts"], switches["usage"]) == ("forever", "exclude")
    assert (switches["cancellation"], switches["paid_to_free"]) == ("request", "contraction")
    chartmogul = load(tmp_path, '[mrr]\npolicy = "chartmogul"\n').mrr.switches()
    assert (chartmogul["discounts"], chartmogul["paused"]) == ("all", "count")


def test_values_are_read_exactly_and_paths_from_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [company]
        reporting_currency = "EUR"
        first_month = "2024-05"
        [fx]
        source = "fixed"
        file = "rates.csv"
        [fx.rates]
        usd = 0.1
        [[alerts]]
        id = "floor"
        kind = "floor"
        threshold = 0.02
        for = 2
        """,
    )
    assert config.company.reporting_currency == "eur"
    assert config.company.first_month == date(2024, 5, 1)
    assert config.fx.rates == {"usd": Decimal("0.1")}
    assert config.fx.file == tmp_path / "rates.csv"
    assert config.alerts[0].periods == 2


WRONG = {
    "syntax": ("[company\n", "line 1", "TOML"),
    "unknown key": ('[mrr]\n\ndiscount = "all"\n', "line 3", "write discounts"),
    "unknown section": ('[company]\nname = "A"\n[marr]\n', "line 3", "write mrr"),
    "unknown value": (
        '[mrr]\ndiscounts = "some"\n',
        "line 2",
        "'none', 'forever', 'recurring' or 'all'",
    ),
    "preset": ('[mrr]\npolicy = "baremetrics"\n', "line 2", "'default', 'stripe' or 'chartmogul'"),
    "number": ('[publish]\nitem_months = "many"\n', "line 2", "write a whole number"),
    "month": ('[company]\nfirst_month = "May 2024"\n', "line 2", '"2024-01"'),
    "day": ("[company]\nfirst_month = 2026-01-15\n", "line 2", '"2024-01"'),
    "day long ago": ("[company]\nfirst_month = 1900-01-01\n", "line 2", '"2024-01"'),
    "no month": ("[company]\nfirst_month = 0\n", "line 2", '"2024-01"'),
    "month as number": ("[company]\nfirst_month = -0.0\n", "line 2", '"2024-01"'),
    "digits of another script": (
        '[company]\nfirst_month = "\u0662\u0660\u0662\u0664-\u0660\u0661"\n',
        "line 2",
        '"2024-01"',
    ),
    "month of a program": (
        '[[readiness.programs]]\nname = "a"\ncost = 1\nmonth = 2026-01-15\n',
        "line 4",
        '"2024-01"',
    ),
    "month too late": (
        '[[readiness.programs]]\nname = "a"\ncost = 1\nmonth = "9999-12"\n',
        "line 4",
        'until "2100-12"',
    ),
    "time zone": ('[company]\ntimezone = "CET/Berlin"\n', "line 2", "Europe/Berlin"),
    "currency": ('[fx]\nsource = "fixed"\nrates = {dollar = 1}\n', "line 3", '"usd"'),
    "negative rate": ("[fx.rates]\neur = -1\n", "line 2", "greater than 5e-13"),
    "cron": ('[schedule]\nnightly = "3am"\n', "line 2", "five cron fields"),
    "address": ('[fx]\nurl = "ecb.europa.eu"\n', "line 2", "https://"),
    "file": ('[fx]\nsource = "file"\n', "line 1", "rates.csv"),
    "bands": (
        '[dimensions.segment]\nbands = [\n  {name = "a"},\n  {name = "b"},\n]\n',
        "line 2",
        "below",
    ),
    "account dimension twice": (
        '[dimensions]\nitem = ["plan"]\naccount = [\n  "segment",\n  "owner",\n  "segment",\n]\n',
        "line 3",
        'dimensions.account: "segment" stands twice',
    ),
    "item dimension twice": (
        '[dimensions]\nitem = ["plan", "plan"]\n',
        "line 2",
        'dimensions.item: "plan" stands twice',
    ),
    "target in percent": ("[[targets]]\nvalue = 3\n", "line 2", "2% is 0.02"),
    "CRM twice": ('[crm]\norder = ["file", "file"]\n', "line 2", 'crm.order: "file" stands twice'),
    "month before all": (
        '[company]\nfirst_month = "0001-01"\n',
        "line 2",
        'write a month from "2000-01" on',
    ),
    "bands of one name": (
        '[dimensions.segment]\nbands = [{name = "a", below = 1}, {name = "a"}]\n',
        "line 2",
        "two bands have one name",
    ),
    "pair twice": (
        '[dimensions]\n\ncrossed = [["segment", "owner"], ["segment", "owner"]]\n',
        "line 3",
        'dimensions.crossed: ["segment", "owner"] stands twice',
    ),
    "pair of one": (
        '[dimensions]\ncrossed = [["segment", "segment"]]\n',
        "line 2",
        'both are "segment"',
    ),
    "pair in two orders": (
        '[dimensions]\ncrossed = [["segment", "owner"], ["owner", "segment"]]\n',
        "line 2",
        "write them in one order",
    ),
    "rate twice": ("[fx.rates]\nEUR = 1.1\neur = 5\n", "line 1", '"eur" stands twice'),
    "two targets": (
        "[[targets]]\nvalue = 0.1\n[[targets]]\nvalue = 0.2\n",
        "line 1",
        '"total", "all" has two targets',
    ),
    "two programs": (
        "[readiness]\n" + "[[readiness.programs]]\nname = 'a'\nmonth = '2026-01'\ncost = 1\n" * 2,
        "line 2",
        'two programs of one month are named "a"',
    ),
    "account twice": (
        '[stripe]\naccounts = ["acct_1", "acct_1"]\n',
        "line 2",
        '"acct_1" stands twice',
    ),
    "account without name": ('[stripe]\naccounts = [""]\n', "line 2", "not empty"),
    "band without name": (
        '[dimensions.segment]\nbands = [{name = "", below = 1}, {name = "a"}]\n',
        "line 2",
        "not empty",
    ),
    "band of all": (
        '[dimensions.segment]\nbands = [{name = "a", below = 1}, {name = "all"}]\n',
        "line 2",
        "write another name",
    ),
    "no domain": ('[exclude]\nemail_domains = [""]\n', "line 2", "not empty"),
    "domain with a blank": ('[exclude]\nemail_domains = ["a.example "]\n', "line 2", "blanks"),
    "second rule": (
        '[[alerts]]\nid = "a"\nkind = "floor"\nthreshold = 1\n[[alerts]]\nid = "b"\nkind = "flor"\n',
        "line 7",
        "'floor'",
    ),
    "missing": ('[[alerts]]\nkind = "drop"\n', "line 1", "missing"),
    "no threshold": ('[[alerts]]\nid = "a"\nkind = "floor"\n', "line 1", "threshold = 0.02"),
    "same id": (
        '[[alerts]]\nid = "a"\nkind = "drop"\n[[alerts]]\nid = "a"\nkind = "drop"\n',
        "line 1",
        "stands twice",
    ),
}


@pytest.mark.parametrize(("text", "line", "advice"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, text: str, line: str, advice: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert "pipeline.toml" in message
    assert line in message
    assert advice in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        '[fx]\nurl = "http://me:hidden@127.0.0.1:1/x"\n',
        '[fx]\nurl = "https://hidden@mirror.example"\n',
        '[slack]\ndagster_url = "https://me:hidden@dagster.example"\n',
        '[slack]\ndagster_url = "https://me:hidden@[::1"\n',
        '[slack]\ndagster_url = "https://me:hush@hidden.example"\n',
        '[slack]\ndagster_url = "https://dagster.hidden:99999"\n',
    ],
)
def test_an_address_with_a_password_is_refused_without_saying_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"line 2: .*without a user or password") as told:
        load(tmp_path, text)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize(
    "text",
    [
        "[mrr]\npast_due_days = 1_000_000_000",
        "[mrr]\nreactivation_days = 9_000_000_000_000",
        "[publish]\nitem_months = 100_000",
        f"[publish]\nitem_months = 0x{'f' * 6_000}",
        "[readiness.points]\nfit = 1e308",
        "[stripe]\nrequests_per_second = 1e-320",
        "[stripe]\nrequests_per_second = 1e300",
        "[stripe]\nrequests_per_second = inf",
        "[fx.rates]\neur = 1e400",
        "[fx.rates]\neur = 1e-400",
        "[crm.attribution_days]\nbefore = 1_000_000_000",
        "[slack]\nrestatement_bound = 1e308",
        "[alerting]\nstorm = 1e30",
        "[dimensions.segment]\nbands = [{name = 'a', below = 1e30}, {name = 'b'}]",
        "[benchmarks]\nnrr_annual = [{name = 'a', at_least = 1e308}]",
        "[[readiness.programs]]\ncost = 1e30\nname = 'a'\nmonth = '2026-01'",
        "[[alerts]]\nmin_events = 1e30\nkind = 'drop'\nid = 'a'",
        "[[alerts]]\nmin_missing = 1e30\nkind = 'significant_drop'\nid = 'a'",
    ],
)
def test_a_number_that_no_figure_could_follow_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"line 2: .* is not possible; "):
        load(tmp_path, text)


def test_points_and_thresholds_have_bounds(tmp_path: Path) -> None:
    groups = ("capacity", "growth", "billing", "fit", "relationship")
    points = "".join(f"{group} = 1e-320\n" for group in groups)
    with pytest.raises(ConfigError, match="give points to one group"):
        load(tmp_path, f"[readiness.points]\n{points}")
    rule = "[[alerts]]\nid = 'a'\nkind = 'floor'\nmetric = 'expansion_mrr'\nthreshold = "
    for threshold, words in (("1e30", "at most 1e[+]12"), ("-1e30", "from -1e[+]12 on")):
        with pytest.raises(ConfigError, match=f"not possible; write a number .*{words}"):
            load(tmp_path, f"{rule}{threshold}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nests brackets too deep"),
        ("a = " + "9" * 5000, "more digits"),
        ("a = 1e" + "9" * 30, "more digits"),
        ('[fx]\nfile = "a\\u0000b"\n', "line 2: fx.file: write a file's path"),
        ('[crm]\noverride = "\\u0000"\n', "line 2: crm.override: write a file's path"),
        ('[crm.files]\naccounts = ""\n', "line 2: crm.files.accounts: write a file's path"),
        ('[[alerts]]\nid = "a"\nkind = ["floor"]\n', "line 3: .*'floor'"),
    ],
    ids=["deep", "digits", "exponent", "NUL", "only NUL", "no path", "list of kinds"],
)
def test_what_python_cannot_hold_is_told_and_no_traceback(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        load(tmp_path, text)
    assert "pipeline.toml" in str(told.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/x.zip?a=b@c", "https://[::1]:3000", "https://bücher.example#top"],
)
def test_an_address_may_have_port_path_and_query(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, f'[fx]\nurl = "{url}"\n').fx.url == url


def test_the_mark_of_a_windows_editor_is_no_mistake(tmp_path: Path) -> None:
    assert load(tmp_path, '\ufeff[company]\nname = "A"\n').company.name == "A"


def test_bands_are_half_open() -> None:
    benchmarks = Config().benchmarks
    monthly = benchmarks.monthly_expansion_rate
    assert [benchmarks.band(monthly, v) for v in (None, 0.0199, 0.02, 0.05)] == [
        None,
        "low",
        "healthy",
        "strong",
    ]
