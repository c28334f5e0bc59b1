"""What the environment says of panels, as a value: whoever prints it, or the locals of a traceback, finds no token."""

import os
from collections.abc import Mapping
from typing import cast

from attrs import frozen

from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError
from cvm_async.settings import Api

VARIABLES = {"url": "CVM_URL", "public_token": "CVM_PUBLIC_TOKEN", "private_token": "CVM_PRIVATE_TOKEN"}
"""Where the panel and the tokens are looked for."""


@frozen
class Environment:
    """What some variables say; one that is set to nothing is not set.

    Attributes:
        url: `CVM_URL`.
        public_token: `CVM_PUBLIC_TOKEN`; None where it is not set.
        private_token: `CVM_PRIVATE_TOKEN`; None where it is not set.
        profile: `CVM_PROFILE`.
        api: `CVM_API`; None where it is not set.
        config_home: `XDG_CONFIG_HOME`.
    """

    url: str = ""
    public_token: Secret | None = None
    private_token: Secret | None = None
    profile: str = ""
    config_home: str = ""
    api: Api | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str] | None = None) -> "Environment":
        """Read the variables; this process's own if None."""
        given = os.environ if environ is None else environ

        def secret(key: str) -> Secret | None:
            return Secret(given[VARIABLES[key]]) if given.get(VARIABLES[key]) else None

        return cls(
            url=given.get(VARIABLES["url"], ""),
            public_token=secret("public_token"),
            private_token=secret("private_token"),
            profile=given.get("CVM_PROFILE", ""),
            config_home=given.get("XDG_CONFIG_HOME", ""),
            # A session refuses another word.
            api=cast("Api | None", given.get("CVM_API") or None),
        )

    @property
    def missing(self) -> list[str]:
        """The variables that a session needs and that are not set."""
        return [variable for key, variable in VARIABLES.items() if not getattr(self, key)]

    def pair(self) -> tuple[Secret, Secret]:
        """Give both tokens.

        Raises:
            ConfigurationError: The panel or a token is not set; it names all that are not.
        """
        if self.public_token is None or self.private_token is None or not self.url:
            msg = f"not set in the environment: {', '.join(self.missing)}"
            raise ConfigurationError(msg)
        return self.public_token, self.private_token
