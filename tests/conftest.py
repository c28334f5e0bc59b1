"""What tests of several modules need: a certificate authority of our own, and an environment without proxies."""

import ssl

import pytest
import trustme
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair: with hypothesis's own deadline of 200 ms, and its complaint about
# slow data, tests failed where the machine was busy. Not derandomized: every run, on each Python, tries other examples,
# so that a few in each run are many in a week; one that fails is printed so that it can be run again.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50, print_blob=True
)
settings.load_profile("any machine")

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def no_proxies_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # trustme is typed with pyOpenSSL's contexts too, which need not be installed.
    authority.issue_cert("127.0.0.1", "panel.invalid").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] -- as above
    return context
