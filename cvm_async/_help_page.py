"""`help()` of a package is a page: pydoc would print each public class in full there, some ten thousand lines.

It asks for nothing but `dir()`, as everybody does who completes a name. So only the asker tells the two apart.
"""

_PRINTS_A_MODULE = "docmodule"
"""The method of pydoc's that prints a module, as text and as HTML."""


def is_asked_for() -> bool:
    """Tell whether it is pydoc that asks what a package has. The package's docstring then says it all."""
    # Loaded here: only who asks pays for it.
    from inspect import currentframe  # noqa: PLC0415

    frame = currentframe()
    while frame is not None and frame.f_code.co_name != _PRINTS_A_MODULE:
        frame = frame.f_back
    return frame is not None
