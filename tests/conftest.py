"""No test may reach the network: the Hub is offline unless a test brings a Hub of its own."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
