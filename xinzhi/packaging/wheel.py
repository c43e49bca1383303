"""Build a wheel that carries a pipeline, the library code it runs on and where it comes from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import srsly
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from spacy.cli.package import generate_readme

from ..errors import XinzhiError
from ..provenance import data_fingerprint, git_revision, training_versions
from .encoder_licence import find_encoders, licence_notice
from .library import LICENSE_FILES, Library, RegisteredName, installed_library
from .metrics import flat_scores, read_metrics
from .names import config_names, prefixed
from .pipeline import Pipeline, check_works, copy_data, read_pipeline
from .requirements import find_requirements, spacy_range
from .vendor import copy_modules, runtime_modules, vendored_names

TEMPLATES = Path(__file__).parent / "templates"
ENCODER_NOTICE = "ENCODER_LICENSE.txt"
EPOCH = "315532800"  # 1980-01-01, the first day a zip file can hold: the same wheel every time


@dataclass(frozen=True)
class Contents:
    """What goes into a wheel beside the pipeline's data.

    library (Library): The library.
    modules (list[str]): Its modules to vendor.
    names (dict[str, str]): Old to new registered names, all of the library's.
    carried (list[RegisteredName]): The registered names that live in the vendored modules.
    encoders (list[dict[str, str]]): Name and licence of the encoders.
    """

    library: Library
    modules: list[str]
    names: dict[str, str]
    carried: list[RegisteredName]
    encoders: list[dict[str, str]]


def package_pipeline(
    pipeline_dir: Path,
    out_dir: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    metrics: Path | None = None,
    corpus: Iterable[Path] = (),
    library: Library | None = None,
) -> Path:
    """Build `<lang>_<name>-<version>-py3-none-any.whl` from a trained pipeline.

    pipeline_dir (Path): The trained pipeline, e.g. `training/smartcity/model-best`.
    out_dir (Path): Folder for the wheel; made if it is not there.
    name (str | None): Package name without the language; None keeps the one in meta.json.
    version (str | None): Version; None keeps the one in meta.json.
    metrics (Path | None): Scores as JSON; None keeps the training's own in meta.json.
    corpus (Iterable[Path]): Files or folders of the corpus, for the data fingerprint.
    library (Library | None): The library to carry; None takes the installed one.
    RETURNS (Path): The wheel.
    RAISES (XinzhiError): If the pipeline cannot be packaged or building fails.
    """
    pipeline = read_pipeline(pipeline_dir, name, version)
    if out_dir.exists() and not out_dir.is_dir():
        raise XinzhiError(f"{out_dir} is a file.", "Name a folder for the wheel.")
    check_works(pipeline)
    contents = _contents(pipeline, library or installed_library())
    _describe(pipeline, contents, metrics, corpus)
    try:
        with tempfile.TemporaryDirectory(prefix="wheel-") as work:
            project = Path(work) / "project"
            write_project(project, pipeline, contents)
            return _move_into(_build(project, Path(work)), out_dir)
    except OSError as err:
        raise XinzhiError(
            f"The wheel cannot be written to {out_dir}: {err}",
            "Free some disk space, or name a folder you may write to.",
        ) from err


def write_project(project: Path, pipeline: Pipeline, contents: Contents) -> None:
    """Write the source tree that setuptools turns into the wheel.

    project (Path): A folder to create.
    pipeline (Pipeline): The pipeline, its meta complete.
    contents (Contents): What else goes in.
    """
    library = contents.library
    package = project / pipeline.package
    copy_data(pipeline, package / pipeline.versioned, contents.names)
    copy_modules(library, contents.modules, package / f"_{library.package}", contents.names)
    srsly.write_json(package / "meta.json", pipeline.meta)
    (package / "__init__.py").write_text(_init_py(pipeline, contents), "utf8")
    (project / "README.md").write_text(_readme(pipeline), "utf8")
    _write_licences(project, contents)
    (project / "pyproject.toml").write_text(_pyproject(project, pipeline, contents), "utf8")


def _contents(pipeline: Pipeline, library: Library) -> Contents:
    modules_of = {item.name: item.module for item in library.registered}
    used = {name for _, name in config_names(pipeline.config.interpolate())}
    start = [library.package, *(modules_of[name] for name in used if name in modules_of)]
    modules = runtime_modules(library, start)
    return Contents(
        library=library,
        modules=modules,
        names=prefixed(library.registered, pipeline.package),
        carried=vendored_names(library, modules),
        encoders=find_encoders(pipeline.config.interpolate()),
    )


def _describe(
    pipeline: Pipeline, contents: Contents, metrics: Path | None, corpus: Iterable[Path]
) -> None:
    meta, library = pipeline.meta, contents.library
    meta["spacy_version"] = spacy_range()
    config = pipeline.config.interpolate()
    meta["requirements"] = find_requirements(library, contents.modules, config)
    scores = read_metrics(metrics) if metrics else None
    if scores is not None:
        meta["performance"] = flat_scores(scores)
    corpus = list(corpus)
    meta[library.package] = {
        "version": library.version,
        "git_revision": git_revision(Path.cwd()),
        "trained_with": training_versions(),
        "data": data_fingerprint(corpus) if corpus else None,
        "evaluation": scores,
        "encoders": [{"name": e["name"], "licence": e["licence"]} for e in contents.encoders],
        "registered_names": sorted(contents.names[item.name] for item in contents.carried),
    }


def _init_py(pipeline: Pipeline, contents: Contents) -> str:
    library = contents.library.package
    modules = sorted({item.module for item in contents.carried})
    alias = {module: f"_module_{number}" for number, module in enumerate(modules)}
    imports = [_import_line(module, alias[module]) for module in modules]
    registrations = [
        f'registry.{item.registry}.register("{contents.names[item.name]}", '
        f"func={alias[item.module]}.{item.attr})"
        for item in contents.carried
        if item.registry != "factories"  # @Language.factory has registered those on import
    ]
    return Template((TEMPLATES / "init.py.txt").read_text("utf8")).substitute(
        description=_in_doc_string(str(pipeline.meta.get("description") or pipeline.versioned)),
        library=library,
        library_version=contents.library.version,
        package=pipeline.package,
        imports="\n".join(imports),
        registrations="\n".join(registrations),
    )


def _in_doc_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")


def _import_line(module: str, alias: str) -> str:
    parent, _, name = f"._{module}".rpartition(".")
    return f"from {parent} import {name} as {alias}"


def _readme(pipeline: Pipeline) -> str:
    usage = f'import spacy\n\nnlp = spacy.load("{pipeline.package}")\ndoc = nlp("…")'
    return f"# {pipeline.package}\n\n```python\n{usage}\n```\n\n{generate_readme(pipeline.meta)}\n"


def _write_licences(project: Path, contents: Contents) -> None:
    for path in contents.library.licenses:
        shutil.copyfile(path, project / path.name)
    if contents.encoders:
        (project / ENCODER_NOTICE).write_text(licence_notice(contents.encoders), "utf8")


def _pyproject(project: Path, pipeline: Pipeline, contents: Contents) -> str:
    meta = pipeline.meta
    packages = sorted(
        ".".join(path.parent.relative_to(project).parts) for path in project.rglob("__init__.py")
    )
    notices = (*LICENSE_FILES, ENCODER_NOTICE)
    text = Template((TEMPLATES / "pyproject.toml.txt").read_text("utf8"))
    return text.substitute(
        name=_toml(pipeline.package),
        version=_toml(meta["version"]),
        description=_toml(" ".join(str(meta.get("description") or pipeline.versioned).split())),
        requires_python=_toml(">=3.10"),
        requirements=_toml(meta["requirements"]),
        license=_license_line(str(meta.get("license") or "")),
        authors=_authors_line(meta),
        entry_points=_entry_points(pipeline, contents),
        packages=_toml(packages),
        license_files=_toml([name for name in notices if (project / name).is_file()]),
        data_glob=_toml(f"{pipeline.versioned}/**/*"),
    )


def _entry_points(pipeline: Pipeline, contents: Contents) -> str:
    groups: dict[str, dict[str, str]] = {"spacy_models": {pipeline.package: pipeline.package}}
    for item in contents.carried:
        target = f"{pipeline.package}._{item.module}:{item.attr}"
        groups.setdefault(item.group, {})[contents.names[item.name]] = target
    return "\n".join(
        f"{group} = {{{', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in points.items())}}}"
        for group, points in groups.items()
    )


def _license_line(license_name: str) -> str:
    try:
        return f"license = {_toml(canonicalize_license_expression(license_name))}"
    except InvalidLicenseExpression:
        return ""  # free text: it stays in meta.json and the README


def _authors_line(meta: dict[str, Any]) -> str:
    author = {key: meta[key] for key in ("author", "email") if meta.get(key)}
    if "author" not in author:
        return ""
    email = f", email = {_toml(author['email'])}" if "email" in author else ""
    return f"authors = [{{name = {_toml(author['author'])}{email}}}]"


def _toml(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)  # TOML's strings and lists are JSON's


def _build(project: Path, work: Path) -> Path:
    out = work / "dist"
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    command += ["--no-index", "--disable-pip-version-check", "--wheel-dir", str(out), str(project)]
    env = {"SOURCE_DATE_EPOCH": EPOCH, **os.environ}
    done = subprocess.run(
        command, env=env, cwd=work, capture_output=True, text=True, errors="replace", check=False
    )
    wheels = list(out.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise XinzhiError(
            f"Building the wheel failed:\n{(done.stdout + done.stderr).strip()[-2000:]}",
            "setuptools, wheel and pip must be installed beside xinzhi, and the disk not full.",
        )
    return wheels[0]


def _move_into(wheel: Path, out_dir: Path) -> Path:
    out_dir.mkdir(parents=True, exist_ok=True)
    partial = out_dir / f".{wheel.name}.partial"
    try:
        shutil.copyfile(wheel, partial)
        os.replace(partial, out_dir / wheel.name)
    finally:
        partial.unlink(missing_ok=True)
    return out_dir / wheel.name
