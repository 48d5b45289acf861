"""How bytes get to an endpoint and back: HTTP, proxies, certificates, time limits, clocks, connections.

The LLM classes import it, and `config` and `launch` for the time limits. Only `http`, `http_session`,
`httpx_transport` and `http_failures` import httpx and aiohttp. It undoes what compresses a body, and leaves
the rest to `llms.wire`.
"""
