"""Near-duplicates, and the splits that keep them on one side."""

from collections import defaultdict
from hashlib import blake2b
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.evaluators.tasks.near import near_groups, normal_form
from graphsearch.evaluators.tasks.splits import ORDER, SHARES, place_items, scaled
from graphsearch.records.tasks import Item

WORDS = ["a", "b", "c", "d", "7", "8", "+"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join)
THRESHOLDS = st.sampled_from([0.3, 0.5, 0.8, 1.0])


def triples(form):
    form = (*form, *[None] * (3 - len(form)))
    return {form[i : i + 3] for i in range(len(form) - 2)}


def overlap(one, other):
    one, other = triples(normal_form(one)), triples(normal_form(other))
    return len(one & other) / len(one | other)


def by_definition(texts, threshold):
    """Groups found by comparing all with all."""
    group = list(range(len(texts)))
    for i, j in combinations(range(len(texts)), 2):
        if overlap(texts[i], texts[j]) >= threshold - 1e-9:
            low, high = sorted((group[i], group[j]))
            group = [low if g == high else g for g in group]
    return group


@given(st.lists(TEXTS, max_size=12), THRESHOLDS)
@settings(max_examples=100, deadline=None)
def test_groups_are_those_of_comparing_all_with_all(texts, threshold):
    found = near_groups([normal_form(text) for text in texts], threshold)
    assert found == by_definition(texts, threshold)


STORY = "Anna has {} apples and buys {} more at the market on a sunny day; how many has she now?"


def test_what_counts_as_the_same():
    same = [
        ("What is 2 + 3?", "what is  2 + 3 ?"),
        ("What's the “capital” of Peru?", "What's the 'capital' of Peru?"),
        (STORY.format(3, "4,000"), STORY.format(17, 2.5)),
        (STORY.format(3, 4), STORY.format(3, 4).replace("sunny", "rainy")),
        ("ﬁnd x²", "find x2"),
    ]
    for one, other in same:
        assert near_groups([normal_form(one), normal_form(other)], 0.6) == [0, 0], (one, other)


def test_what_does_not():
    other = [
        ("What is 2 + 3?", "What is 2 - 3?"),
        ("What is 2 + 3?", "What is 2 + 4?"),
        ("12 * 7", "12 * 8"),
        ("What is the capital of Peru?", "What is the capital of Chad?"),
        ("[ [ (", "[ [ {"),
        (STORY.format(3, 4), STORY.format(3, 4).replace("how many has she", "who buys the rest")),
    ]
    for one, two in other:
        assert near_groups([normal_form(one), normal_form(two)]) == [0, 1], (one, two)


def test_texts_of_signs_or_of_nothing_that_is_compared_are_kept_apart():
    forms = [normal_form(text) for text in ("?!", "...", "?!", "漢字", "漢")]
    assert near_groups(forms) == [0, 1, 0, 3, 4]


# -- scripts that put no blanks between words ---------------------------------------------------

