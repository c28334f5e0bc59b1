from hypothesis import given, strategies as st

from cvm_async._gates.node_queue import NodeQueue


@given(st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.integers())))
def test_a_queue_hands_out_all_in_order_within_each_node_and_in_rotation_over_the_nodes(
    items: list[tuple[int | None, int]],
) -> None:
    queue: NodeQueue[int | None, tuple[int | None, int]] = NodeQueue()
    for node, item in items:
        queue.add(node, (node, item))
    assert len(queue) == len(items)
    taken: list[tuple[int | None, int]] = []
    while (pair := queue.take(lambda _: True)) is not None:
        taken.append(pair)
    assert len(queue) == 0
    for node in {node for node, _ in items}:
        assert [pair for pair in taken if pair[0] == node] == [pair for pair in items if pair[0] == node]
    nodes = [node for node, _ in taken]
    for place in range(1, len(nodes)):
        # A node comes twice in a row only when no other has anything left.
        assert nodes[place - 1] != nodes[place] or set(nodes[place:]) == {nodes[place]}


def test_a_queue_passes_over_nodes_that_are_not_admitted() -> None:
    queue: NodeQueue[int, str] = NodeQueue()
    queue.add(1, "first")
    queue.add(2, "second")
    assert queue.take(lambda node: node == 2) == "second"
    assert queue.take(lambda node: node == 2) is None
    assert queue.clear() == ["first"]
    assert len(queue) == 0


def test_it_counts_what_waits_and_for_how_many_nodes() -> None:
    queue: NodeQueue[int | None, str] = NodeQueue()
    for node in (1, None, 1):
        queue.add(node, "item")
    assert (len(queue), queue.nodes) == (3, 2)
    queue.clear()
    assert (len(queue), queue.nodes) == (0, 0)
