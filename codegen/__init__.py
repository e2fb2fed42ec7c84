"""The compiler: graph IR, passes, formats, schedules, kernels, C rendering, toolchain."""
