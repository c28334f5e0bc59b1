"""The server says what it is for, to any client, and what it may not be taken for."""

import pytest
from assistants import ERAS, Era, assistant
from panels import fleet_of
from virtual_time import virtual

from cvm_async import __version__
from cvm_async.mcp.texts import NOTE
from cvm_async.panel import PanelApp


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("allow_power", "said"), [(False, "can only look"), (True, "must agree")], ids=["looks", "acts"]
)
@virtual
async def test_its_instructions_say_what_it_can_do_and_what_its_texts_are(
    era: Era,
    allow_power: bool,  # noqa: FBT001
    said: str,
) -> None:
    async with assistant(PanelApp(vpses=fleet_of(1)), era=era, allow_power=allow_power) as here:
        instructions = here.client.instructions
        assert instructions is not None
        assert instructions.startswith("VPSes on CVM panels: work.")
        assert NOTE in instructions
        assert said in instructions
        assert here.client.server_info is not None
        assert (here.client.server_info.name, here.client.server_info.version) == ("cvm-async", __version__)
