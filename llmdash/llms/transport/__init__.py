"""How bytes get to an endpoint and back: HTTP, proxies, certificates, time limits, clocks, connections.

The LLM classes import it, and `config` and `launch` for the time limits. Only `http`, `http_failures`,
`aiohttp_transport`, `connector` and `exchange` import aiohttp, and only `httpx_transport` httpx, for a
transport that is given. It undoes what compresses a body, and leaves the rest to `llms.wire`.
"""
