"""The picture of a flow: every box and label has its own place, whatever the flow."""

import re
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from bots.reception import bot
from dialtone import drawing, layered
from dialtone.dialogs.explorer import explore
from dialtone.dialogs.explorer.flow import Flow, Link, Node, flow_of

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    count = draw(st.integers(1, 9))
    texts = st.text("abc <&\"'>", min_size=1, max_size=60)
    nodes = [Node(number, "asks" if number else "begins", (draw(texts),)) for number in range(count)]
    pairs = draw(st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=16))
    links = [Link(*pair, draw(st.lists(texts, max_size=2))) for pair in sorted(pairs)]
    return Flow(nodes, links)


def boxes(picture: str) -> list[tuple[float, float, float, float]]:
    rectangles = ElementTree.fromstring(picture).findall(f"{SVG}rect")[1:]
    return [tuple(float(each.attrib[name]) for name in ("x", "y", "width", "height")) for each in rectangles]  # type: ignore[misc]  # four of them


@settings(max_examples=100, deadline=None)
@given(flow=flows())
def test_nothing_lies_over_anything(flow: Flow) -> None:
    picture = layered.svg(flow, "a bot")
    _, _, width, height = map(float, ElementTree.fromstring(picture).attrib["viewBox"].split())
    found = boxes(picture)
    labels = sum(1 for link in flow.links if link.labels and link.source != link.target)
    assert len(found) == len(flow.nodes) + labels
    for x, y, wide, high in found:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
    for (x0, y0, w0, h0), (x1, y1, w1, h1) in combinations(found, 2):
        assert x0 + w0 <= x1 + 1 or x1 + w1 <= x0 + 1 or y0 + h0 <= y1 or y1 + h1 <= y0


def test_the_picture_has_every_word_and_both_schemes() -> None:
    flow = flow_of(explore(bot))
    picture = layered.svg(flow, "bots.reception:bot")
    words = re.sub(r"<[^>]*>", " ", picture).split()
    for node in flow.nodes:
        assert set(" ".join(drawing.title_of(node)).split()) <= set(words)
    for link in flow.links:
        assert set(", ".join(link.labels).split()) <= set(words)
    assert "prefers-color-scheme: dark" in picture
    assert picture == layered.svg(flow_of(explore(bot)), "bots.reception:bot")


def test_mermaid_says_no_character_of_its_own_syntax() -> None:
    flow = Flow([Node(0, "begins", ("a",)), Node(1, "says", ('say "<b>#1</b>"',))], [Link(0, 1, ['"x"'])])
    assert drawing.mermaid(flow).splitlines()[1:] == [
        '    n0(["a"])',
        '    n1["say say #quot;#lt;b#gt;#35;1#lt;/b#gt;#quot;"]',
        '    n0 -->|"#quot;x#quot;"| n1',
    ]
