"""Files: forms that are taken apart wherever they are split, lists, expiry, and the memory of uploads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.simulator.batches.multipart import FormReader, boundary_of
from llmdash.simulator.errors import ServedError
from tests.simulator.batches.asking import BatchServices, form_of, lines_of


def read(body: bytes, *sizes: int) -> FormReader:
    """A form that arrives in pieces of these sizes, and the rest at once."""
    form = FormReader(b"b0und")
    for size in sizes:
        form.feed(body[:size])
        body = body[size:]
    form.feed(body)
    return form


def content_of(form: FormReader) -> bytes:
    assert form.file is not None
    return b"".join(form.file.pieces())


@given(
    st.lists(st.sampled_from([b"\r\n--b0und", b"\r\n--b0unx", b"\r", b"\n", b"--", b"x" * 9, b"\0"])),
    st.lists(st.integers(1, 60)),
)
def test_a_form_is_the_same_wherever_it_is_split(parts: list[bytes], sizes: list[int]) -> None:
    content = b"".join(parts).replace(b"\r\n--b0und", b"")
    form = read(form_of(content, purpose="batch", **{"expires_after[seconds]": "3600"})[0], *sizes)
    assert content_of(form) == content
    assert form.fields == {"purpose": "batch", "expires_after[seconds]": "3600"}
    assert (form.filename, form.complete) == ("in.jsonl", True)


def test_what_is_no_form_is_refused() -> None:
    with pytest.raises(ServedError, match="multipart/form-data"):
        boundary_of("application/json")
    with pytest.raises(ServedError, match="no end to its headers"):
        FormReader(b"b0und").feed(b"--b0und\r\n" + b"x" * 20_000)
    with pytest.raises(ServedError, match="too long"):
        read(form_of(b"", purpose="x" * 70_000)[0])
    assert boundary_of('multipart/form-data; boundary="a b"') == b"a b"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"purpose": "poetry"}, "not one of"),
        ({"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"}, "from 3600"),
        ({"expires_after[anchor]": "never", "expires_after[seconds]": "3600"}, "must be 'created_at'"),
    ],
)
async def test_uploads_that_are_not_valid_are_refused(fields: dict[str, str], words: str) -> None:
    reply = await BatchServices().upload(b"{}", **fields)
    assert (reply.status, words in reply.json["error"]["message"]) == (400, True), reply


async def test_a_form_without_a_file_or_without_an_end_is_refused() -> None:
    services = BatchServices()
    headers = {"Authorization": f"Bearer {services.keys[0]}", "content-type": form_of(b"")[1]}
    for body in (b"--b0und--\r\n", form_of(b"abc", purpose="batch")[0][:-9], b"", b"nothing"):
        assert (await services.send("POST", "/v1/files", body, headers=headers)).status == 400
    headers["content-type"] = "application/json"
    assert (await services.send("POST", "/v1/files", b"{}", headers=headers)).status == 400


async def test_files_are_listed_by_purpose_newest_first_in_pages() -> None:
    services = BatchServices()
    made = [(await services.upload(b"{}")).json["id"] for _ in range(3)]
    await services.upload(b"{}", purpose="user_data")
    page = (await services.call("GET", "/v1/files", query="purpose=batch&limit=2")).json
    assert ([file["id"] for file in page["data"]], page["has_more"]) == ([made[2], made[1]], True)
    page = (await services.call("GET", "/v1/files", query=f"purpose=batch&after={page['last_id']}")).json
    assert ([file["id"] for file in page["data"]], page["has_more"]) == ([made[0]], False)
    for query in ("limit=0", "limit=10001", "limit=x", "after=file-none"):
        assert (await services.call("GET", "/v1/files", query=query)).status == 400


async def test_files_expire_after_the_time_they_were_given() -> None:
    services = BatchServices()
    kept = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "7200"}
    file = (await services.upload(b"{}", **kept)).json
    assert file["expires_at"] - file["created_at"] == 2
    services.now = 1.9
    assert (await services.call("GET", f"/v1/files/{file['id']}")).status == 200
    services.now = 2.0
    assert (await services.call("GET", f"/v1/files/{file['id']}/content")).status == 404


async def test_results_expire_as_asked_and_messages_are_archived() -> None:
    services = BatchServices()
    made = await services.create(
        lines_of(["a"]), output_expires_after={"anchor": "created_at", "seconds": 3_600}
    )
    end = await services.end(made.json["id"])
    messages = await services.messages(1)
    await services.end(messages)
    services.now += 1.0
    assert (await services.call("GET", f"/v1/files/{end['output_file_id']}")).status == 404
    services.now += 29 * 24
    archived = await services.look(messages)
    assert (archived["archived_at"] is not None, archived["results_url"]) == (True, None)
    assert (await services.call("GET", f"/v1/messages/batches/{messages}/results")).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "/v1/poems"},
        {"input_file_id": "file-none"},
        {"completion_window": "1h"},
        {"completion_window": "30d"},
        {"metadata": {"a": 1}},
        {"metadata": {"a": "x" * 513}},
        {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
    ],
)
async def test_creates_that_are_not_valid_are_refused_at_once(change: dict[str, object]) -> None:
    services = BatchServices()
    file = (await services.upload(lines_of(["a"]))).json["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/responses", "completion_window": "24h", **change}
    assert (await services.call("POST", "/v1/batches", asked)).status in (400, 404)
    assert json.loads((await services.call("GET", "/v1/batches")).body)["data"] == []


@pytest.mark.parametrize(("dialect", "field"), [("/v1/completions", "prompt"), ("/v1/responses", "input")])
async def test_every_endpoint_has_batches(dialect: str, field: str) -> None:
    services = BatchServices()
    content = lines_of(["a"], url=dialect, body={"model": "m", field: "What is 1 + 1 + 1?"})
    end = await services.end((await services.create(content, endpoint=dialect)).json["id"])
    assert (end["status"], end["request_counts"]["completed"]) == ("completed", 1)
    assert end["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("path", ["/v1/files/x/y", "/v1/batches/x/y/z", "/v1/messages/batches/x/y"])
async def test_addresses_that_there_are_not_are_not_found(path: str) -> None:
    assert (await BatchServices().call("GET", path)).status == 404
