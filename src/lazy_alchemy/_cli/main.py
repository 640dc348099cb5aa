"""The entry point of the ``lazy-alchemy`` command; the command itself is in ``app``.

This module imports nothing of the ``cli`` extra at the top, so that a missing extra can be reported in one line.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module

__all__ = ["main"]


def main() -> None:
    """Run the ``lazy-alchemy`` command on ``sys.argv``, and exit with its status.

    Raises:
        SystemExit: Always: 0 for success, 1 for failure, 2 for wrong usage.
    """
    try:
        try:
            import_module("rich")
            import_module("typer")
        except ImportError:
            sys.exit('lazy-alchemy needs its command-line extra: pip install "lazy-alchemy[cli]"')

        from lazy_alchemy._cli.app import run

        run()
    except KeyboardInterrupt:  # during the import: later, the command itself handles it
        sys.exit(_INTERRUPTED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # Otherwise Python would try to write the rest again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"error: the output cannot be written: {error.strerror}")


_INTERRUPTED = 130  # the exit status that shells give for SIGINT


if __name__ == "__main__":
    main()
