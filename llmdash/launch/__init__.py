"""Settings and prompts become runs: plans, pools of keys, headless and with the dashboard, comparisons."""
