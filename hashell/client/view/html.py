"""A status display as an HTML page: the same lists as the text, with classes for colours."""

from __future__ import annotations

from lxml import etree

from hashell.client.view.outline import Outline

_STYLE = """\
.bold { font-weight: bold }
.online { color: green }
.offline { color: red }
.maint { color: blue }
.standby { color: blue }
.health_red { color: red }
.health_yellow { color: GoldenRod }
.rsc-failed { color: red }
.rsc-failure-ignored { color: DarkGreen }
.rsc-managed { color: blue }
.rsc-multiple { color: orange }
.rsc-ok { color: green }
.warning { color: red; font-weight: bold }"""


class HtmlOutline(Outline):
    """Collects list items in a page. Blank lines mean nothing here."""

    is_page = True

    def __init__(self, title: str = "Cluster Status") -> None:
        super().__init__()
        self.root = etree.Element("html", lang="en")
        head = etree.SubElement(self.root, "head")
        etree.SubElement(head, "title").text = title
        etree.SubElement(head, "meta", charset="utf-8")
        etree.SubElement(head, "style").text = _STYLE
        self.body = etree.SubElement(self.root, "body")
        self._lists: list[etree._Element] = []

    def begin(self, heading: str, html: str | None = None) -> None:
        place = etree.SubElement(self._lists[-1], "li") if self._lists else self.body
        etree.SubElement(place, "h3" if self._lists else "h2").text = heading if html is None else html
        self._lists.append(etree.SubElement(place, "ul"))

    def begin_in_item(self, heading: str) -> None:
        """A list in the last item."""
        place = etree.SubElement(self._lists[-1][-1], "li")
        etree.SubElement(place, "h3").text = heading
        self._lists.append(etree.SubElement(place, "ul"))

    def begin_part(self, heading: str) -> None:
        if heading:
            self.begin(heading)
        else:
            self._lists.append(self._lists[-1])

    def end(self) -> None:
        self._lists.pop()

    def begin_some(self, heading: str, blank: bool = False, html: str | None = None) -> int:
        self.begin(heading, html)
        return 0

    def end_some(self, start: int) -> bool:
        items = self._lists.pop()
        if len(items):
            return True
        heading = items.getprevious()
        place = items.getparent()
        assert heading is not None and place is not None
        place.remove(heading)
        place.remove(items)
        if place.tag == "li":
            above = place.getparent()
            assert above is not None
            above.remove(place)
        return False

    def count(self) -> int:
        return len(self._lists[-1]) if self._lists else len(self.body)

    def item(self, text: str, css: str = "", spans: list[tuple[str, str]] | None = None, item_css: str = "") -> None:
        line = etree.SubElement(self._lists[-1], "li", {"class": item_css} if item_css else {})
        if css:
            etree.SubElement(line, "span", {"class": css}).text = text
        elif spans is not None:
            for name, words in spans:
                etree.SubElement(line, "span", {"class": name} if name else {}).text = words
        else:
            line.text = text

    def page_only(self, spans: list[tuple[str, str]]) -> None:
        self.item("", spans=spans)

    def blank(self) -> None:
        pass

    def text(self, text: str) -> None:
        self.item(text)

    def info(self, text: str) -> None:
        self.item(text)

    def __str__(self) -> str:
        page: str = etree.tostring(self.root, method="html", pretty_print=True, encoding="unicode")
        return "<!DOCTYPE html>\n" + page
