"""One SSH connection with a pinned host key; the only module that knows paramiko.

There is no policy for unknown keys at all: the handshake ends, the key is compared with the
fingerprint a person has accepted, and only then is anything about the account sent. Every wait has
a limit, and a watchdog closes the socket when it is over, because paramiko's own limits do not end
a write to a host that has vanished (paramiko issues 515, 1380, 2479).
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import (
    AuthenticationException,
    IncompatiblePeer,
    PasswordRequiredException,
    SSHException,
)

from device_agents.errors import (
    CommandFailedError,
    ConnectionFailedError,
    DeviceError,
    DeviceTimeoutError,
    HostKeyError,
)
from device_agents.names import check_fingerprint, check_host, check_port, check_user
from device_agents.quoting import quote_command
from device_agents.reply import OUTPUT_LIMIT_BYTES, Reply

CONNECT_SECONDS = 10.0
HANDSHAKE_SECONDS = 15.0
IDLE_SECONDS = 60.0
KEEPALIVE_SECONDS = 15
_CHUNK_BYTES = 32768

# Server keys in the order we ask for them; each is asked for alone when another was pinned.
_KEY_TYPES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
_WEAK = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
}


@dataclass(frozen=True)
class SshAddress:
    """Where a device is, who we are there, and the host key that a person has accepted.

    Raises:
        NameRefusedError: A field holds what such a name never holds.
    """

    host: str
    port: int
    user: str
    key_path: str
    fingerprint: str

    def __post_init__(self) -> None:
        check_host(self.host)
        check_port(self.port)
        check_user(self.user)
        object.__setattr__(self, "fingerprint", check_fingerprint(self.fingerprint))

    @property
    def where(self) -> str:
        """Host and port for messages."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class HostKey:
    """A host's key as ssh-keygen -lf would print it."""

    kind: str
    fingerprint: str


def scan_host_key(host: str, port: int) -> HostKey:
    """Return the key that a host shows; nothing about any account is sent.

    Raises:
        ConnectionFailedError: No SSH server answers there.
    """
    check_host(host)
    check_port(port)
    transport = _handshake(host, port, _KEY_TYPES)
    try:
        key = transport.get_remote_server_key()
        return HostKey(key.get_name(), check_fingerprint(str(key.fingerprint)))
    finally:
        _close(transport)


def prove_host_key(address: SshAddress) -> None:
    """Return when a host has proved to hold the key of a fingerprint, without any sign-in.

    Raises:
        HostKeyError: It shows other keys only.
    """
    _close(_pinned(address))


