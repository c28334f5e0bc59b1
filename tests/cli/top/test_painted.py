"""Lines are drawn as they are, over the whole width, and only where they have changed."""

from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region

from cvm_async.cli.top.lines.look import Line, Tone, plain
from cvm_async.cli.top.painted import Painted, strip_of

LINE: Line = (("● ", Tone.GOOD), ("web", Tone.PLAIN))


def test_a_line_fills_the_width_in_its_tones() -> None:
    strip = strip_of(LINE, 8, Style())
    assert strip.text == "● web   "
    assert next(segment.style for segment in strip) == Style.parse("green")


def test_under_the_cursor_it_has_the_terminals_two_colours_swapped_and_no_others() -> None:
    strip = strip_of(LINE, 8, Style(), under_cursor=True)
    assert strip.text == "● web   "
    assert {segment.style for segment in strip} == {Style(reverse=True)}


class Drawing(Painted):
    """Notes what is drawn again."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[Region, ...]] = []

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> "Drawing":
        self.drawn.append(regions)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Host(App[None]):
    CSS = "Painted { height: 2; }"

    def compose(self) -> ComposeResult:
        yield Drawing()


async def test_only_what_changed_is_drawn_again() -> None:
    async with Host().run_test(size=(20, 5)) as pilot:
        drawing = pilot.app.query_one(Drawing)
        drawing.show([plain("a"), plain("b"), plain("c")])
        await pilot.pause()
        assert drawing.render_line(0).text.strip() == "b"
        assert drawing.render_line(1).text.strip() == "c"
        assert drawing.render_line(9).text.strip() == ""
        drawing.drawn.clear()
        drawing.show([plain("a"), plain("b"), plain("c")])
        assert drawing.drawn == []
        # The first line does not show: there is room for two.
        drawing.show([plain("x"), plain("b"), plain("z")])
        assert drawing.drawn == [(Region(0, 1, 20, 1),)]
