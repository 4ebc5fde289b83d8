"""The line and the console to a board or the emulator."""
