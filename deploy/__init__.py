"""Putting a converted model onto a Raspberry Pi, a board or the emulator."""