class SshConnection:
    """An authenticated connection; use it from one thread and close it."""

    def __init__(self, address: SshAddress) -> None:
        """Connect, compare the host key, then sign in with the one chosen key.

        Raises:
            HostKeyError: The host shows another key; nothing of ours was sent.
            ConnectionFailedError: Not reachable, or the sign-in is refused.
        """
        self.bytes_sent = 0
        self._where = address.where
        self._sftp: paramiko.SFTPClient | None = None
        self._has_sftp = True
        key = _load_key(address.key_path)
        self._transport = _pinned(address)
        try:
            with self._limit(HANDSHAKE_SECONDS, "the sign-in"):
                self._transport.auth_publickey(address.user, key)
            self._transport.set_keepalive(KEEPALIVE_SECONDS)
        except AuthenticationException as error:
            self.close()
            msg = (
                f"{address.where} refuses user {address.user} with key {address.key_path}: "
                "add the key's .pub line to ~/.ssh/authorized_keys there"
            )
            raise ConnectionFailedError(msg) from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run(self, argv: Sequence[str], seconds: float) -> Reply:
        """Run a command to its end; output beyond a limit is dropped, never stored."""
        command = quote_command(argv)
        with self._limit(seconds, "a command"):
            session = self._session(command)
            with contextlib.closing(session):
                return _collect(session, seconds)

    def put(self, source: Path, remote: str) -> None:
        """Copy a file; by SFTP, or through ``cat`` where the server has no SFTP."""
        sftp = self._open_sftp()
        if sftp is None:
            self._put_by_cat(source, remote)
            return
        try:
            with (
                self._limit(IDLE_SECONDS, "an upload") as watchdog,
                source.open("rb") as file,
                sftp.open(remote, "wb") as target,
            ):
                target.set_pipelined(True)
                while chunk := file.read(_CHUNK_BYTES):
                    target.write(chunk)
                    self.bytes_sent += len(chunk)
                    watchdog.progress()
        except OSError as error:
            # SFTP tells a full disk or a missing folder as a plain failure of the operation.
            if not self._transport.is_active() or "closed" in str(error).lower():
                raise self._lost(error) from error
            msg = f"{remote} cannot be written on {self._where}: {error}"
            raise CommandFailedError(msg) from error

    @contextlib.contextmanager
    def hold(self, argv: Sequence[str], ready: str, seconds: float) -> Iterator[str]:
        """Keep a command running while inside; it ends with the connection at the latest."""
        with self._limit(seconds, "a command"):
            session = self._session(quote_command(argv))
            answer = self._wait_for_line(session, ready, seconds)
        try:
            yield answer
        finally:
            with contextlib.suppress(SSHException, EOFError, OSError):
                session.close()

    def replace_link(self, link: str, target: str) -> bool:
        """Rename a link over another by SFTP's extension, where the server has it."""
        sftp = self._open_sftp()
        if sftp is None:
            return False
        try:
            with self._limit(IDLE_SECONDS, "a rename"):
                sftp.posix_rename(link, target)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End the connection."""
        _close(self._transport)

    def _session(self, command: str) -> paramiko.Channel:
        session = self._transport.open_session(timeout=HANDSHAKE_SECONDS)
        session.exec_command(command)
        self.bytes_sent += len(command)
        return session

    def _open_sftp(self) -> paramiko.SFTPClient | None:
        if self._sftp is None and self._has_sftp:
            try:
                with self._limit(HANDSHAKE_SECONDS, "opening SFTP"):
                    self._sftp = paramiko.SFTPClient.from_transport(self._transport)
            except ConnectionFailedError:
                if not self._transport.is_active():
                    raise
                self._has_sftp = False
                # dropbear refuses the next channel for a moment after a failed subsystem.
                time.sleep(0.3)
        return self._sftp

    def _put_by_cat(self, source: Path, remote: str) -> None:
        script = 'cat >"$1" && wc -c <"$1"'
        size = source.stat().st_size
        with self._limit(IDLE_SECONDS, "an upload") as watchdog:
            session = self._session(quote_command(["sh", "-c", script, "sh", remote]))
            with contextlib.closing(session), source.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    session.sendall(chunk)
                    self.bytes_sent += len(chunk)
                    watchdog.progress()
                session.shutdown_write()
                reply = _collect(session, IDLE_SECONDS)
        if reply.status != 0 or str(size) not in reply.text.split():
            msg = f"{remote} cannot be written on {self._where}: {reply.last_error}"
            raise CommandFailedError(msg)

    def _wait_for_line(self, session: paramiko.Channel, ready: str, seconds: float) -> str:
        session.settimeout(seconds)
        text = b""
        while chunk := session.recv(4096):
            text += chunk
            for line in text.decode(errors="replace").split("\n")[:-1]:
                if line.startswith(ready):
                    return line.removeprefix(ready).strip()
            if len(text) > OUTPUT_LIMIT_BYTES:
                break
        msg = f"{self._where} ended a command that it should keep: try again"
        raise ConnectionFailedError(msg)

    @contextlib.contextmanager
    def _limit(self, seconds: float, what: str) -> Iterator[_Watchdog]:
        watchdog = _Watchdog(self._transport, seconds)
        try:
            yield watchdog
        except AuthenticationException:
            raise
        except (SSHException, EOFError, TimeoutError, ConnectionError) as error:
            if watchdog.is_over or isinstance(error, TimeoutError):
                self.close()
                msg = f"{self._where} gave no answer to {what} within {seconds:.0f} s: try again"
                raise DeviceTimeoutError(msg) from error
            raise self._lost(error) from error
        finally:
            watchdog.stop()

    def _lost(self, error: BaseException) -> ConnectionFailedError:
        reason = str(error) or type(error).__name__
        return ConnectionFailedError(f"the connection to {self._where} was lost ({reason})")


class _Watchdog:
    """Closes a transport's socket when nothing has moved for so long."""

    def __init__(self, transport: paramiko.Transport, seconds: float) -> None:
        self.is_over = False
        self._transport = transport
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ssh-watchdog", daemon=True)
        self._thread.start()

    def progress(self) -> None:
        """Begin the limit anew."""
        self._deadline = time.monotonic() + self._seconds

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(max(0.05, self._deadline - time.monotonic())):
            if time.monotonic() >= self._deadline:
                self.is_over = True
                _close(self._transport)
                return


def _pinned(address: SshAddress) -> paramiko.Transport:
    """Return a transport whose host has proved to hold the pinned key."""
    shown: list[HostKey] = []
    for index, kinds in enumerate([_KEY_TYPES, *((kind,) for kind in _KEY_TYPES)]):
        try:
            transport = _handshake(address.host, address.port, kinds)
        except IncompatiblePeer:
            # Only reached when asking for one kind of key: this host has none of it.
            continue
        key = transport.get_remote_server_key()
        fingerprint = check_fingerprint(str(key.fingerprint))
        if fingerprint == address.fingerprint:
            return transport
        _close(transport)
        if index == 0 or fingerprint not in {one.fingerprint for one in shown}:
            shown.append(HostKey(key.get_name(), fingerprint))
    msg = (
        f"{address.where} shows another host key than the accepted one: accepted "
        f"{address.fingerprint}, shown {shown[0].fingerprint} ({shown[0].kind}); nothing was sent. "
        "If the device was set up anew, remove it and add it again; otherwise do not connect"
    )
    raise HostKeyError(msg)


