"""Templates that would grow or run without end are refused; what prompts need still works."""

import shutil
from pathlib import Path

import pytest

from graphsearch.agents.roles.prompts import PROMPTS, PromptSet
from graphsearch.records.errors import ConfigError

QUESTION = "How many eggs are left?"
PARENTS = ("It is 18.", "", "I think it is 20,\nor 21.")


def said(tmp_path, template, **values):
    """What a template says, as the prompt of a root; other files stand beside it."""
    files = template if isinstance(template, dict) else {"solve.jinja": template}
    folder = tmp_path / "mine"
    shutil.copytree(PROMPTS / "embedded", folder, dirs_exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    prompts = PromptSet.load(folder)
    given = {"question": QUESTION, "parents": PARENTS, "item": {"meta": {"a": [1]}}, **values}
    return "|".join(message.content for message in prompts.render("solve.jinja", **given))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ question | upper }} {{ question.split() | length }}", "HOW MANY EGGS ARE LEFT? 5"),
        ("{% for p in parents if p %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2"),
        ("{% for p in parents %}{{ loop.last }}{% else %}none{% endfor %}", "FalseFalseTrue"),
        ("{% for p in [] %}x{% else %}none{% endfor %}", "none"),
        ("{{ parents | select | join('; ') }}", "It is 18.; I think it is 20,\nor 21."),
        ("{{ parents | select | map('upper') | first }}", "IT IS 18."),
        ("{{ ', '.join(parents[:1]) ~ '!' }}{{ parents[0][-3:] }}", "It is 18.!18."),
        ("{{ question.replace('eggs', 'hens') | replace('?', '!') }}", "How many hens are left!"),
        ("{{ parents[2] | indent(2) }}", "I think it is 20,\n  or 21."),
        ("{{ missing | default('nothing') }} {{ missing is defined }}", "nothing False"),
        ("{% set n = parents | length %}{{ n + 1 }} {{ n % 2 }} {{ n * 2 - 1 }}", "4 1 5"),
        ("{{ 'a' + 'b' }}{{ (parents + parents) | length }}", "ab6"),
        ("{% for i in range(2) %}{{ i }}{% for c in 'ab' %}{{ c }}{% endfor %}{% endfor %}",
         "0ab1ab"),
        ("{{ question if question in ['a', 'b'] else {'x': 'y'}['x'] }}", "y"),
        ("{% for k, v in item.meta.items() %}{{ k }}{{ v | tojson }}{% endfor %}", "a[1]"),
        ("{% with a = question %}{{ a[:3] }}{% endwith %}", "How"),
        ("{% block system %}a{% endblock %}{% block user %}{{ question[4:8] }}{% endblock %}",
         "a|many"),
        ("{{ question | truncate(8) }}", "How..."),
        ("{% for p in parents %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
        ("{{ 'x' if parents and not question == '' }}", "x"),
        ("{{ '%.1f' | replace('%', '') }}", ".1f"),
        ("{{ '%.3f of %s' | format(2, 'x') }}", "2.000 of x"),
        ("{{ {'a': question[:3], 'b': [parents[0]]} | tojson }}",
         '{"a": "How", "b": ["It is 18."]}'),
    ],
)  # fmt: skip
def test_what_prompts_need_works(tmp_path, template, expected):
    assert said(tmp_path, template) == expected


def test_long_questions_have_room(tmp_path):
    question = "a line of a long document\n" * 40_000
    assert said(tmp_path, "{{ question | replace('\n', ' and after that ') | indent(4, true) }}")
    template = "{% for line in question.splitlines() %}> {{ line | trim }}\n{% endfor %}"
    assert said(tmp_path, template, question=question).count("> a line") == 40_000


def test_templates_may_include_and_extend(tmp_path):
    files = {
        "base.jinja": "{% block system %}base{% endblock %}",
        "part.jinja": "[{{ question }}]",
        "solve.jinja": "{% for i in range(2) %}{% include 'part.jinja' %}{% endfor %}",
    }
    assert said(tmp_path, files) == f"[{QUESTION}][{QUESTION}]"
    files["solve.jinja"] = "{% extends 'base.jinja' %}{% block system %}own{% endblock %}"
    assert said(tmp_path, files) == "own"


LOOP = "{% for i in range(90000) %}"
DOUBLING = "".join("{% set x = x + x %}" for _ in range(60))


