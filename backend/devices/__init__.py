"""Devices as the backend sees them: the registry's rows, builds for a device, deployments."""
