"""The `openai` package: what goes wrong raises what it always raises."""

import time
from decimal import Decimal

import openai
import pytest

from account import request_records, units
from conftest import BURSAR_KEY, BURSAR_URL

MODEL = "gpt-4o-mini"
ASK = [{"role": "user", "content": "What does a purser do?"}]

CLASSES = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (409, openai.ConflictError),
    (422, openai.UnprocessableEntityError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (503, openai.InternalServerError),
    (529, openai.InternalServerError),
]


def chat(client, **more):
    return client.chat.completions.create(model=MODEL, messages=ASK, **more)


@pytest.mark.parametrize(("status", "kind"), CLASSES)
@pytest.mark.parametrize("stream", [False, True])
def test_each_status_of_the_provider_raises_its_own_class(openai_client, account, status, kind, stream):
    with pytest.raises(kind) as raised:
        chat(openai_client, stream=stream, extra_headers={"x-scripted": f"status={status}"})
    error = raised.value
    assert type(error) is kind
    assert error.status_code == status
    assert error.request_id.startswith("req_"), "the provider's own request id"
    assert error.body["message"] in str(error)
    record = account.record()
    assert record["status"] == status
    assert record["quantities"] == [], "a refused call has used nothing"
    assert Decimal(record["contracted_cost"]) == 0
    [same] = request_records(error.response.headers["x-bursar-request-id"])
    assert same["request"] == record["request"]


def test_the_providers_message_and_code_arrive_unchanged(openai_client):
    with pytest.raises(openai.RateLimitError) as raised:
        chat(openai_client, extra_headers={"x-scripted": "status=429;retry-after=7"})
    assert raised.value.body["message"] == f"Rate limit reached for {MODEL} on requests per min (RPM)."
    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.response.headers["retry-after"] == "7"


def test_a_model_that_does_not_exist_is_not_found(openai_client):
    with pytest.raises(openai.NotFoundError) as raised:
        openai_client.chat.completions.create(model="gpt-does-not-exist", messages=ASK)
    assert raised.value.code == "model_not_found"


def test_retry_after_is_honoured_by_the_client(settings, account):
    with openai.OpenAI(**{**settings, "max_retries": 2}) as client:
        began = time.monotonic()
        answer = chat(client, extra_headers={"x-scripted": f"status=429;retry-after=1;times=1;tag={account.task}"})
        waited = time.monotonic() - began
    assert 1.0 <= waited < 4.0
    refused, answered = account.records(2)
    assert (refused["status"], answered["status"]) == (429, 200)
    assert units(answered)["output"] == answer.usage.completion_tokens


def test_a_key_that_bursar_does_not_know_is_refused_by_bursar(settings):
    with openai.OpenAI(**{**settings, "api_key": "bsk_not-a-key"}) as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            chat(client)
    assert raised.value.code == "invalid_api_key"
    assert raised.value.response.headers["x-bursar-request-id"]


def test_a_body_that_is_no_json_is_a_bad_request(openai_client):
    with pytest.raises(openai.BadRequestError) as raised:
        openai_client.post(
            "/chat/completions",
            cast_to=object,
            content=b'{"model": "gpt-4o-mini", "messages": [',
            options={"headers": {"content-type": "application/json"}},
        )
    assert raised.value.response.headers["x-bursar-request-id"]


def test_a_path_that_nobody_serves_is_not_found(openai_client):
    with pytest.raises(openai.NotFoundError):
        openai_client.get("/nothing/here", cast_to=object)


def test_the_clients_timeout_raises_and_ends_the_call(openai_client, account):
    with pytest.raises(openai.APITimeoutError):
        chat(openai_client, timeout=0.4, extra_headers={"x-scripted": "delay-ms=30000"})
    record = account.record()
    assert record["end"] == "client_cancelled"


def test_a_provider_that_is_too_slow_is_a_gateway_timeout(headers, account):
    with openai.OpenAI(
        base_url=f"{BURSAR_URL}/providers/impatient/v1",
        api_key=BURSAR_KEY,
        default_headers=headers,
        max_retries=0,
    ) as client:
        with pytest.raises(openai.InternalServerError) as raised:
            chat(client, extra_headers={"x-scripted": "delay-ms=30000"})
    assert raised.value.status_code == 504
    assert account.record()["end"] == "timed_out"


def test_a_connection_that_the_provider_cuts_raises_and_keeps_what_came(openai_client, account):
    stream = chat(openai_client, stream=True, extra_headers={"x-scripted": "output-tokens=60;abort-after=9"})
    seen = 0
    with pytest.raises(Exception, match="closed connection") as raised:
        for _ in stream:
            seen += 1
    assert type(raised.value).__name__ == "RemoteProtocolError", "the HTTP client's own class"
    assert seen == 9, "everything that came before reaches the client"
    record = account.record()
    assert record["end"] == "upstream_error"
    assert 0 < units(record)["output"] < 60


def test_an_error_event_in_a_stream_raises_api_error(openai_client, account):
    stream = chat(openai_client, stream=True, extra_headers={"x-scripted": "output-tokens=60;error-after=5"})
    with pytest.raises(openai.APIError):
        for _ in stream:
            pass
    assert account.record()["end"] == "upstream_error"
