"""A list is taken entry by entry, and tells when others should have a turn; see `test_decode` for what is read."""

import pytest

from cvm_async._api.listing import Listing
from cvm_async._api.php import Json

GOOD: dict[str, Json] = {
    "id": 1,
    "hostname": "a",
    "virtualization_type": 1,
    "guaranteed_ram": 1,
    "disk_space": 1,
    "cpu_count": 1,
}


BAD: dict[str, Json] = {**GOOD, "cpu_count": None}
TURNS: list[tuple[Json, int]] = [(GOOD, 250), (BAD, 50), (5, 50)]


@pytest.mark.parametrize(("entry", "most"), TURNS, ids=["good", "bad", "no VPS"])
def test_others_have_their_turns_after_few_entries_and_sooner_after_bad_ones(entry: Json, most: int) -> None:
    listing = Listing()
    turns = [key for key in range(1000) if listing.take(key, entry)]
    assert len(turns) > 0
    assert max(second - first for first, second in zip([-1, *turns], turns, strict=False)) <= most


def test_the_whole_of_it_has_its_vpses_in_order_and_its_problems() -> None:
    listing = Listing()
    entries: list[Json] = [{**GOOD, "id": 7}, 5, {**GOOD, "id": 3}]
    for key, entry in enumerate(entries):
        listing.take(key, entry)
    whole = listing.whole()
    assert [vps.id for vps in whole] == [7, 3]
    assert [str(problem) for problem in whole.problems] == ["response.vpses[1] is 5, not an object"]
