"""The day pack: complete, self-contained, the same bytes each time, and never taken in by what files contain."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest

from billing_recon.compute.engine import session
from billing_recon.core.errors import GateRefused
from billing_recon.core.schema import BREAKS
from billing_recon.report import day_pack, day_tables
from billing_recon.report.day_pack import write_day_pack
from billing_recon.report.day_sections import SECTIONS, SHOWN_PER_CODE
from billing_recon.report.exports import breaks_csv, breaks_script
from billing_recon.report.stored_rows import Sum, breaks
from billing_recon.report.terminal import Col, Table
from billing_recon.report.trends import trends
from billing_recon.report.waterfall import waterfall
from billing_recon_tests.report.books import DAY, QUIET, TOO_DEAR, keep_books, put


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports folder with both days' packs."""
    home = keep_books(tmp_path_factory.mktemp("books") / "home")
    for day in (DAY, QUIET):
        write_day_pack(home, day)
    return home.state / "reports"


class Text(HTMLParser):
    """The words of a page, and the tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def read(page: Path) -> Text:
    text = Text()
    text.feed(page.read_text(encoding="utf-8"))
    return text


def test_the_pack_says_verdict_conditions_totals_breaks_landing_metrics_and_evidence(pages: Path) -> None:
    said = " ".join(read(pages / "2026-03-02" / "day_pack.html").words)
    for part in (
        "FAIL",
        "3 open breaks; the policy allows 0.",
        "1,234,585.35",
        "+17.85 EUR",
        "-1,050 JPY",
        "C-1 was charged 0.03 an api_call",
        "tickets NO DATA",
        "expected_invoices 12 quarantined_money 0",
        "invoice_lines present 4 1 2 1",
        "landing/invoice_lines/2026-03-02.csv",
        "Policy version 1",
    ):
        assert part in said, part
    assert re.search(r"Evidence hash [0-9a-f]{64}", said)


def test_sections_are_in_the_order_of_the_registry(pages: Path) -> None:
    for day in (DAY, QUIET):
        headings = re.findall(r"<h2>(.*?)</h2>", (pages / str(day) / "day_pack.html").read_text(encoding="utf-8"))
        assert {"Control totals", "Breaks", "Landing", "Metrics", "Evidence"} <= set(headings)
        assert headings == [section.heading for section in SECTIONS if section.heading in headings]


def test_the_pack_needs_nothing_from_outside(pages: Path) -> None:
    for page in pages.rglob("*.html"):
        for tag, attributes in read(page).tags:
            assert tag not in ("link", "img", "iframe"), page
            assert tag != "script" or not attributes, "a script is written into the page, and only for its search"
            for name in ("href", "src"):
                target = attributes.get(name) or ""
                assert not target.startswith(("http", "//")), target
                if target:
                    assert (page.parent / target).is_file(), target


def test_what_files_contain_is_shown_and_never_run(pages: Path) -> None:
    page = (pages / "2026-03-02" / "day_pack.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;S-1&lt;/b&gt;" in page


def test_every_table_has_a_caption_and_headings_for_a_screen_reader(pages: Path) -> None:
    tags = [tag for tag, _ in read(pages / "2026-03-02" / "day_pack.html").tags]
    assert tags.count("table") == tags.count("caption") > 5
    assert all("scope" in attributes for tag, attributes in read(pages / "index.html").tags if tag == "th")


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    home = keep_books(tmp_path / "home")

    def written() -> dict[str, bytes]:
        write_day_pack(home, DAY)
        write_day_pack(home, QUIET)
        root = home.state / "reports"
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    first = written()
    assert written() == first
    assert set(first) == {
        "index.html",
        *(f"{day}/{name}" for day in (DAY, QUIET) for name in ("breaks.csv", "day_pack.html", "summary.json")),
    }
    assert first[f"{DAY}/breaks.csv"].decode() == breaks_csv(breaks(home, DAY, DAY))


def test_the_index_lists_days_with_their_verdicts(pages: Path) -> None:
    said = " ".join(read(pages / "index.html").words)
    assert "2026-03-03 PASS" in said
    assert "2026-03-02 FAIL 1 3 17.85 EUR, 1,050 JPY LEDGER_MISSING, PRICE_VERSION, USAGE_MISSING" in said
    assert said.index("2026-03-03") < said.index("2026-03-02"), "the newest first"


def test_a_day_without_a_verdict_has_no_pack(tmp_path: Path) -> None:
    home = keep_books(tmp_path / "home")
    with pytest.raises(GateRefused, match="never been judged"):
        write_day_pack(home, DAY.replace(day=9))


def test_the_first_screen_says_what_blocks_whose_it_is_how_much_and_what_to_do(pages: Path) -> None:
    said = " ".join(read(pages / "2026-03-02" / "day_pack.html").words)
    top = said[: said.index("Tie-out")]
    for part in ("FAIL", "3 open breaks", "1,050 JPY", "accounting 1 1,050 JPY", "metering 1 12.5 units", "Next:"):
        assert part in top, part
    after = " ".join(read(pages / "2026-03-03" / "day_pack.html").words)
    assert "accounting 1 1,050 JPY 1 day" in after, "what is still open from the day before, and its age"


def test_the_tie_out_puts_each_amount_under_its_layer_and_foots(pages: Path) -> None:
    said = " ".join(read(pages / "2026-03-02" / "day_pack.html").words)
    assert "EUR expected and billed 1,234,567.50 1,234,585.35 +17.85 +17.85 yes" in said
    assert "JPY billed and booked 9,050 8,000 -1,050 -1,050 yes" in said
    wrong = " ".join(read(pages / "2026-03-03" / "day_pack.html").words)
    assert "no: -17.85 EUR is not explained" in wrong


def test_the_working_of_a_break_is_one_click_away_and_needs_no_script(pages: Path) -> None:
    page = (pages / "2026-03-02" / "day_pack.html").read_text(encoding="utf-8")
    working = page[page.index('id="a1b2c3d4e5f60718"') :]
    for part in ("PRICE_VERSION", "+15.00", "+17.85", "billing-platform owns this"):
        assert part in working[: working.index("</details>")], part


def test_a_day_leads_to_the_day_before_and_after_it(pages: Path) -> None:
    assert 'rel="next" href="../2026-03-03/day_pack.html"' in (pages / "2026-03-02" / "day_pack.html").read_text()
    assert 'rel="prev" href="../2026-03-02/day_pack.html"' in (pages / "2026-03-03" / "day_pack.html").read_text()


def test_a_waterfall_ends_at_the_net_of_its_codes_and_says_so_in_words() -> None:
    drawn = waterfall("EUR", [(f"C{n}", Decimal(n)) for n in range(1, 12)])
    assert [bar.label for bar in drawn.bars][-2:] == ["+6.00 EUR", "+66.00 EUR"]
    assert [bar.name for bar in drawn.bars][-2:] == ["3 other codes", "Net difference"]
    assert drawn.bars[0].x == drawn.zero
    assert "C11 +11.00 EUR" in drawn.told


def test_what_changed_since_the_day_before_is_listed_and_what_is_the_same_is_not(pages: Path) -> None:
    said = " ".join(read(pages / "2026-03-03" / "day_pack.html").words)
    since = said[said.index("Since the day before") : said.index("Compared with 2026-03-02")]
    for part in ("verdict FAIL PASS", "money in breaks, EUR 17.85 0.00 -17.85", "LEDGER_MISSING 1 0 gone"):
        assert part in since, part
    assert "Since the day before" not in " ".join(read(pages / "2026-03-02" / "day_pack.html").words)


def test_codes_that_are_new_gone_and_more_are_told_the_largest_change_first() -> None:
    def found(code: str, number: int) -> Sum:
        return Sum(DAY, code, "EUR", number, number, Decimal(5), Decimal(5))

    before = [found("CAP", 3), found("ROUNDING", 2), found("TAX_BASE", 1)]
    table = day_tables.since(
        [("verdict", "PASS", "PASS")],
        [("breaks", 6, 14)],
        before,
        [found("CAP", 10), found("MINIMUM", 3), found("TAX_BASE", 1)],
        DAY,
    )
    assert table.rows == [
        ("breaks", "6", "14", "+8"),
        ("CAP", "3", "10", "+7"),
        ("MINIMUM", "0", "3", "new"),
        ("ROUNDING", "2", "0", "gone"),
    ]


def test_a_trend_shows_the_band_of_today_and_says_that_today_is_outside() -> None:
    history = [
        {"metric": "total_billed", "currency": "EUR", "day": DAY - timedelta(days=n), "value": Decimal(100 + n)}
        for n in range(9)
    ]
    band = {
        "metric": "total_billed",
        "currency": "EUR",
        "value": Decimal(100),
        "band_low": Decimal(103),
        "band_high": Decimal(108),
    }
    (drawn,) = trends(history, [band], DAY)
    assert drawn.outside
    assert drawn.told == "total billed, EUR over 9 days, today 100.00 EUR, expected 103.00 to 108.00"
    assert drawn.band is not None
    assert drawn.today[1] > drawn.band[0] + drawn.band[1], "today lies below the band"
    assert len(drawn.points.split()) == 9


def test_a_metric_without_an_earlier_day_has_no_trend() -> None:
    assert trends([{"metric": "total_billed", "currency": "EUR", "day": DAY, "value": Decimal(1)}], [], DAY) == []


def test_the_page_of_many_breaks_has_the_largest_of_each_code_and_stays_small(tmp_path: Path) -> None:
    home = keep_books(tmp_path / "home")
    con = session()
    many = [{**TOO_DEAR, "break_id": f"b{n:05}", "delta": f"{n}.00"} for n in range(1, 3001)]
    put(con, home, BREAKS, DAY, many)
    con.close()
    page = write_day_pack(home, DAY).read_text(encoding="utf-8")
    assert len(re.findall('class="break"', page)) == SHOWN_PER_CODE
    assert "+3,000.00 EUR" in page
    assert 'id="b02975"' not in page
    assert len(page) < 200_000
    assert len((home.state / "reports" / str(DAY) / "breaks.csv").read_text().splitlines()) == 3001


def test_what_the_search_reads_is_data_whatever_files_contain() -> None:
    hostile = '</script>"];alert(1)//\n\u2028'
    row = {**TOO_DEAR, "delta": Decimal("17.85"), "customer_id": hostile, "explanation": hostile}
    script = breaks_script([row, {**row, "break_id": "larger", "delta": Decimal("-20")}])
    listed = json.loads(script.removeprefix("window.ALL_BREAKS = ").removesuffix(";\n"))
    assert [one[0] for one in listed] == ["larger", TOO_DEAR["break_id"]], "the largest first"
    assert listed[1][4:] == ["+17.85 EUR", hostile]


def test_a_long_section_shows_its_first_rows_and_links_a_file_with_all(tmp_path: Path) -> None:
    """A day with thousands of documents has a page that opens; the file beside it has every row, in the same order."""
    rows = [(str(number), "=1+1") for number in range(day_pack.ROWS_MAX + 5)]
    section = next(one for one in SECTIONS if one.heading == "Landing")
    long = replace(section, content=lambda _: Table([Col("row"), Col("text")], rows))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(day_pack, "SECTIONS", (long,))
        ((_, content, export),) = day_pack._sections(cast("Any", None), tmp_path)
    assert len(content.rows) == day_pack.ROWS_MAX
    assert export == ("rows_landed_per_table.csv", day_pack.ROWS_MAX + 5)
    written = (tmp_path / "rows_landed_per_table.csv").read_text(encoding="utf-8").splitlines()
    assert (written[0], written[-1], len(written)) == ("row,text", "204,'=1+1", day_pack.ROWS_MAX + 6)
