"""Print the table of every benchmark, or of those named."""

import importlib
import os
import pkgutil
import sys

import benchmarks

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def main() -> None:
    names = sys.argv[1:] or [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    print("| What | gallery | bare library | ratio | |\n| --- | --: | --: | --: | --- |")
    for name in names:
        if name.startswith("__") or name == "load":  # many visitors: a program of its own
            continue
        for row in importlib.import_module(f"benchmarks.{name}").rows():
            times = f"{row.ours * 1000:.1f} ms | {row.theirs * 1000:.1f} ms | {row.ratio:.2f}"
            print(f"| {row.what} | {times} | {row.note} |", flush=True)


if __name__ == "__main__":
    main()
