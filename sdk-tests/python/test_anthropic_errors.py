"""The `anthropic` package: what goes wrong raises what it always raises."""

import time

import anthropic
import pytest

from account import units

ASK = {
    "model": "claude-haiku-4-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "What does a purser do?"}],
}

CLASSES = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (529, anthropic.APIStatusError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "kind", "name"), CLASSES)
@pytest.mark.parametrize("stream", [False, True])
def test_each_status_of_the_provider_raises_its_own_class(claude, account, status, kind, name, stream):
    with pytest.raises(kind) as raised:
        claude.messages.create(**ASK, stream=stream, extra_headers={"x-scripted": f"status={status}"})
    error = raised.value
    assert error.status_code == status
    assert error.body["error"]["type"] == name
    assert error.request_id.startswith("req_"), "the provider's own request id"
    assert error.response.headers["x-bursar-request-id"]
    record = account.record()
    assert record["status"] == status
    assert record["quantities"] == [], "a refused call has used nothing"


def test_retry_after_is_honoured_by_the_client(claude_settings, account):
    with anthropic.Anthropic(**{**claude_settings, "max_retries": 2}) as client:
        began = time.monotonic()
        script = f"status=529;retry-after=1;times=1;tag={account.task}"
        answer = client.messages.create(**ASK, extra_headers={"x-scripted": script})
        waited = time.monotonic() - began
    assert 1.0 <= waited < 4.0
    refused, answered = account.records(2)
    assert (refused["status"], answered["status"]) == (529, 200)
    assert units(answered)["output"] == answer.usage.output_tokens


def test_a_key_that_bursar_does_not_know_is_refused_in_the_dialects_shape(claude_settings):
    with anthropic.Anthropic(**{**claude_settings, "api_key": "bsk_not-a-key"}) as client:
        with pytest.raises(anthropic.AuthenticationError) as raised:
            client.messages.create(**ASK)
    assert raised.value.body["type"] == "error"
    assert raised.value.body["error"]["type"] == "authentication_error"


def test_the_clients_timeout_raises_and_ends_the_call(claude, account):
    with pytest.raises(anthropic.APITimeoutError):
        claude.messages.create(**ASK, timeout=0.4, extra_headers={"x-scripted": "delay-ms=30000"})
    assert account.record()["end"] == "client_cancelled"


def test_an_error_event_in_a_stream_raises_api_status_error(claude, account):
    stream = claude.messages.create(
        **ASK, stream=True, extra_headers={"x-scripted": "output-tokens=50;error-after=6"}
    )
    with pytest.raises(anthropic.APIStatusError) as raised:
        for _ in stream:
            pass
    assert raised.value.body["error"]["type"] == "overloaded_error"
    assert account.record()["end"] == "upstream_error"


def test_a_connection_that_the_provider_cuts_raises_and_keeps_what_came(claude, account):
    stream = claude.messages.create(
        **ASK, stream=True, extra_headers={"x-scripted": "output-tokens=60;abort-after=9"}
    )
    seen = 0
    with pytest.raises(Exception, match="closed connection") as raised:
        for _ in stream:
            seen += 1
    assert type(raised.value).__name__ == "RemoteProtocolError", "the HTTP client's own class"
    assert seen == 8, "everything that came before reaches the client, which keeps the ping to itself"
    record = account.record()
    assert record["end"] == "upstream_error"
    assert 0 < units(record)["output"] < 60
