"""The limits that runs share: for a run its shares of them, and what `llmdash limits` shows."""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmdash import locations
from llmdash.config import SETTINGS, EndpointSettings, Settings
from llmdash.config.limits import LimitSettings, parse_limits
from llmdash.config.toml import from_toml
from llmdash.engine.pool.shared import SharedLimit
from llmdash.launch.workers import WorkersOrder, workforce
from llmdash.sanitize import clean_line

if TYPE_CHECKING:
    from llmdash.cluster.limits import ClusterLeases
    from llmdash.engine.dispatch.leases import Leases
    from llmdash.shared_limits.table import LeaseRow

__all__ = ["defined_limits", "limits_as_json", "limits_as_text", "rows_in_use", "shared_rates"]


def shared_rates(
    endpoints: Iterable[EndpointSettings],
    limits: Sequence[LimitSettings],
    run_name: str,
    leases: Leases | None = None,
) -> dict[str, SharedLimit]:
    """Return the share of each limit that an endpoint uses, by name; without any nothing is loaded.

    `leases` are those of a cluster; else the runs of this machine share them.
    """
    used = {endpoint.limit for endpoint in endpoints}
    chosen = [limit for limit in limits if limit.name in used]
    if not chosen:
        return {}
    from llmdash.engine.dispatch.leases import Limit, Sharer
    from llmdash.engine.dispatch.shared_rate import SharedRate
    from llmdash.shared_limits.lease_file import LeaseFile

    label = clean_line(run_name)[:40] or "run"
    sharer = Sharer(uuid.uuid4().hex, label, socket.gethostname(), os.getpid())
    shared_by = leases if leases is not None else LeaseFile()
    return {
        limit.name: SharedRate(
            Limit(limit.name, limit.rate or math.inf, limit.tpm or math.inf), sharer, shared_by
        )
        for limit in chosen
    }


def defined_limits(folder: Path) -> tuple[LimitSettings, ...]:
    """Return the limits of the settings files of `folder` and of the user. Raises ConfigError."""
    own, user = folder / locations.CONFIG_NAME, locations.config_file()
    return parse_limits((from_toml(own, own.name, SETTINGS), from_toml(user, str(user), SETTINGS)))


def rows_in_use(order: WorkersOrder) -> tuple[LeaseRow, ...]:
    """Return who shares limits now, on this machine or by way of the cluster that the order names.

    Raises LeaseError, ConfigError.
    """
    from llmdash.shared_limits.lease_file import LeaseFile

    hired = workforce(order, Settings())
    if hired is None or hired.leases is None:
        return LeaseFile().rows()
    return asyncio.run(_rows_of(hired.leases))


async def _rows_of(leases: ClusterLeases) -> tuple[LeaseRow, ...]:
    try:
        return await leases.rows()
    finally:
        await leases.aclose()


def limits_as_json(defined: Sequence[LimitSettings], rows: Sequence[LeaseRow]) -> str:
    """Return the limits that are defined or in use, with who shares them."""
    return json.dumps(list(_limits(defined, rows)), indent=2, ensure_ascii=True)


def limits_as_text(defined: Sequence[LimitSettings], rows: Sequence[LeaseRow]) -> str:
    """Return the same as lines to read."""
    lines: list[str] = []
    for limit in _limits(defined, rows):
        of_tokens = f"{_amount(limit['tpm'])} tokens/min" if limit["tpm"] is not None else ""
        of_requests = f"{_amount(limit['rate'])}/s" if limit["rate"] is not None else ""
        free = f"free {_amount(limit['free'])}/s" if limit["free"] is not None else ""
        if limit["token_free"] is not None:
            free += f"{', ' if free else 'free '}{_amount(limit['token_free'])} tokens/min"
        what = "  ".join(filter(None, (of_requests, of_tokens)))
        lines.append(f"{clean_line(limit['name'])}  {what}  {free}")
        lines += [_run_line(run) for run in limit["runs"]] or ["  used by no run"]
    if not lines:
        lines = ['No limit is defined or in use; define one in llmdash.toml: [limits."NAME"], rate = "60/s"']
    return "\n".join(lines)


def _run_line(run: dict[str, Any]) -> str:
    share = [f"{_amount(run['share'])}/s"] if run["share"] is not None else []
    share += [f"{_amount(run['token_share'])} tokens/min"] if run["token_share"] is not None else []
    wish = "all" if run["wish"] is None else f"{_amount(run['wish'])}/s"
    place = f"{clean_line(run['host'])} pid {run['pid']}"
    return f"  {clean_line(run['run'])}  {', '.join(share)}  wants {wish}  {place}"


def _limits(defined: Sequence[LimitSettings], rows: Sequence[LeaseRow]) -> Iterator[dict[str, Any]]:
    """Yield the limits with their runs as JSON has them: null for no limit, and for the wish for all."""
    from llmdash.engine.dispatch.leases import Limit
    from llmdash.shared_limits.table import lowest

    known = {each.name: Limit(each.name, each.rate or math.inf, each.tpm or math.inf) for each in defined}
    for name in dict.fromkeys((*known, *sorted(row.limit.name for row in rows))):
        using = [row for row in rows if row.limit.name == name and (row.wish.rate or row.held.slots)]
        limit = lowest([row.limit for row in using] or [known.get(name, Limit(name))], name)
        yield {
            "name": name,
            "rate": _finite(limit.rate),
            "tpm": _finite(limit.tpm),
            "free": _free(limit.rate, [row.held.rate for row in using]),
            "token_free": _free(limit.tpm, [row.held.tokens for row in using]),
            "runs": [
                {
                    "run": row.sharer.label,
                    "pid": row.sharer.pid,
                    "host": row.sharer.host,
                    "share": _finite(row.held.rate),
                    "token_share": _finite(row.held.tokens),
                    "wish": _finite(row.wish.rate),
                }
                for row in using
            ],
        }


def _free(total: float, held: Sequence[float]) -> float | None:
    return max(0.0, round(total - sum(held), 3)) if math.isfinite(total) else None


def _finite(amount: float) -> float | None:
    return round(amount, 3) if math.isfinite(amount) else None


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"
