"""The batch services as the providers offer them: files, batches of OpenAI's shape and of Anthropic's.

Only `app` imports it. State is in this process, bodies are in anonymous files, time is that of a given clock;
requests are answered by the `Service` that answers live ones.
"""
