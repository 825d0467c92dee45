"""Which rules are in force, and what is wrong with one that is not possible."""

from pathlib import Path

import pytest

from pipeline.alerts import active_rules
from pipeline.alerts.rules import rule_hash
from pipeline.config import AlertRule, load_config
from pipeline.errors import ConfigError

FLOOR = AlertRule(id="expansion-floor", kind="floor", threshold=0.05)


def test_tested_rules_ship_and_no_number_that_only_the_company_knows() -> None:
    shipped = {rule.id: rule for rule in active_rules([])}
    assert {name: rule.kind for name, rule in shipped.items()} == {
        "expansion-drop": "significant_drop",
        "segment-deterioration": "segment_deterioration",
        "expansion-concentration": "concentration",
        "data-quality": "data_quality",
    }
    assert shipped["segment-deterioration"].dimension == "segment"
    assert shipped["expansion-concentration"].severity == "info"


def test_the_same_id_replaces_and_another_adds() -> None:
    other = AlertRule(id="target", kind="target")
    found = {rule.id: rule for rule in active_rules([FLOOR, other])}
    assert (found["expansion-floor"], found["target"]) == (FLOOR, other)
    assert active_rules([FLOOR, other], defaults=False) == (FLOOR, other)


def test_defaults_can_be_switched_off_and_rules_disabled() -> None:
    assert active_rules([], defaults=False) == ()
    ids = [rule.id for rule in active_rules([FLOOR.model_copy(update={"enabled": False})])]
    assert "expansion-floor" not in ids


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('kind = "floor"\nthreshold = 0.02\ndeclines = 3', "declines is not for the kind floor"),
        ('kind = "target"\np = 0.01', "p is not for the kind target; it takes threshold"),
        ('kind = "pacing"\nq = 0.1', "q is not for the kind pacing; it takes months"),
        ('kind = "significant_drop"\nmetric = "nrr"', "watches how many accounts expand"),
        ('kind = "mix_shift"\nwindow_months = 3', "has months of its own"),
        ('kind = "segment_deterioration"\ndimension = "total"', "the total has no members"),
        ('kind = "drop"\nthreshold = 0.05', "clear cannot be larger than threshold (0.05)"),
        ('kind = "drop"\nthreshold = 30', "no percent: 2% is 0.02"),
        ('kind = "drop"\nthreshold = -0.3', "write a number from 0 on"),
        ('kind = "drop"\nagainst = "last_year"\nmonths = 3', 'months is for against = "median"'),
        ('kind = "floor"\nthreshold = 2', "no percent: 2% is 0.02"),
        ('kind = "floor"\nthreshold = nan', "finite number"),
        ('kind = "floor"\nthreshold = "2%"', '"2%" is not possible; write a number'),
        ('kind = "floor"\nthreshold = 0.02\nfor = 0', "greater than or equal to 1"),
        ('kind = "floor"\nthreshold = 0.02\nfor = 1000000', "less than or equal to 24"),
        ('kind = "floor"\nthreshold = 0.02\nmember = "smb"', 'the total has no member "smb"'),
        ('kind = "floor"\nthreshold = 0.02\ndimension = "segmnt"', "total, segment, owner"),
        ('kind = "floor"\nthreshold = 0.02\nchannel = ""', '"#revenue"'),
        ('kind = "floor"\nthreshold = 0.02\nchannel = "<!channel>"', '"#revenue"'),
        ('kind = "concentration"\nmetric = "nrr"', "watches top1_share, top5_share, top10_share"),
        ('kind = "pacing"\nmetric = "nrr"', "the kind pacing does not read metric"),
        ('kind = "data_quality"\nfor = 2', "the kind data_quality does not read for"),
        ('kind = "target"', 'the rule "x" has nothing to reach; write [[targets]] too'),
        ('kind = "drop"\nmetric = "band"', '"band" is no figure; write one of'),
        ('kind = "floor"\nthreshold = 1\nmetric = "window_months"', "is no figure"),
        ('kind = "drop"\nmetric = "owner"', "is no figure"),
        ('kind = "dropp"', '"dropp" is not possible'),
        ('kind = "drop"\nmonths = 1', "1 is not possible"),
    ],
)
def test_a_wrong_key_is_told_with_its_line(tmp_path: Path, keys: str, said: str) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text(f'[company]\nname = "Acme"\n\n[[alerts]]\nid = "x"\n{keys}\n')
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    assert said in str(raised.value)
    assert ", line " in str(raised.value)


@pytest.mark.parametrize("name", ["", "  ", "a|b", "a*", " a", r"a\nb", r"\u202eabc", "x" * 81])
def test_a_name_that_cannot_be_told_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text(f'[[alerts]]\nid = "{name}"\nkind = "drop"\n')
    with pytest.raises(ConfigError, match=r"line 2: .*write a name of one line"):
        load_config(path)


def test_a_target_of_a_dimension_that_there_is_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text('[[targets]]\ndimension = "industry"\nvalue = 0.02\n')
    with pytest.raises(ConfigError, match=r"a target is on the dimension .industry."):
        load_config(path)


def test_a_rule_in_the_file_takes_the_defaults_of_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.toml"
    path.write_text(
        '[[alerts]]\nid = "x"\nkind = "significant_drop"\np = 0.05\nmin_missing = 500\n'
    )
    (rule,) = load_config(path).alerts
    assert (rule.p, rule.threshold, rule.min_events, rule.min_missing) == (0.05, 0.25, 12, 500)


def test_who_is_told_does_not_make_it_another_rule() -> None:
    told = FLOOR.model_copy(update={"channel": "#sales", "owner": "cs", "severity": "critical"})
    assert rule_hash(told) == rule_hash(FLOOR)
    assert rule_hash(FLOOR.model_copy(update={"threshold": 0.04})) != rule_hash(FLOOR)
    drop = AlertRule(id="x", kind="drop")
    assert rule_hash(drop) != rule_hash(AlertRule(id="x", kind="drop", months=12))
