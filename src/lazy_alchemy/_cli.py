"""The entry point of the ``lazy-alchemy`` command; the command itself is ``_cli_app``.

Nothing is imported here that the ``cli`` extra brings, so that a missing extra can be said in one line.
"""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Run the ``lazy-alchemy`` command on ``sys.argv``, and exit with its status.

    Raises:
        SystemExit: Always: 0 when it worked, 1 when it did not, 2 when it was called wrongly.
    """
    try:
        import_module("rich")
        import_module("typer")
    except ImportError:
        sys.exit('lazy-alchemy needs its command-line extra: pip install "lazy-alchemy[cli]"')

    from lazy_alchemy._cli_app import run

    run()


if __name__ == "__main__":
    main()
