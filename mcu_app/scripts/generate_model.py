"""PlatformIO pre-script : turns the converted model into C before the firmware is compiled."""
