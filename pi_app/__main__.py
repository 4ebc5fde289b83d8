"""`python -m pi_app`: the same as the `bitmar` command."""

import sys

from pi_app.command import main

sys.exit(main())
