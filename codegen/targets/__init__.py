"""Targets: what the compiler must know about a processor, one TOML file each."""

from codegen.targets.registry import TARGETS, host_target, load_target, target_for
from codegen.targets.target import Target

__all__ = ["TARGETS", "Target", "host_target", "load_target", "target_for"]
