"""Where state lies and how the processes talk: each value is also a PUNCHCARD_* variable."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.storage.errors import StorageError


class Settings(BaseSettings):
    """One installation. Reads PUNCHCARD_HOME, PUNCHCARD_DATABASE, PUNCHCARD_PORT and so on."""

    model_config = SettingsConfigDict(
        env_prefix="PUNCHCARD_", extra="ignore", frozen=True, populate_by_name=True
    )

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("punchcard")))
    database: str = ""  # SQLAlchemy URL; empty: SQLite under `home`
    # PUNCHCARD_ARTIFACTS: folder or fsspec URL (s3://bucket/place) that every machine of a team
    # reaches; empty: `artifacts` alone.
    artifacts_url: str = Field(default="", validation_alias="PUNCHCARD_ARTIFACTS")
    executor: str = "local"  # of searches whose configuration names none
    ray_address: str = ""  # HOST:PORT of the cluster that such searches use
    address: str = "127.0.0.1"
    port: int = Field(default=8501, ge=1, le=65535)
    sample_config: Path | None = None  # CONFIG.yaml of the sample search; empty: its defaults
    # A job whose runner is silent for `stale_s` is taken up again by a worker.
    heartbeat_s: float = Field(default=2.0, gt=0)
    stale_s: float = Field(default=10.0, gt=0)
    poll_s: float = Field(default=0.5, gt=0)
    # TERM first; what is left of a job's process group gets KILL after this time.
    grace_s: float = Field(default=4.0, gt=0)
    short_jobs: int = Field(default=2, ge=1)
    max_crashes: int = Field(default=3, ge=1)
    upload_limit_bytes: int = Field(default=300_000_000, gt=0)

    @property
    def database_url(self) -> str:
        """URL of the database; a short form of PostgreSQL's means psycopg."""
        for short in ("postgresql://", "postgres://"):
            if self.database.startswith(short):
                return f"postgresql+psycopg://{self.database.removeprefix(short)}"
        return self.database or f"sqlite:///{self.home / 'punchcard.db'}"

    @property
    def artifacts(self) -> Path:
        """Folder of what searches and trainings made here; where artefacts lie without a URL."""
        return self.home / "artifacts"

    @property
    def logs(self) -> Path:
        """Folder of log files, one per job and process."""
        return self.home / "logs"

    @property
    def backups(self) -> Path:
        """Folder of database copies made before a migration."""
        return self.home / "backups"

    @property
    def cache(self) -> Path:
        """Folder of what can be made again, such as compiled objects."""
        return self.home / "cache"

    @property
    def uploads(self) -> Path:
        """Folder of files as users sent them, under random names."""
        return self.home / "uploads"

    def make_folders(self) -> None:
        """Create `home` and what lies beneath it, readable by this user alone.

        Raises:
            StorageError: a folder cannot be created or written.
        """
        try:
            for folder in (self.home, self.artifacts, self.logs, self.cache, self.uploads):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            msg = (
                f"The data folder {self.home} cannot be created ({error.strerror}): "
                "set PUNCHCARD_HOME to a folder that you may write."
            )
            raise StorageError(msg) from None


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        StorageError: a variable has an impossible value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "PUNCHCARD_" + "_".join(str(part) for part in first["loc"]).upper()
        msg = f"{name} has an impossible value: {first['msg'].lower()}."
        raise StorageError(msg) from None