def _handshake(host: str, port: int, kinds: tuple[tuple[str, ...], ...]) -> paramiko.Transport:
    """Connect and exchange keys, asking for some kinds of host key; the caller closes."""
    where = f"{host}:{port}"
    try:
        stream = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        msg = f"{where} cannot be reached ({reason}): check that it is on and its SSH server runs"
        raise ConnectionFailedError(msg) from error
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(IDLE_SECONDS * 1000))
    wanted = {name for kind in kinds for name in kind}
    unwanted = [name for kind in _KEY_TYPES for name in kind if name not in wanted]
    try:
        transport = paramiko.Transport(stream, disabled_algorithms={**_WEAK, "keys": unwanted})
    except BaseException:
        stream.close()
        raise
    transport.banner_timeout = HANDSHAKE_SECONDS
    transport.auth_timeout = HANDSHAKE_SECONDS
    transport.channel_timeout = HANDSHAKE_SECONDS
    watchdog = _Watchdog(transport, HANDSHAKE_SECONDS)
    try:
        transport.start_client(timeout=HANDSHAKE_SECONDS)
        if not getattr(transport, "agreed_on_strict_kex", False):
            msg = (
                f"{where} has an SSH server open to the Terrapin attack (CVE-2023-48795): update it"
            )
            raise ConnectionFailedError(msg)
    except IncompatiblePeer as error:
        _close(transport)
        if len(kinds) == 1:
            raise
        msg = f"{where} has only outdated SSH algorithms ({error}): update its SSH server"
        raise ConnectionFailedError(msg) from error
    except (SSHException, EOFError, OSError) as error:
        _close(transport)
        reason = "no answer in time" if watchdog.is_over else str(error) or type(error).__name__
        msg = f"{where} does not speak SSH as expected ({reason}): check address and port"
        raise ConnectionFailedError(msg) from error
    except BaseException:
        _close(transport)
        raise
    finally:
        watchdog.stop()
    return transport


def _close(transport: paramiko.Transport) -> None:
    """End a transport at once: shutting its socket down frees whoever waits on it."""
    with contextlib.suppress(OSError, AttributeError):
        transport.sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(Exception):
        transport.close()


def _load_key(path: str) -> paramiko.PKey:
    file = Path(path).expanduser()
    try:
        mode = file.stat().st_mode
        if mode & 0o077:
            msg = f"key {path} can be read by others: run chmod 600 on it"
            raise DeviceError(msg)
        return paramiko.PKey.from_path(file)
    except OSError as error:
        msg = f"key {path} cannot be read ({error.strerror}): name a private key file"
        raise DeviceError(msg) from error
    except (PasswordRequiredException, TypeError) as error:
        msg = f"key {path} has a passphrase: make one without it for devices (ssh-keygen)"
        raise DeviceError(msg) from error
    except (SSHException, ValueError, UnknownKeyType) as error:
        msg = f"{path} is no private key that SSH knows (Ed25519, ECDSA or RSA): name another"
        raise DeviceError(msg) from error


def _collect(session: paramiko.Channel, seconds: float) -> Reply:
    """Drain both outputs until the command has ended: waiting for the status alone deadlocks."""
    deadline = time.monotonic() + seconds
    output, errors = bytearray(), bytearray()
    poller = select.poll()
    poller.register(session.fileno(), select.POLLIN)
    while not (session.eof_received and session.exit_status_ready()) and not session.closed:
        if time.monotonic() > deadline:
            raise TimeoutError
        if session.eof_received:
            # The pipe then reads as ready for ever: polling it would only take turns from paramiko.
            session.status_event.wait(0.1)
        else:
            poller.poll(100)
        _drain(session, output, errors)
    _drain(session, output, errors)
    status = session.recv_exit_status() if session.exit_status_ready() else -1
    if status < 0 and not session.get_transport().is_active():
        raise EOFError
    return Reply(status, bytes(output), bytes(errors))


def _drain(session: paramiko.Channel, output: bytearray, errors: bytearray) -> None:
    while session.recv_ready():
        output += session.recv(_CHUNK_BYTES)
        del output[OUTPUT_LIMIT_BYTES:]
    while session.recv_stderr_ready():
        errors += session.recv_stderr(_CHUNK_BYTES)
        del errors[OUTPUT_LIMIT_BYTES:]
