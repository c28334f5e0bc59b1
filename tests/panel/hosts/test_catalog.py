"""What the later revision tells besides VPSes."""

from cvm_async.panel.hosts.catalog import TEMPLATES, by_id, location_of, node_of


def test_a_node_stands_where_its_vpses_say_that_it_does() -> None:
    assert node_of(3).location == location_of(3)
    assert (node_of(3).id, node_of(3).name) == (3, "node3")


def test_of_the_templates_some_cannot_be_installed_and_some_not_be_seen() -> None:
    assert {template.id for template in TEMPLATES if not template.available} == {5}
    assert {template.id for template in TEMPLATES if not template.visible} == {6}
    assert by_id(TEMPLATES)[4].outdated
