"""How to talk to a device: probe, put, run, measure, roll back."""
