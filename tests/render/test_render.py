from cvm_async import render


def test_what_it_gives_is_there_and_no_more() -> None:
    assert all(hasattr(render, name) for name in render.__all__)
