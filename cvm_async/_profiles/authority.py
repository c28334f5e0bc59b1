"""Whom to trust where no public authority vouches for a panel: those of a file, and nobody else."""

import ssl

from cvm_async._safe_text import safe_text
from cvm_async.errors import ConfigurationError


def trusting(ca_file: str) -> ssl.SSLContext:
    """Give TLS settings that trust whoever the authorities of this file vouch for, and nobody else.

    Raises:
        ConfigurationError: The file can't be read, or holds no certificate.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Also whoever signs below an authority, or only for itself.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(ca_file)
    except ssl.SSLError:
        msg = f"{safe_text(ca_file)} holds no certificate in PEM"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"the certificates of {safe_text(ca_file)!r} cannot be read: {reason}"
    else:
        return context
    raise ConfigurationError(msg)
