"""`python -m pi_app`: the same as the `bitmar` command."""

import sys

from pi_app.console_command import main

sys.exit(main())