CHINESE = "小明有{}个苹果和{}个梨子，他吃了{}个苹果，请问现在还剩下多少个水果？"
JAPANESE = (
    "太郎はりんごを{}個持っていて、市場でさらに{}個買いました。今りんごは全部で何個ありますか。"
)
THAI = "สมชายมีแอปเปิล {} ผล และซื้อเพิ่มอีก {} ผลที่ตลาดในวันที่อากาศดี ตอนนี้เขามีแอปเปิลทั้งหมดกี่ผล"
KHMER = "សុខមានផ្លែប៉ោមចំនួន {} ហើយទិញបន្ថែម {} នៅផ្សារ តើឥឡូវនេះគាត់មានផ្លែប៉ោមប៉ុន្មាន"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CHINESE.format("三", "五", "两"), CHINESE.format("三", "五", "两").replace("？", "呢")),
        (CHINESE.format("三", "五", "两"), CHINESE.format("三", "五", "两").replace("，", "")),
        (CHINESE.format("三", "五", "两"), CHINESE.format(" 三 ", "五", "两").replace("，", ", ")),
        (CHINESE.format(3, 5, 2), CHINESE.format("４", "1,000", 7)),
        (f"Solve: {CHINESE.format(3, 5, 2)}", f"Solve: {CHINESE.format(4, 6, 1)}"),
        (JAPANESE.format(3, 4), JAPANESE.format(17, 25)),
        (JAPANESE.format(3, 4), JAPANESE.format(3, 4).replace("今", "では今")),
        ("ﾘﾝｺﾞはいくつ残りますか", "リンゴはいくつ残りますか?"),
        (THAI.format(3, 4), THAI.format(17, 2.5)),
        (THAI.format(3, 4), THAI.format(3, 4) + "ครับ"),
        (THAI.format(3, 4), THAI.format(3, 4).replace("ทั้งหมด", "\u200bทั้งหมด\u200b")),
        (KHMER.format(3, 4), KHMER.format(12, 9) + "។"),
    ],
)
def test_what_counts_as_the_same_without_blanks(one, other):
    assert near_groups([normal_form(one), normal_form(other)]) == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("秘鲁的首都是哪里？", "乍得的首都是哪里？"),
        ("请计算17乘以23的结果是多少？", "请计算18乘以23的结果是多少？"),
        ("17かける23はいくつですか", "17かける24はいくつですか"),
        ("เมืองหลวงของประเทศเปรูคืออะไร", "เมืองหลวงของประเทศชาดคืออะไร"),
        ("17 คูณ 23 เท่ากับเท่าไร", "17 คูณ 24 เท่ากับเท่าไร"),
        ("求函数在区间上的最大值。", "求函数在区间上的最小值。"),
        (CHINESE.format(3, 5, 2), CHINESE.format(3, 5, 2).replace("还剩下多少个水果", "几点钟了")),
        (THAI.format(3, 4), "แม่ค้าขายส้ม 3 ผล และขายมะม่วงอีก 4 ผลที่ตลาดเมื่อวานนี้ เธอได้เงินทั้งหมดกี่บาท"),
    ],
)
def test_what_does_not_without_blanks(one, other):
    assert near_groups([normal_form(one), normal_form(other)]) == [0, 1]


def test_a_word_of_another_language_stays_whole_among_them():
    assert normal_form("我的iPhone手机坏了") == ("我的", "iphone", "手机", "机坏", "坏了")
    assert normal_form("What does 漢字 mean?") == ("what", "does", "漢字", "mean")
    assert normal_form("한국의 수도는 어디입니까?") == ("한국의", "수도는", "어디입니까")


def test_of_long_texts_as_many_words_are_compared_as_elsewhere():
    letters = [chr(0x4E00 + n) for n in range(5000)]
    start = "".join(letters)
    ends = "".join(reversed(letters[:2000])), "".join(letters[1::2])
    one, other = (normal_form(start[:4000] + end) for end in ends)
    assert near_groups([one, other]) == [0, 1]  # 2,000 words are one, 1,000 are not
    assert near_groups([normal_form(start * 2), normal_form(start + start[:2000])]) == [0, 0]


BLANKS = [
    "What is 17 * 23?",
    STORY.format(3, "4,000.50"),
    "Naïve cafés: ﬁnd x² ≤ 3½, please_now!",
    "Сколько яблок осталось у Анны, если она съела 3 из 12?",
    "तुम्हारे पास कितने सेब हैं?",
    "كم تفاحة بقيت مع أحمد بعد أن أكل 3 تفاحات؟",
    "사과가 3개 있고 4개를 더 샀습니다. 지금 사과는 모두 몇 개입니까?",
    "Nếu An có 3 quả táo và mua thêm 4 quả nữa thì An có bao nhiêu quả?",
    "\u200bzero\u00a0width\u200b и 「quoted」 。",
    " ".join(f"w{n} {n}" for n in range(4000)),
]


