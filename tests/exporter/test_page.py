"""The page as text, and in a real browser: what it shows at a phone's width, and what a hostname may not do."""

import base64
import hashlib
import re
import shutil
import subprocess
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve
from watches import BEGIN, LOST, reading, snapshot, used

from cvm_async import NoAnswerError, Reading, SplitTraffic
from cvm_async.exporter.page import POLICY, SHOWN, page
from cvm_async.exporter.views import views_of

ATTACK = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
CHROMIUM = shutil.which("chromium")


def shown(*readings: Reading, source: str = "") -> str:
    return page(views_of({source: snapshot(*readings)}, {}), BEGIN + timedelta(seconds=9))


def named(number: int, hostname: str) -> Reading:
    known = reading(number)
    return evolve(known, vps=evolve(known.vps, hostname=hostname))


class Words(HTMLParser):
    """The text of a page, and the tags in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_panel_says_what_its_vpses_do_and_how_old_that_is() -> None:
    text = " ".join(Words(shown(reading(1), reading(2, "stopped"), reading(3, node=2, error=LOST))).texts)
    assert "3 VPSes on 1 panel" in text
    assert "1 running, 1 stopped, 1 not read" in text
    assert "looked at 9 s ago" in text
    assert "node 2 down" in text


def test_several_nodes_are_named_together() -> None:
    readings = (reading(each, node=each, error=LOST if each > 1 else None) for each in (1, 2, 3))
    assert "nodes 2, 3 down" in shown(*readings)


def test_a_panel_that_cannot_be_listed_says_why() -> None:
    text = page(views_of({}, {"acme": NoAnswerError("no <b>answer</b>")}), BEGIN)
    assert "down" in text
    assert "no &lt;b&gt;answer&lt;/b&gt;" in text


def test_a_panel_of_which_nothing_can_be_read_says_why_too() -> None:
    assert "silent for long" in shown(reading(1, error=NoAnswerError("silent for long")))
    assert "silent for long" not in shown(reading(1, error=NoAnswerError("silent for long")), reading(2))


def test_before_anything_was_read_it_says_so() -> None:
    assert "Nothing has been read yet" in page((), BEGIN)
    assert "0 VPSes" in shown(source="acme")


def test_trouble_comes_first_and_the_rest_is_left_out() -> None:
    full = reading(3, traffic=used(90), limit=used(0, 100))
    running = [reading(number) for number in range(10, 10 + SHOWN)]
    text = shown(*running, full, reading(2, "stopped"), reading(1, error=LOST))
    ids = re.findall(r'</b> <span class="quiet">(\d+)</span>', text)
    assert ids[:3] == ["1", "3", "2"]
    assert len(ids) == SHOWN
    assert f"trouble first, {SHOWN} of {SHOWN + 3}" in text
    assert "90 B of 100 B (90%)" in text


def test_what_only_a_list_told_is_called_listed() -> None:
    known = evolve(reading(1), status=None, vps=evolve(reading(1).vps, node=None))
    assert "1 listed" in shown(known)


def test_a_direction_that_the_panel_does_not_count_is_left_out() -> None:
    assert ">out 2 B of 4 B (50%)<" in shown(reading(1, traffic=SplitTraffic(None, 2), limit=SplitTraffic(0, 0, 4, 4)))


@pytest.mark.parametrize("hostname", [ATTACK, '"><svg onload=x>', "</style><script>", "&lt;b&gt;", "\x00\ud800"])
def test_whatever_a_hostname_is_it_stays_text(hostname: str) -> None:
    plain, odd = Words(shown(named(1, "web"))), Words(shown(named(1, hostname)))
    assert odd.tags == plain.tags
    assert shown(named(1, hostname)).encode()


def test_its_style_is_the_one_that_the_policy_allows() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", shown(reading(1)), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY["Content-Security-Policy"]


def test_it_asks_nothing_of_anybody_else() -> None:
    assert "//" not in re.sub(r"<!doctype[^>]*>", "", shown(reading(1)))


PHONE = """<iframe id="phone" src="fleet.html" style="border: 0; width: 360px; height: 640px"></iframe><p id="told"></p>
<script>onload = () => {
  const frame = document.getElementById("phone"), page = frame.contentDocument, look = frame.contentWindow;
  const ink = look.getComputedStyle(page.body), root = page.documentElement;
  document.getElementById("told").textContent = [root.scrollWidth - root.clientWidth, page.title,
    page.querySelectorAll("script, img").length, ink.color, ink.backgroundColor].join(" | ");
}</script>"""
"""A frame as wide as a phone, as a browser's own window does not get that narrow, and what was found in it."""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_in_a_browser_a_script_in_a_hostname_is_text_and_a_phone_need_not_scroll(tmp_path: Path) -> None:
    readings = (named(1, ATTACK), named(2, "w" * 250), reading(3, traffic=used(10**13), limit=used(0, 10**14)))
    # A browser takes a policy from a file, too, but for what frames it.
    allowed = POLICY["Content-Security-Policy"].replace("; frame-ancestors 'none'", "")
    policy = f'<head><meta http-equiv="Content-Security-Policy" content="{allowed}">'
    (tmp_path / "fleet.html").write_text(shown(*readings).replace("<head>", policy), "utf-8")
    (tmp_path / "phone.html").write_text(PHONE, "utf-8")
    hidden, title, elements, *light = in_browser(tmp_path)
    assert (hidden, title, elements) == ("0", "3 VPSes on 1 panel", "0")
    *_, ink, paper = in_browser(tmp_path, "--blink-settings=preferredColorScheme=0")
    assert [ink, paper] == ["rgb(230, 233, 237)", "rgb(18, 22, 27)"] != light


def in_browser(folder: Path, *flags: str) -> list[str]:
    always = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom")
    profile = f"--user-data-dir={folder / 'profile'}"
    ran = subprocess.run(  # noqa: S603 - the browser that was found
        [str(CHROMIUM), *always, profile, *flags, (folder / "phone.html").as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r'<p id="told">(.*?)</p>', ran.stdout)
    assert found is not None
    return found[1].split(" | ")
