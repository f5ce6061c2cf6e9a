"""The page: what it says, that it holds no outside address, and that nothing in it can run."""

import re
from html.parser import HTMLParser

import pytest

from graphsearch.graph import CollaborationGraph
from graphsearch.report import numbers
from graphsearch.report.page import render
from graphsearch.report.read import FinishedRun
from tests.report import records

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "</title></style></pre><script>alert('x')</script><img src=x onerror=alert(1)>{{ 7*7 }}"


class Page(HTMLParser):
    """Elements with their attributes, the visible text, and whether all elements are closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.words, self.unbalanced = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(record, **options):
    return Page(render(FinishedRun(record, **options)))


@pytest.fixture(scope="module")
def html():
    return render(FinishedRun(records.record(), folder="demo", config="task: puzzle\n"))


def addresses(parsed):
    """Everything a browser might fetch."""
    for tag, attributes in parsed.elements:
        for name, value in attributes.items():
            if name in {"href", "src", "srcset", "data", "action", "poster", "xlink:href"}:
                yield tag, value
            if value and "url(" in value:
                yield tag, value.split("url(")[1].rstrip(")")


def test_nothing_is_fetched_and_nothing_can_run(html):
    parsed = Page(html)
    assert all(value.startswith(("data:,", "#")) for _, value in addresses(parsed))
    assert "url(" not in html.split("<style>")[1].split("</style>")[0]
    assert "@import" not in html
    assert not re.search(r"https?://", html)
    tags = {tag for tag, _ in parsed.elements}
    assert not tags & {"script", "iframe", "object", "embed", "base", "form", "img"}
    assert not [a for _, attributes in parsed.elements for a in attributes if a.startswith("on")]
    policy = next(a["content"] for t, a in parsed.elements if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_the_page_is_well_formed_and_small(html):
    parsed = Page(html)
    assert parsed.unbalanced == []
    assert parsed.open == []
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert len(html) < 400_000


def key_of(graph):
    return CollaborationGraph.from_json(graph).key


def hostile(value):
    """The same record with every free text replaced by markup that would like to run."""
    free = {"text", "name", "summary", "reason", "origin", "fingerprint", "raw", "rule", "role"}
    if isinstance(value, dict):
        return {
            k: HOSTILE if k in free and isinstance(v, str) else hostile(v) for k, v in value.items()
        }
    return [hostile(v) for v in value] if isinstance(value, list) else value


def test_texts_of_tasks_models_and_agents_cannot_become_markup():
    record = hostile(records.record())
    record["notes"] = [HOSTILE]
    record["best_plain"] = HOSTILE
    record["rounds"][0]["advice"]["raw"] = HOSTILE
    table = record["rounds"][0]["table"]
    for entry in record["rounds"]:
        entry["table"] = dict.fromkeys([*table, HOSTILE, f"1:{HOSTILE}"], 0.5)
    parsed = Page(render(FinishedRun(record, folder=HOSTILE, config=HOSTILE)))
    tags = {tag for tag, _ in parsed.elements}
    assert "script" not in tags
    assert "img" not in tags
    assert parsed.unbalanced == []
    assert "{{ 7*7 }}" in parsed.text, "templates in texts are not filled in"


def with_difference(low, high):
    record = records.record()
    row = next(r for r in record["baselines"] if r["name"] == record["best_plain"])
    row["difference"] |= {"mean": (low + high) / 2, "interval": [low, high]}
    return record


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (0.006, 0.078, "It beats the best baseline, l alone"),
        (-0.01, 0.05, "It is not shown to beat the best baseline, l alone"),
        (-0.06, 0.01, "It is not shown to beat the best baseline, l alone"),
        (-0.09, -0.02, "It is worse than the best baseline, l alone"),
    ],
)
def test_the_verdict_is_said_plainly_either_way(low, high, says):
    text = page(with_difference(low, high)).text
    assert says in text
    assert f"{numbers.points((low + high) / 2)} points, 95 % interval" in text


def test_a_winner_that_is_a_baseline_is_called_one():
    record = records.record()
    row = next(r for r in record["baselines"] if r["name"] == record["best_plain"])
    record["winner"] |= {"graph": row["graph"], "key": key_of(row["graph"])}
    assert "It is itself the best baseline" in page(record).text
    row["kind"] = "sampled"
    assert "It is itself" not in page(record).text, "such rows only borrow the graph's draws"


def test_the_headline_tells_accuracy_interval_n_and_cost(html):
    text = Page(html).text.replace("\u00a0", " ")
    assert (
        "A graph of 6 nodes answers 67.2 % of 600 unseen questions right "
        "(95 % interval 63.3 to 70.8 %), for 16.3 units a question."
    ) in text


def test_where_the_winner_does_not_win_is_named(html):
    record = records.record()
    for row in record["baselines"]:
        row["difference"] |= {"mean": 0.1, "interval": [0.05, 0.15]}
    record["baselines"][1]["difference"] |= {"interval": [-0.1, -0.05]}
    record["baselines"][2]["difference"] |= {"interval": [-0.1, 0.05]}
    text = page(record).text
    assert record["baselines"][1]["name"] in text.split("clearly worse than ")[1][:40]
    assert record["baselines"][2]["name"] in text.split("not clearly different from ")[1][:40]
    assert "clearly better than 9;" in text
    for row in record["baselines"]:
        row["difference"] |= {"interval": [-0.1, 0.05]}
    assert "clearly better than none of them; not clearly different" in page(record).text


def test_the_best_of_each_kind_is_answered_for():
    record = records.record()
    votes = [r for r in record["baselines"] if r["kind"] == "self_consistency"]
    votes[0]["difference"] |= {"mean": -0.05, "interval": [-0.09, -0.01]}
    text = page(record).text
    assert (
        "Against the best single model, l alone: +4.2 points (+0.6 to +7.8), clearly better."
    ) in text
    assert (
        f"Against the best vote (self-consistency), {votes[0]['name']}: "
        "−5.0 points (−9.0 to −1.0), clearly worse."
    ) in text


def test_every_baseline_stands_in_the_table_with_three_costs(html):
    text = Page(html).text
    for row in records.record()["baselines"]:
        assert row["name"] in text
    for word in ("used", "planned", "allowed", "of the winner's", "oracle", "best baseline"):
        assert word in text


def test_the_winner_is_not_compared_with_itself():
    record = records.record()
    row, winner = record["baselines"][0], record["winner"]
    row |= {"graph": winner["graph"], "kind": "select", "oracle": False}
    winner["key"] = key_of(winner["graph"])
    cells = render(FinishedRun(record)).split(f'<th scope="row">{row["name"]}')[1].split("</tr>")[0]
    assert "<small>the same graph</small>" in cells
    assert "winner minus" not in cells


def test_advice_stands_with_the_numbers_that_followed(html):
    text = Page(html).text.replace("\u00a0", " ")
    assert "After round 2" in text
    assert "one l call costs as much as thirteen xs" in text
    assert "39.6 % in round 2, 44.0 % in round 3" in text
    assert "+4.4 points" in text
    assert "Trust: 0.54 when this was advised, 0.56 a round later" in text


def test_one_change_of_many_slots_is_one_row():
    record = records.record()
    reason = "fewer nodes of l did better"
    record["rounds"][1]["advice"]["edits"] = [
        {"target": f"{slot}:l", "delta": -0.5, "reason": reason} for slot in range(1, 7)
    ]
    text = page(record).text
    assert text.count(reason) == 1
    assert "slots 1–6: l" in text
    assert "mean of 6" in text


def test_edits_that_moved_nothing_share_one_line():
    record = records.record()
    target = record["rounds"][1]["advice"]["edits"][0]["target"]
    for entry in record["rounds"][:2]:
        entry["table"][target] = 0.5
    text = page(record).text.split("After round 1")[1].split("After round 2")[0]
    assert "No probability moved by 0.01 for 1 edit: " in text.replace("more edits", "edit")
    assert "0.50 → 0.50" not in text


def test_fewer_questions_than_the_winners_are_explained():
    record = records.record()
    says = "a baseline was clearly worse and stopped early"
    for row in record["baselines"]:
        row["evidence"]["n"] = record["test"]["n"]
    assert says not in page(record).text
    record["baselines"][-1]["evidence"]["n"] -= 1
    assert says in page(record).text


def test_calls_are_told_once():
    text = page(records.record()).text
    spent = text.split("What the study spent")[1].split("How answers ended")[0]
    assert "calls asked calls made" in spent
    assert " calls calls asked" not in spent


def test_a_round_with_invalid_advice_is_shown_as_such():
    record = records.record()
    record["rounds"][0]["advice"] |= {"valid": False, "summary": "", "edits": [], "graphs": []}
    assert "It gave no valid advice" in page(record).text


def test_a_study_that_could_afford_nothing_is_told_without_numbers():
    record = records.record()
    record |= {"test": None, "baselines": [], "best_plain": None, "break_even": None}
    record |= {"selection": [], "agent": None, "archive": [], "trials": [], "stopped_by": None}
    for entry in record["rounds"]:
        entry |= {"table": None, "advice": None, "mean": None, "best": None}
    text = page(record).text
    assert "nothing to test it on" in text
    assert "It was not compared with any baseline." in text
    assert "keeps no probabilities" in text
    assert "ran without an agent" in text


def test_unknown_numbers_are_dashes():
    record = records.record()
    for evidence in (record["test"], record["baselines"][0]["evidence"]):
        evidence |= {"used": None, "planned": None, "accuracy": None, "interval": None, "n": 0}
    record["baselines"][0]["difference"] = None
    record["archive"][0] |= {"used_cost": None, "accuracy": None, "interval": None, "n": 0}
    record["spend"]["units"]["accounts"]["test"] = None
    assert "–" in page(record).text


def test_what_is_not_shown_is_said(html):
    text = Page(html).text
    assert "facts about these models (xs, s, m and l) on this task (puzzle)" in text
    assert "tiny" in text
    assert "No fuser of model l fits the budget." in text
    record = records.record()
    record["fleet"]["models"][0]["engine"] = "http"
    assert "tiny" not in page(record).text


def test_every_picture_has_a_name_and_a_description(html):
    pictures = html.split('role="img"')[1:]
    assert len(pictures) > 20
    assert all("<title>" in p[:400] and "<desc>" in p[:1200] for p in pictures)


def test_thousands_of_trials_stay_a_page():
    html = render(FinishedRun(records.record(tried=3000, rounds=100)))
    assert len(html) < 3_000_000


def test_of_rows_that_tie_the_one_least_clearly_beaten_is_named():
    from graphsearch.report.words import best_of_kinds

    record = records.record()
    singles = [r for r in record["baselines"] if r["kind"] == "single"][:2]
    for row, low in zip(singles, (0.01, -0.01), strict=True):
        row["evidence"] |= {"accuracy": 0.6}
        row["difference"] |= {"mean": 0.072, "interval": [low, 0.15]}
    record["baselines"] = singles
    ((state, said),) = best_of_kinds(record)
    assert state == "unclear"
    assert singles[1]["name"] in said


@pytest.mark.parametrize(
    ("role", "threshold", "said"),
    [
        ("cascade(share, 0.2)", 1.0, "asked where not all say the same"),
        ("cascade(share, 0.2)", 0.5, "asked where less than 0.5 of the votes say the same"),
        ("cascade(share, 0.2, log-odds, 0.05)", 0.5, "less than 0.5 of the weighted votes say"),
        ("cascade(margin, 0.2)", 0.25, "where the lead is below 0.25 of the votes"),
        ("cascade(score, 0.2)", 2.0, "where the best score is below 2"),
    ],
)
def test_a_gate_is_told_in_the_terms_of_its_rule(role, threshold, said):
    from graphsearch.agents.roles import get_roles
    from graphsearch.report.sections import fitted_parts

    fit = {"items": 100, "calls": 1, "nodes": {"1": {"threshold": threshold}}}
    graph = {"nodes": [{"role": "assistant"}, {"role": role, "model": "m"}]}
    (line,) = fitted_parts({"graph": graph, "fit": fit}, get_roles("chat"))
    assert said in line


def test_a_long_list_of_sinks_is_summed_up():
    from graphsearch.report.probabilities import likeliest

    rows = {f"sink {k}": [0.01, 0.01 + k / 1000] for k in range(40)}
    found = likeliest(rows)
    assert len(found) == 15
    assert next(iter(found)) == "sink 39"
    assert sum(v[1] for v in found.values()) == pytest.approx(sum(v[1] for v in rows.values()))
    assert "26 others together" in found
    assert likeliest(dict(list(rows.items())[:15])).keys() == set(list(rows)[:15])
