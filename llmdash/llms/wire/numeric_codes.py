"""Error codes that are numbers, as the words that others use for the same.

Sources: the published lists of Z.AI / BigModel (`error.code`) and of MiniMax (`base_resp.status_code`).
"""

from __future__ import annotations

__all__ = ["word_for"]

_RATE, _MONEY, _KEY = "rate_limit", "insufficient_balance", "invalid_api_key"
_FILTER, _LENGTH, _REQUEST = "content_filter", "context_length", "invalid_request"

_ZAI = {
    **dict.fromkeys((1000, 1001, 1002, 1003, 1004, 1110, 1111, 1112, 1121), _KEY),
    **dict.fromkeys((1113, 1304, 1308, 1309, 1310), _MONEY),
    **dict.fromkeys((1210, 1212, 1213, 1214, 1215), _REQUEST),
    **dict.fromkeys((1300, 1301), _FILTER),
    **dict.fromkeys((1302, 1303, 1305, 1313), _RATE),
    1211: "model_not_found",
    1261: _LENGTH,
    1311: "permission_denied",
    1312: "overloaded",
}
_MINIMAX = {
    **dict.fromkeys((1002, 1039, 1041), _RATE),
    **dict.fromkeys((1004, 2049), _KEY),
    **dict.fromkeys((1008, 1028, 1030), _MONEY),
    **dict.fromkeys((1026, 1027), _FILTER),
    **dict.fromkeys((1042, 2013), _REQUEST),
    2045: "slow_down",
}


def word_for(number: int, *, in_base_resp: bool) -> str:
    """Return the word for a documented code, else an empty string. The same number means another thing in
    MiniMax's `base_resp`.

    >>> word_for(1002, in_base_resp=True), word_for(1002, in_base_resp=False)
    ('rate_limit', 'invalid_api_key')
    """
    return (_MINIMAX if in_base_resp else _ZAI).get(number, "")
