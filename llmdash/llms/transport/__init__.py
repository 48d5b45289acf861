"""How bytes get to an endpoint and back: HTTP, time limits, clocks, connections.

The LLM classes import it, and `config` and `launch` for the time limits. Only the modules
`http...` import httpx and aiohttp. It never interprets a body: `llms.wire` does.
"""