@pytest.mark.parametrize(
    "template",
    [
        "{{ '%999999999d' % 1 }}",
        "{{ '%*d' % 9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'x' * 10 ** 10 }}",
        "{{ 'x' * 10000000000 }}",
        "{{ 10000000000 * 'x' }}",
        "{{ parents * 1000000000 }}",
        "{% set x = 9 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
        "{{ 'x'.ljust(10000000000) }}",
        "{{ 'x' | center(10000000000) }}",
        "{{ 'x' | indent(10000000000, true) }}",
        "{{ 'a\nb' | indent(width=10000000000) }}",
        "{{ 1.5 | round(1000000000, 'floor') }}",
        "{{ [1] | batch(10000000000, 'x') | list }}",
        "{{ [1] | slice(10000000000) | list }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '%*d' | format(999999999, 1) }}",
        "{{ ('%' ~ 99999 ~ 'd') | format(1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ '{a:>999999999}'.format_map({'a': 1}) }}",
        "{{ question['format'](1) }}",
        "{{ 'x'.zfill(1000000000) }}",
        "{{ '\t'.expandtabs(1000000000) }}",
        "{{ 'x'.encode() }}",
        "{{ range(1000000000) | list }}",
        "{{ range(90000) | map('string') | join(',' | indent(900, true)) }}",
        f"{LOOP}{LOOP}x{{% endfor %}}{{% endfor %}}",
        f"{LOOP}{LOOP}{{% endfor %}}{{% endfor %}}",
        f"{LOOP}{LOOP}{LOOP}{{% endfor %}}{{% endfor %}}{{% endfor %}}",
        f"{LOOP}{LOOP}{{{{ question | upper }}}}{{% endfor %}}{{% endfor %}}",
        f"{LOOP}{{{{ parents | join(question) | length }}}}{{% endfor %}}",
        f"{LOOP}{{% if range(90000) | list %}}{{% endif %}}{{% endfor %}}",
        f"{{% block user %}}{LOOP}{LOOP}x{{% endfor %}}{{% endfor %}}{{% endblock %}}",
        "{% set x = 'xx' %}" + DOUBLING,
        "{% set x = parents %}" + DOUBLING,
        "{% set x = 'xx' %}" + "{% set x = x ~ x %}" * 60,
        "{% set x = 'xx' %}" + "{% set x = x | replace('x', x) %}" * 60,
        "{% set x = 'xx' %}" + "{% set x = x.replace('x', x) %}" * 60,
        "{% set x = 'xx' %}" + "{% set x = x | join(x) %}" * 60,
        "{% set x = 'xx' %}" + "{% set x = x.join(x) %}" * 60,
        "{% set x = 'x' %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
        "{% set x = 'x' %}" + "{% set x = {'a': x, 'b': x} %}" * 60 + "{{ x }}",
        "{% set x = 'x' %}" + "{% set x = (x, x) %}" * 60 + "{{ x }}",
        "{% set x = 'x' %}" + "{% set x = dict(a=x, b=x) %}" * 60 + "{{ x }}",
        "{% set x %}x{% endset %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60,
        "{% set n = namespace(x='x') %}" + LOOP + "{% set n.x = n.x + n.x %}{% endfor %}",
        "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(900) }}",
        "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{{ loop([1]) }}{% endfor %}",
        "{% include 'solve.jinja' %}{% include 'solve.jinja' %}",
        "{% extends 'solve.jinja' %}",
        "{% import 'solve.jinja' as x %}",
        "{{ lipsum(n=100000) }}",
        "{{ cycler }}",
        "{{ question.__class__ }}",
        "{{ (question | map('upper')).gi_frame }}",
        "{{ range.__init__ }}",
        "{{ question | attr('__class__') }}",
        "{{ loop.__class__ }}",
        "{{ question | replace('', question * 2) }}",
        "{% set x = 'x' | replace(new='y' | indent(900, true), old='x') %}" + DOUBLING,
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "-" * 5000 + "1 }}",
    ],
)  # fmt: skip
def test_what_has_no_end_is_refused(tmp_path, template):
    with pytest.raises(ConfigError, match=r"prompts/mine/solve\.jinja"):
        said(tmp_path, template)


def test_a_refusal_names_file_line_and_what_it_was(tmp_path):
    with pytest.raises(ConfigError) as caught:
        said(tmp_path, "{{ question }}\n{% macro f() %}{% endmacro %}")
    assert str(caught.value) == "prompts/mine/solve.jinja:2: macro cannot be used in a prompt"


@pytest.mark.parametrize("folder", sorted(path.parent for path in PROMPTS.glob("*/prompts.yaml")))
def test_our_own_prompts_are_within_the_bounds(folder: Path):
    assert PromptSet.load(folder).roles
