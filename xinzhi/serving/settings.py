"""Settings of the service: from a file, from the environment, from flags."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

import srsly
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ..errors import XinzhiError
from .runtime import RUNTIME

PREFIX = "XINZHI_SERVE_"
MASK = "…"
NO_KEY = hashlib.sha256().hexdigest()
Application = Literal["faq", "monitor", "desk", "recommend"]


class ApiKey(BaseModel):
    """Who may call what. The key itself is stored nowhere.

    name (str): Whose it is; stands in the logs.
    sha256 (str): Hex digest of the key; `xinzhi serve --new-key NAME` makes both.
    models (list): Names of the models it opens; "*" for all.
    applications (list): Which applications it opens; None: all if it opens all models, else none.
    admin (bool): Whether it may change the version of these models.
    texts_per_minute (int): Its limit in each worker; None: no limit.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    models: list[str] = ["*"]
    applications: list[Application] | None = None
    admin: bool = False
    texts_per_minute: int | None = Field(default=None, ge=1)


class ServeSettings(BaseSettings):
    """Everything that can be set, with its default. Sizes are of one worker process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", protected_namespaces=()
    )

    models: dict[str, str] = Field(
        default={},
        description="Name -> folder of a pipeline, folder of version folders, or package",
    )
    default_model: str | None = Field(
        default=None, description="Model of requests that name none; None: the first"
    )
    manifest: Path | None = Field(
        default=None, description="JSON file that says which version of each model is served"
    )
    watch_seconds: float = Field(
        default=1.0, gt=0, description="How often manifest and links are looked at"
    )
    renew_after_texts: int = Field(
        default=2_000_000,
        ge=0,
        description="Load a model anew after so many texts (spaCy's tables of strings grow with "
        "the number of different words ever seen, even in a memory zone); 0: never",
    )

    faq: Path | None = Field(
        default=None, description="Index of questions and answers: POST /v1/faq"
    )
    monitor: Path | None = Field(
        default=None, description="Database of the opinion monitor: its dashboard at /monitor"
    )
    desk: Path | None = Field(
        default=None, description="Rules of customer service: POST /v1/desk; needs `faq`"
    )
    desk_model: str | None = Field(
        default=None,
        description="Model that reads the turns of customer service; none: `default_model`, else "
        "the first",
    )
    recommend: Path | None = Field(
        default=None, description="Folder of a recommender: POST /v1/recommend"
    )
    recommend_encoder: str | None = Field(
        default=None, description="The encoder of its training, to recommend for free texts too"
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=256, description="Processes, each with its models")
    gpu_ids: list[int] = Field(default=[], description="GPUs, one worker each; none: CPU")
    threads: int = Field(
        default=0, ge=0, description="Threads of a worker's arithmetic; 0: cores / workers"
    )

    keys: list[ApiKey] = []
    anonymous: bool = Field(default=False, description="Serve other machines without any API key")
    public_metrics: bool = Field(default=False, description="/metrics needs no key")
    cors_origins: list[str] = Field(default=[], description="Web origins that may call; none: off")
    allowed_hosts: list[str] = Field(
        default=[],
        description="Host names that requests may name; none: those of this machine if there is "
        "no key, else any",
    )
    page: bool = Field(default=True, description="Serve the page at /")

    max_body_bytes: int = Field(default=4 * 2**20, ge=1024, description="Also once decompressed")
    max_stream_bytes: int = Field(default=64 * 2**20, ge=1024, description="Of JSON Lines")
    max_text_characters: int = Field(default=20_000, ge=1)
    max_texts: int = Field(default=256, ge=1, description="Texts of one request")
    max_batch_texts: int = Field(default=32, ge=1, description="Texts that are run together")
    max_batch_characters: int = Field(default=8192, ge=1, description="Their characters")
    max_wait_ms: float = Field(default=5.0, ge=0, description="How long a text waits for others")
    precision: Literal["auto", "fp32", "bf16", "fp16"] | None = Field(
        default=None,
        description="What xinzhi's encoders compute in; none: as each pipeline says "
        "(`predict_precision`)",
    )
    deterministic: bool = Field(
        default=False,
        description="Run every text alone, for pipelines whose last digits depend on the batch; "
        "slower",
    )
    digits: int = Field(
        default=4, ge=1, le=16, description="Decimals of confidences, probabilities, scores"
    )
    max_queue_texts: int = Field(default=1024, ge=1, description="Texts that wait; then 429")
    timeout_seconds: float = Field(default=30.0, gt=0, description="Then 504")
    drain_seconds: float = Field(
        default=1.0, ge=0, description="After SIGTERM, connections are refused so much later"
    )
    shutdown_seconds: int = Field(default=30, ge=1, description="Then open requests are cut off")

    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    log_texts: bool = Field(default=False, description="Failing texts stand in the log")

    @model_validator(mode="after")
    def _check(self) -> ServeSettings:
        _check_models(self)
        _check_devices(self)
        if not self.keys and not self.anonymous and not is_loopback(self.host):
            raise ValueError(
                f"host = {self.host!r} opens the service to other machines, and it has no API "
                "key. Make one with `xinzhi serve --new-key NAME`, or set anonymous = true"
            )
        return self

    def masked(self) -> dict[str, Any]:
        """RETURNS (dict): Plain values to show, without the digests of the keys."""
        shown = self.model_dump(mode="json")
        for key in shown["keys"]:
            key["sha256"] = key["sha256"][:8] + MASK
        return shown


def _check_models(settings: ServeSettings) -> None:
    if settings.default_model is not None and settings.default_model not in settings.models:
        raise ValueError(f"default_model = {settings.default_model!r} is not among the models")
    if settings.desk_model is not None and settings.desk_model not in settings.models:
        raise ValueError(f"desk_model = {settings.desk_model!r} is not among the models")
    if settings.desk is not None and settings.faq is None:
        raise ValueError("desk needs an index of questions and answers: set faq as well")
    for key in settings.keys:
        unknown = set(key.models) - {"*"} - set(settings.models)
        if unknown:
            raise ValueError(f"key {key.name!r} names a model that is not served: {min(unknown)!r}")
    for name in ("name", "sha256"):
        values = [getattr(key, name) for key in settings.keys]
        if len(set(values)) < len(values):
            raise ValueError(f"two keys have the same {name}")
    if any(key.sha256 == NO_KEY for key in settings.keys):
        raise ValueError("a key has the sha256 of nothing, which is no key")


def _check_devices(settings: ServeSettings) -> None:
    gpus = settings.gpu_ids
    if len(set(gpus)) < len(gpus) or any(gpu < 0 for gpu in gpus):
        raise ValueError(f"gpu_ids = {gpus} must be different numbers from 0 on")
    if gpus and settings.workers != len(gpus):
        raise ValueError(
            f"workers = {settings.workers} do not fit gpu_ids = {gpus}: a GPU takes one worker. "
            f"Set workers = {len(gpus)}"
        )


def is_loopback(host: str) -> bool:
    """RETURNS (bool): Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(config: Path | None, flags: dict[str, Any]) -> ServeSettings:
    """Combine flags, the environment (XINZHI_SERVE_PORT=…, lists and tables as JSON) and a file;
    the first that sets a value wins.

    config (Path): A YAML or JSON file.
    flags (dict): What the command line sets.
    RETURNS (ServeSettings): The settings.
    RAISES (XinzhiError): For a value that is not valid, with its name; for an unknown variable.
    """
    _check_environment()
    from_file = {} if config is None else _read(config)

    class FromFile(ServeSettings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, from_file)

    try:
        values = FromFile(**flags).model_dump()
        return ServeSettings.model_construct(**{**values, "keys": _keys(values)})
    except ValidationError as err:
        raise XinzhiError(*_explain(err)) from err
    except ValueError as err:  # an environment variable that is not JSON
        raise XinzhiError(f"{err}.", "Write lists and tables in the environment as JSON.") from err


