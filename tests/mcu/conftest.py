"""PlatformIO finds its test runner by this name; pytest must not take it for a test file."""

collect_ignore = ["test_custom_runner.py"]
