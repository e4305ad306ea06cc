"""No test may reach the network: the Hub is offline unless a test brings a Hub of its own.

Tests run in several processes at a time (.pytest.ini), of which each keeps to its share of the cores.
"""

import os

from tasks.settings import settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
settings.threads = max(1, settings.threads // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))
