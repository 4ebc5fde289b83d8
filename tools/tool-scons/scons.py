"""PlatformIO starts <tool-scons>/scons.py with its own Python; hand over to the SCons that pip installed."""

import sys

try:
    import SCons.Script
except ImportError:
    sys.exit(f"SCons is not installed for {sys.executable}: pip install scons==4.11.1")

if __name__ == "__main__":
    SCons.Script.main()
