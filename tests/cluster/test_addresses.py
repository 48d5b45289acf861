"""Where a scheduler is, and whether the way to it has to be encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.cluster.addresses import AddressError, TlsFiles, host_of, is_loopback, scheduler_address


def test_addresses_of_other_machines_have_to_be_encrypted() -> None:
    tls = TlsFiles(Path("a"), Path("b"), Path("c"))
    assert scheduler_address("127.0.0.1:8786", tls=None, insecure=False) == "tcp://127.0.0.1:8786"
    assert scheduler_address("node0:8786", tls=tls, insecure=False) == "tls://node0:8786"
    assert scheduler_address("tcp://node0:8786", tls=None, insecure=True) == "tcp://node0:8786"
    assert scheduler_address("tcp://[::1]:8786", tls=None, insecure=False) == "tcp://[::1]:8786"
    for given_address, files, words in (
        ("tcp://node0:8786", None, "unencrypted"),
        ("tls://node0:8786", None, "--tls-ca"),
        ("tcp://127.0.0.1:8786", tls, "not encrypted"),
        ("nonsense", None, "not the address"),
        ("http://node0:8786", None, "not the address"),
        ("tcp://node0:99999", None, "not the address"),
        ("tcp://me@127.0.0.1:1", None, "not the address"),
        ("tcp://127.0.0.1:1/path", None, "not the address"),
        ("", None, "not the address"),
    ):
        with pytest.raises(AddressError, match=words):
            scheduler_address(given_address, tls=files, insecure=False)
    assert host_of("tls://[::1]:1") == "::1"
    assert (is_loopback("localhost"), is_loopback("127.8.8.8"), is_loopback("10.0.0.1")) == (
        True,
        True,
        False,
    )