def _check_environment() -> None:
    """A misspelt variable must not leave a service without its keys."""
    names = {name.upper() for name in os.environ} - {RUNTIME}
    for name in sorted(name for name in names if name.startswith(PREFIX)):
        setting = name.removeprefix(PREFIX).split("__")[0].lower()
        if setting not in ServeSettings.model_fields:
            raise XinzhiError(
                f"The variable {name} is set, but there is no setting {setting}.",
                "Correct or unset it: xinzhi serve --dry-run shows all settings.",
            )


def _keys(values: dict[str, Any]) -> list[ApiKey]:
    return [ApiKey(**key) for key in values["keys"]]


def _read(path: Path) -> dict[str, Any]:
    try:
        values = srsly.yaml_loads(path.read_text(encoding="utf8"))
    except OSError as err:
        raise XinzhiError(f"{path} cannot be read: {err.strerror}.", "Check --config.") from err
    except ValueError as err:
        raise XinzhiError(f"{path} is no YAML: {err}", "Correct the file.") from err
    if not isinstance(values, dict):
        raise XinzhiError(f"{path} holds no settings.", "Write lines such as `port: 8000`.")
    return values


def _explain(err: ValidationError) -> tuple[str, str]:
    first = err.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if not name:
        return f"{message}.", "Change the settings: xinzhi serve --dry-run shows all of them."
    return (
        f"The setting {name} = {first['input']!r} is not valid: {message}.",
        f"Correct it where it is set: a flag, {PREFIX}{name.upper()}, or the file of --config.",
    )


def read_flags(flags: dict[str, Any], pipelines: list[str], pairs: list[str]) -> dict[str, Any]:
    """Put together what the command line sets.

    flags (dict): Setting -> value; None: not set.
    pipelines (list): Each NAME=PATH or PATH.
    pairs (list): Each SETTING=VALUE.
    RETURNS (dict): Setting -> value.
    RAISES (XinzhiError): For a pair without "=", or two pipelines of one name.
    """
    found = {name: value for name, value in flags.items() if value is not None}
    models: dict[str, str] = {}
    for pipeline in pipelines:
        name, path = name_of(pipeline)
        if name in models:
            raise XinzhiError(
                f"Two pipelines are called '{name}'.", f"Name them: xinzhi serve a={path} b=…"
            )
        models[name] = path
    if models:
        found["models"] = models
    if found.get("gpu_ids"):
        found.setdefault("workers", len(found["gpu_ids"]))
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise XinzhiError(f"--set {pair} has no '='.", "Write --set port=8080.")
        found[name.strip()] = srsly.yaml_loads(value) if value else ""
    return found


def name_of(pipeline: str) -> tuple[str, str]:
    """RETURNS (tuple): Name and path of NAME=PATH or PATH; the name of a bare path is its last
    part, of a trained pipeline (…/NAME/model-best) the part before."""
    name, equals, path = pipeline.partition("=")
    if equals and name and not set(name) & {"/", "\\"}:
        return name, path
    parts = Path(pipeline).absolute().parts if Path(pipeline).exists() else (pipeline,)
    last = parts[-2] if parts[-1].startswith("model-") and len(parts) > 2 else parts[-1]
    return last, pipeline
