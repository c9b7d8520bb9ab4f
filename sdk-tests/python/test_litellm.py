"""`litellm` as a client, in both dialects."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no request to anyone but the gateway

import litellm
import pytest
from pydantic import BaseModel

from account import assert_anthropic, assert_cancelled, assert_complete, assert_openai, units
from conftest import BURSAR_KEY, BURSAR_URL

litellm.telemetry = False
ASK = [{"role": "user", "content": "What does a purser do aboard a ship?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Port(BaseModel):
    name: str
    berths: int


@pytest.fixture
def gpt(headers):
    return {
        "model": "openai/gpt-4o-mini",
        "api_base": f"{BURSAR_URL}/v1",
        "api_key": BURSAR_KEY,
        "extra_headers": headers,
        "num_retries": 0,
        "max_retries": 0,
    }


@pytest.fixture
def haiku(gpt):
    return {**gpt, "model": "anthropic/claude-haiku-4-5", "api_base": BURSAR_URL}


def scripted(settings, script):
    return {**settings, "extra_headers": {**settings["extra_headers"], "x-scripted": script}}


def without_retries(settings):
    """Settings for calls that know of no retries."""
    return {name: value for name, value in settings.items() if not name.endswith("_retries")}


def test_a_completion_is_booked(gpt, account):
    answer = litellm.completion(messages=ASK, **gpt)
    assert answer.choices[0].message.content
    assert_openai(account.record(), answer.usage)


def test_a_stream_is_booked_with_the_usage_that_litellm_shows(gpt, account):
    chunks = list(litellm.completion(messages=ASK, stream=True, stream_options={"include_usage": True}, **gpt))
    usage = next(c.usage for c in reversed(chunks) if getattr(c, "usage", None))
    record = account.record()
    assert_complete(record, "gpt-4o-mini")
    assert units(record)["output"] == usage.completion_tokens


def test_a_tool_is_called_by_either_dialect(gpt, haiku, account):
    for settings in (gpt, haiku):
        answer = litellm.completion(messages=ASK, tools=[WEATHER], **settings)
        assert answer.choices[0].message.tool_calls[0].function.name == "weather"
    assert [r["surface"] for r in account.records(2)] == ["openai.chat_completions", "anthropic.messages"]


def test_an_anthropic_message_is_booked(haiku, account):
    answer = litellm.completion(messages=ASK, max_tokens=64, **haiku)
    assert answer.choices[0].message.content
    record = account.record()
    assert_complete(record, "claude-haiku-4-5")
    assert units(record)["input"] == answer.usage.prompt_tokens
    assert units(record)["output"] == answer.usage.completion_tokens


def test_an_anthropic_stream_is_booked(haiku, account):
    chunks = list(litellm.completion(messages=ASK, max_tokens=64, stream=True, **haiku))
    assert "".join(c.choices[0].delta.content or "" for c in chunks)
    assert_complete(account.record(), "claude-haiku-4-5")


def test_embeddings_are_booked(gpt, account):
    answer = litellm.embedding(input=["one hull"], **{**gpt, "model": "openai/text-embedding-3-small"})
    record = account.record()
    assert_complete(record, "text-embedding-3-small")
    assert units(record)["input"] == answer.usage.prompt_tokens


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, litellm.BadRequestError),
        (401, litellm.AuthenticationError),
        (404, litellm.NotFoundError),
        (429, litellm.RateLimitError),
        (500, litellm.InternalServerError),
        (529, litellm.exceptions.APIError),
    ],
)
def test_each_status_raises_litellms_own_class(gpt, account, status, kind):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - litellm's classes do not share a parent of their own
        litellm.completion(messages=ASK, **scripted(gpt, f"status={status}"))
    assert isinstance(raised.value, kind) or raised.value.status_code == status, repr(raised.value)
    assert account.record()["status"] == status


async def test_the_async_client_is_booked(gpt, account):
    answer = await litellm.acompletion(messages=ASK, **gpt)
    assert_openai(account.record(), answer.usage)


def test_a_stream_that_is_left_is_booked_as_cancelled(gpt, account):
    stream = litellm.completion(messages=ASK, stream=True, **scripted(gpt, "output-tokens=400;chunk-delay-ms=20"))
    for _ in range(6):
        next(stream)
    stream.completion_stream.close()
    assert_cancelled(account.record(), 400)


def test_structured_output_follows_its_schema(gpt, account):
    answer = litellm.completion(messages=ASK, response_format=Port, **gpt)
    assert Port.model_validate_json(answer.choices[0].message.content)
    assert_openai(account.record(), answer.usage)


def test_the_responses_api_is_booked(gpt, account):
    answer = litellm.responses(input=ASK[0]["content"], **without_retries(gpt))
    assert answer.output[-1].content[0].text
    record = account.record()
    assert record["surface"] == "openai.responses"
    assert units(record)["output"] == answer.usage.output_tokens


def test_a_streamed_response_gives_its_events_and_is_booked(gpt, account):
    events = list(litellm.responses(input=ASK[0]["content"], stream=True, **without_retries(gpt)))
    kinds = [str(getattr(event.type, "value", event.type)) for event in events]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert kinds[-1] == "response.completed"
    assert units(account.record())["output"] == events[-1].response.usage.output_tokens


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, litellm.BadRequestError),
        (401, litellm.AuthenticationError),
        (404, litellm.NotFoundError),
        (429, litellm.RateLimitError),
        (500, litellm.InternalServerError),
        (529, litellm.InternalServerError),
    ],
)
def test_each_status_of_anthropic_raises_litellms_own_class(haiku, account, status, kind):
    with pytest.raises(kind):
        litellm.completion(messages=ASK, max_tokens=64, **scripted(haiku, f"status={status}"))
    assert account.record()["status"] == status


def test_the_clients_timeout_raises_and_ends_the_call(gpt, account):
    with pytest.raises(litellm.Timeout):
        litellm.completion(messages=ASK, timeout=0.4, **scripted(gpt, "delay-ms=30000"))
    assert account.record()["end"] == "client_cancelled"
