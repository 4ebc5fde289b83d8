"""SHA-256 without OpenSSL: `hashlib` loads it whole, 3.5 MB of RAM, which is more than the model takes.

The standard library's `random` takes its hash the same way, for the same reason.
"""

from __future__ import annotations

try:  # CPython 3.12 and later
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:  # another Python
        from hashlib import sha256

__all__ = ["sha256"]
