"""From C text to a program: compilers, the object cache and the runner around each model."""
