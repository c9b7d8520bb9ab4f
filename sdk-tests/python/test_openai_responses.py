"""The `openai` package: the Responses API."""

import json

import openai
import pytest
from pydantic import BaseModel

from account import assert_cancelled, assert_responses

MODEL = "gpt-4o-mini"
ASK = "What does a purser do aboard a ship? Answer in one sentence."
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Port(BaseModel):
    name: str
    berths: int


def test_a_response_is_booked_with_its_usage(openai_client, account):
    answer = openai_client.responses.create(model=MODEL, input=ASK, instructions="Be brief.")
    assert answer.status == "completed"
    assert answer.output_text
    record = account.record()
    assert_responses(record, answer.usage)
    assert record["response_id"] == answer.id


def test_reasoning_of_a_response_is_booked_apart(openai_client, account):
    answer = openai_client.responses.create(
        model="gpt-5-mini",
        input=ASK,
        reasoning={"effort": "low"},
        extra_headers={"x-scripted": "input-tokens=900;cached=512;reasoning=32;output-tokens=9"},
    )
    assert answer.usage.output_tokens_details.reasoning_tokens == 32
    assert_responses(account.record(), answer.usage, "gpt-5-mini")


def test_the_stream_helper_gives_typed_events_in_order(openai_client, account):
    with openai_client.responses.stream(model=MODEL, input=ASK) as stream:
        events = list(stream)
        answer = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert {"response.output_item.added", "response.content_part.added", "response.output_text.done"} <= set(kinds)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == answer.output_text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(numbers)
    assert_responses(account.record(), answer.usage)


def test_a_raw_stream_ends_with_the_usage_that_is_booked(openai_client, account):
    last = None
    for event in openai_client.responses.create(model=MODEL, input=ASK, stream=True):
        last = event
    assert last.type == "response.completed"
    assert_responses(account.record(), last.response.usage)


def test_a_function_is_called_and_answered(openai_client, account):
    first = openai_client.responses.create(model=MODEL, input=ASK, tools=[WEATHER])
    call = next(item for item in first.output if item.type == "function_call")
    assert set(json.loads(call.arguments)) == {"city"}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = openai_client.responses.create(
        model=MODEL, input=[{"role": "user", "content": ASK}, call, result], tools=[WEATHER]
    )
    assert second.output_text
    for record, answer in zip(account.records(2), [first, second], strict=True):
        assert_responses(record, answer.usage)


def test_a_streamed_function_call_arrives_in_pieces(openai_client, account):
    with openai_client.responses.stream(model=MODEL, input=ASK, tools=[WEATHER]) as stream:
        events = list(stream)
        answer = stream.get_final_response()
    deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert set(json.loads("".join(deltas))) == {"city"}
    assert answer.output[-1].type == "function_call"
    assert_responses(account.record(), answer.usage)


def test_structured_output_of_a_response_is_parsed(openai_client, account):
    answer = openai_client.responses.parse(model=MODEL, input=ASK, text_format=Port)
    assert isinstance(answer.output_parsed, Port)
    assert_responses(account.record(), answer.usage)


def test_streamed_structured_output_of_a_response_is_parsed(openai_client, account):
    with openai_client.responses.stream(model=MODEL, input=ASK, text_format=Port) as stream:
        answer = stream.get_final_response()
    assert isinstance(answer.output_parsed, Port)
    assert_responses(account.record(), answer.usage)


def test_an_answer_cut_short_by_the_limit_says_so(openai_client, account):
    answer = openai_client.responses.create(
        model=MODEL, input=ASK, max_output_tokens=16, extra_headers={"x-scripted": "output-tokens=60"}
    )
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert_responses(account.record(), answer.usage)


def test_a_client_that_leaves_a_response_pays_for_what_it_received(openai_client, account):
    stream = openai_client.responses.create(
        model=MODEL,
        input=ASK,
        stream=True,
        extra_headers={"x-scripted": "output-tokens=400;chunk-delay-ms=20"},
    )
    deltas = 0
    for event in stream:
        deltas += event.type == "response.output_text.delta"
        if deltas == 6:
            break
    stream.close()
    assert_cancelled(account.record(), 400)


async def test_the_async_stream_helper_works_too(settings, account):
    async with openai.AsyncOpenAI(**settings) as client:
        async with client.responses.stream(model=MODEL, input=ASK) as stream:
            async for _ in stream:
                pass
            answer = await stream.get_final_response()
    assert_responses(account.record(), answer.usage)


CLASSES = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (404, openai.NotFoundError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (529, openai.InternalServerError),
]


@pytest.mark.parametrize(("status", "kind"), CLASSES)
@pytest.mark.parametrize("stream", [False, True])
def test_each_status_raises_its_own_class(openai_client, account, status, kind, stream):
    with pytest.raises(kind):
        openai_client.responses.create(
            model=MODEL, input=ASK, stream=stream, extra_headers={"x-scripted": f"status={status}"}
        )
    record = account.record()
    assert (record["status"], record["quantities"]) == (status, [])


def test_an_error_event_in_a_response_raises_and_is_booked_as_the_providers(openai_client, account):
    stream = openai_client.responses.create(
        model=MODEL, input=ASK, stream=True, extra_headers={"x-scripted": "output-tokens=60;error-after=9"}
    )
    with pytest.raises(openai.APIError):
        for _ in stream:
            pass
    assert account.record()["end"] == "upstream_error"
