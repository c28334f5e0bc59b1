import pytest

pytest_plugins = ["pytester"]

# Without pytest-asyncio, to show that nothing of it is needed; the plugin itself is found by its entry point.
OPTIONS = ("-p", "no:asyncio", "--strict-markers", "-W", "error")


def run(pytester: pytest.Pytester, tests: str) -> pytest.RunResult:
    """Run them in this process: starting another one takes longer than all of them."""
    pytester.makepyfile(tests)
    return pytester.runpytest_inprocess(*OPTIONS)


def test_the_fixture_is_a_running_panel_for_a_plain_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import urllib.request

        def test_panel(cvm_panel):
            headers = {
                "API-Public-Token": cvm_panel.public_token,
                "API-Private-Token": cvm_panel.private_token,
            }
            request = urllib.request.Request(f"{cvm_panel.url}/api/client/vps/list", headers=headers)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request) as answer:
                assert answer.status == 200
            assert len(cvm_panel.world) == 200
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_marker_says_what_the_panel_is_made_with(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.cvm_panel(vpses=10, nodes=2, path_prefix="/cvm")
        def test_panel(cvm_panel):
            assert (len(cvm_panel.world), len(cvm_panel.world.nodes)) == (10, 2)
            assert cvm_panel.url.endswith("/cvm")
        """,
    )
    result.assert_outcomes(passed=1)


def test_a_knob_that_there_is_not_is_an_error(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.cvm_panel(vpsen=10)
        def test_panel(cvm_panel):
            pass
        """,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unexpected keyword argument 'vpsen'*"])


def test_who_does_not_use_it_does_not_pay_for_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert "uvicorn" not in sys.modules
            assert "cvm_async.panel.server" not in sys.modules
        """
    )
    # What is imported in this process says nothing.
    result = pytester.runpytest_subprocess(*OPTIONS)
    result.assert_outcomes(passed=1)
