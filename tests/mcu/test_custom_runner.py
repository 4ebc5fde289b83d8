"""`test_framework = custom`: PlatformIO's parser of Unity's output, with check.h instead of the Unity library, which
PlatformIO would fetch from its registry."""

from platformio.test.runners.unity import UnityTestRunner


class CustomTestRunner(UnityTestRunner):
    EXTRA_LIB_DEPS = None

    def configure_build_env(self, env):
        return env
