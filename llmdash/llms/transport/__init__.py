"""How bytes get to an endpoint and back: HTTP, proxies, certificates, time limits, clocks, connections.

The LLM classes import it, and `config` and `launch` for the time limits. Only `http`, `http_failures` and
`httpx_transport` import httpx, only the first two, `aiohttp_transport`, `connector` and `exchange` aiohttp.
It undoes what compresses a body, and leaves the rest to `llms.wire`.
"""
