"""What can go wrong with a device, each told in one clear sentence."""


class DeviceError(Exception):
    """A device cannot do what was asked; the message says what, where and what to do."""


class NameRefusedError(DeviceError):
    """A host, user, port or name holds what such a name never holds."""


class HostKeyError(DeviceError):
    """A host does not show the key that a person has accepted for it."""


class ConnectionFailedError(DeviceError):
    """A device cannot be reached, refuses the sign-in, or went away."""


class DeviceTimeoutError(ConnectionFailedError):
    """A device did not answer within the limit of the step."""


class CommandFailedError(DeviceError):
    """A command on the device ended badly; the message holds its last line."""


class SelfTestError(DeviceError):
    """A release did not compute on the device what it computes on this computer."""


class DeviceBusyError(DeviceError):
    """Another deployment holds the device's lock."""
