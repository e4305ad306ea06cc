"""No test may reach the network: the Hub is offline unless a test brings a Hub of its own.

Tests run in several processes at a time (.pytest.ini), of which each keeps to its share of the cores.
"""

import os
from collections import Counter

from tasks.settings import settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
settings.threads = max(1, settings.threads // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))


def pytest_collection_modifyitems(items):
    """The browser's files in a row, as they share a gallery; small files last, so that no process waits long."""
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.parent.name != "browser", -tests[item.path]))
