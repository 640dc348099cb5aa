"""The entry point of the ``lazy-alchemy`` command; the command itself is ``_cli_app``.

Nothing is imported here that the ``cli`` extra brings, so that a missing extra can be said in one line.
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
        SystemExit: Always: 0 when it worked, 1 when it did not, 2 when it was called wrongly.
    """
    try:
        try:
            import_module("rich")
            import_module("typer")
        except ImportError:
            sys.exit('lazy-alchemy needs its command-line extra: pip install "lazy-alchemy[cli]"')

        from lazy_alchemy._cli.app import run

        run()
    except KeyboardInterrupt:  # while it was still being imported: later, the command itself takes care
        sys.exit(_INTERRUPTED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # Python would try to write the rest once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"error: the output cannot be written: {error.strerror}")


_INTERRUPTED = 130  # what a shell makes of SIGINT


if __name__ == "__main__":
    main()
