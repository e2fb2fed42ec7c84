"""A device that is reached over SSH: an account is enough, no compiler, no Python, no root."""

from __future__ import annotations

from device_agents.channel import Channel
from device_agents.channel_agent import ChannelAgent
from device_agents.package_files import PackageFiles
from device_agents.ssh_connection import SshAddress, SshConnection


class SshAgent(ChannelAgent):
    """A device behind an SSH server with a pinned host key."""

    def __init__(self, address: SshAddress, *, emulated: bool = False) -> None:
        """Take the address; the connection is made when it is first needed."""
        super().__init__(emulated=emulated)
        self._address = address

    def _open(self) -> Channel:
        return SshConnection(self._address)

    def _staged(self, channel: Channel, package: PackageFiles) -> str:
        return self._stage_by_upload(channel, package)

    def _unstage(self, channel: Channel) -> None:
        self._remove_measured(channel)