def test_normal_forms_and_homes_of_texts_with_blanks_are_those_on_record():
    """What they hash to decides the splits of every task on record."""
    forms = [normal_form(text) for text in BLANKS]
    assert blake2b(repr(forms).encode(), digest_size=8).hexdigest() == "ca5fd899eeb5910f"
    items = [Item(str(n), text, "1") for n, text in enumerate(BLANKS)]
    places = place_items(items, scaled(SHARES), near=0.8).places
    assert blake2b(repr(places).encode(), digest_size=8).hexdigest() == "ab660ffcd339460d"


# -- splits ----------------------------------------------------------------------------------------

QUESTIONS = st.lists(
    st.tuples(TEXTS, st.sampled_from([None, None, "g1", "g2"])), max_size=14, unique=True
)


def split_by_question(rows, near=0.5, given_splits=None):
    items = [Item(str(n), text, "1", group) for n, (text, group) in enumerate(rows)]
    placed = place_items(items, scaled(SHARES), near=near, given=given_splits)
    return dict(zip(rows, placed.splits, strict=True))


@given(QUESTIONS, st.randoms(use_true_random=False), st.sampled_from([None, 0.5, 0.8]))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_file_does_not_matter(rows, random, near):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert split_by_question(rows, near) == split_by_question(shuffled, near)


@given(QUESTIONS, QUESTIONS)
@settings(max_examples=60, deadline=None)
def test_growth_never_moves_a_question_from_what_was_used_to_what_is_sealed(rows, more):
    before = split_by_question(rows)
    after = split_by_question(list(dict.fromkeys(rows + more)))
    moved = {row for row in rows if after[row] != before[row]}
    assert all(ORDER.index(after[row]) < ORDER.index(before[row]) for row in moved)
    # Whatever moved did so for a new question that it belongs with and whose split it has now.
    for row in moved:
        assert any(after[new] == after[row] for new in more if new not in before)


@given(QUESTIONS, QUESTIONS)
@settings(max_examples=60, deadline=None)
def test_growth_by_questions_that_nothing_is_near_to_moves_nothing(rows, more):
    strangers = [(text.translate(str.maketrans("abcd78+", "wxyz12-")), None) for text, _ in more]
    before = split_by_question(rows)
    after = split_by_question(list(dict.fromkeys(rows + strangers)))
    assert {row: after[row] for row in rows} == before


@given(QUESTIONS)
@settings(max_examples=60, deadline=None)
def test_what_belongs_together_is_on_one_side(rows):
    splits = split_by_question(rows)
    sides = defaultdict(set)
    for (text, group), split in splits.items():
        if group is not None:
            sides[group].add(split)
        for (other, _), its in splits.items():
            if overlap(text, other) >= 0.5:
                assert its == split
    assert all(len(found) == 1 for found in sides.values())


def test_a_new_near_duplicate_joins_and_one_near_to_two_sides_brings_both_to_the_first():
    base = [f"{n} quick brown foxes jump over the lazy dog {n} times" for n in range(300)]
    splits = split_by_question([(text, None) for text in base], near=0.8)
    test = next(text for (text, _), split in splits.items() if split == "test")
    search = next(text for (text, _), split in splits.items() if split == "search")
    bridge = f"{test} {search}"
    after = split_by_question([(text, None) for text in (test, search, bridge)], near=0.3)
    assert set(after.values()) == {"search"}
    copy = f"{test}!!"
    assert split_by_question([(test, None), (copy, None)], near=0.8)[copy, None] == "test"


def test_splits_of_the_file_hold_and_draw_what_is_near_to_them():
    rows = [(STORY.format(n, n), None) for n in range(3)] + [("Something else?", None)]
    told = split_by_question(rows, 0.8, ["test", None, None, "selection"])
    assert list(told.values()) == ["test", "test", "test", "selection"]
    both = split_by_question(rows, 0.8, ["test", "selection", None, None])
    assert list(both.values())[:3] == ["test", "selection", "selection"]


def test_shares_come_out_about_right():
    rows = [(f"{n} * {n + 1}", None) for n in range(4000)]
    splits = list(split_by_question(rows, 0.8).values())
    for split, share in SHARES.items():
        assert splits.count(split) / 4000 == pytest.approx(share, abs=0.03)
