"""The files in deploy/: they parse, ask for no rights, and name what the service really has."""

from __future__ import annotations

import configparser
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import srsly
from typer.main import get_command

from xinzhi.cli import app as cli
from xinzhi.serving.app import create_app
from xinzhi.serving.drain import LINGER_SECONDS
from xinzhi.serving.metrics import Metrics
from xinzhi.serving.runtime import RUNTIME
from xinzhi.serving.server import uvicorn_config
from xinzhi.serving.settings import PREFIX, ServeSettings, load_settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf8")


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf8")


def documents(name: str) -> list[dict[str, Any]]:
    return [srsly.yaml_loads(part) for part in read(name).split("\n---\n")]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The addresses of the service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUNTIME, str(tmp_path_factory.mktemp("runtime")))
        return set(create_app(ServeSettings(models={"a": "a"})).openapi()["paths"])


@pytest.fixture(scope="module")
def options() -> set[str]:
    """The options of `xinzhi serve`."""
    command = get_command(cli).commands["serve"]  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in parameter.opts}


@pytest.fixture(scope="module")
def settings() -> ServeSettings:
    """The settings of serve.yaml."""
    return load_settings(DEPLOY / "serve.yaml", {})


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(read("xinzhi-serve.service"))
    return parser["Service"]


def container() -> tuple[dict[str, Any], dict[str, Any]]:
    pod = documents("kubernetes.yaml")[0]["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


def test_settings_file(settings: ServeSettings) -> None:
    assert set(settings.keys[0].models) <= set(settings.models)
    assert not settings.anonymous
    assert settings.keys[0].sha256 == "0" * 64  # a hash that no key has


def test_dockerfile(paths: set[str]) -> None:
    text = read("Dockerfile")
    stages = text.split("\nFROM ")
    users = re.findall(r"^USER (\d+)", stages[-1], re.MULTILINE)
    assert len(users) == 1
    assert int(users[0]) > 0
    assert "--only-binary=:all:" in text
    assert "ARG BASE=" in text
    assert re.search(r"HEALTHCHECK[\s\S]*http://127\.0\.0\.1:\d+(/\w+)", text).group(1) in paths
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = re.findall(r"EXTRAS=([\w,]+)", text) + re.findall(r"EXTRAS: ([\w,]+)", read(GPU))
    assert {extra for names in named for extra in names.split(",")} <= set(
        extras["optional-dependencies"]
    )
    assert not re.search(r"INDEX_URL|TOKEN|PASSWORD", text)


GPU = "compose.gpu.yaml"


def test_compose(paths: set[str], settings: ServeSettings) -> None:
    service = documents("compose.yaml")[0]["services"]["xinzhi"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert int(service["user"].split(":")[0]) > 0
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert re.search(r"http://127\.0\.0\.1:\d+(/\w+)", str(service["healthcheck"]))[1] in paths
    assert seconds(service["stop_grace_period"]) > grace(settings)
    assert documents(GPU)[0]["services"].keys() == {"xinzhi"}
    for volume in service["volumes"]:
        assert (DEPLOY / volume.split(":")[0]).exists()


def test_kubernetes(paths: set[str], settings: ServeSettings) -> None:
    pod, serve = container()
    kinds = [document["kind"] for document in documents("kubernetes.yaml")]
    assert kinds == ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"]
    assert pod["enableServiceLinks"] is False, "its variables are called as our settings"
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    assert serve["securityContext"]["readOnlyRootFilesystem"]
    assert serve["securityContext"]["capabilities"]["drop"] == ["ALL"]
    probes = {name: serve[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness")}
    assert {probe["path"] for probe in probes.values()} == {"/readyz"}
    assert serve["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert {"/readyz", "/healthz", "/metrics"} <= paths
    assert pod["terminationGracePeriodSeconds"] > grace(settings)
    readiness = serve["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < settings.drain_seconds
    mounted = {mount["name"] for mount in serve["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_systemd_unit(settings: ServeSettings) -> None:
    service = unit()
    hardened = ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces")
    assert {service[name] for name in (*hardened, "DynamicUser", "ProtectKernelModules")} == {"yes"}
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert "User" not in service
    assert float(service["TimeoutStopSec"]) > grace(settings)


def test_nginx(settings: ServeSettings) -> None:
    text = re.sub(r"#.*", "", read("nginx.conf"))
    assert text.count("{") == text.count("}")
    assert all(line.rstrip()[-1] in "{};" for line in text.splitlines() if line.strip())
    megabytes = int(re.search(r"client_max_body_size (\d+)m;", text)[1])
    assert megabytes * 2**20 == settings.max_stream_bytes
    assert int(re.search(r"proxy_read_timeout (\d+)s;", text)[1]) > settings.timeout_seconds
    assert re.search(r"location = /metrics \{\s*deny all;", text)
    idle = int(re.search(r"keepalive_timeout (\d+)s;", text)[1])
    assert idle < uvicorn_config(settings).timeout_keep_alive


def test_options_and_settings_exist(options: set[str]) -> None:
    commands = [unit()["ExecStart"], " ".join(container()[1]["args"])]
    commands += re.findall(r"(?m)^CMD \[(.*)\]", read("Dockerfile").replace(",", ""))
    commands += re.findall(r"xinzhi serve[^`\n]*", OPERATIONS)
    named = [word for command in commands for word in re.findall(r"(?<!\S)\"?(--[\w-]+)", command)]
    assert len(named) > 5
    assert set(named) <= options
    everything = OPERATIONS + "".join(
        path.read_text(encoding="utf8") for path in DEPLOY.iterdir() if path.is_file()
    )
    fields = {f"{PREFIX}{name.upper()}" for name in ServeSettings.model_fields}
    assert set(re.findall(rf"{PREFIX}\w+", everything)) <= fields
    table = re.findall(r"(?m)^\| `(\w+)` \| `?[\d.]+", OPERATIONS)
    assert len(table) > 8
    for name, value in re.findall(r"(?m)^\| `(\w+)` \| `?([\d.]+)`? \|", OPERATIONS):
        assert float(value) == ServeSettings.model_fields[name].default, name


def test_docs_name_what_exists(paths: set[str]) -> None:
    metrics = Metrics().render().decode()
    for name in re.findall(r"`(xinzhi_\w+)`", OPERATIONS):
        assert f"# HELP {re.sub('_total$|_bucket$', '', name)}" in metrics, name
    for path in re.findall(r"`(/[\w/]+)`", OPERATIONS):
        assert path in {*paths, "/tmp", "/opt", "/nlp/"}, path
    for script in re.findall(r"python (scripts/\w+\.py)", OPERATIONS):
        assert (ROOT / script).is_file()
    for target in re.findall(r"\]\((?!http)([^)#]+)", OPERATIONS):
        assert (ROOT / "docs" / target).exists(), target
    for line in re.findall(r"(?m)^(?:docker|kubectl|xinzhi|python|curl) .*", OPERATIONS):
        shlex.split(line, comments=True)


def grace(settings: ServeSettings) -> float:
    """Seconds that the service may take to stop."""
    return settings.drain_seconds + LINGER_SECONDS + settings.shutdown_seconds


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))
