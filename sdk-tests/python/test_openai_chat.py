"""The `openai` package: chat completions."""

import asyncio
import json

import openai
from pydantic import BaseModel

from account import assert_cancelled, assert_openai, request_records, units

MODEL = "gpt-4o-mini"
ASK = [{"role": "user", "content": "What does a purser do aboard a ship? Answer in one sentence."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Invoice(BaseModel):
    number: str
    pages: int
    paid: bool
    lines: list[str]


def test_a_plain_answer_is_booked_with_its_usage(openai_client, account):
    answer = openai_client.chat.completions.create(model=MODEL, messages=ASK)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    record = account.record()
    assert_openai(record, answer.usage)
    assert record["response_id"] == answer.id
    assert record["served_model"] == answer.model
    assert record["attribution"]["team"] == "sdk"


def test_cached_and_reasoning_tokens_are_booked_apart(openai_client, account):
    answer = openai_client.chat.completions.create(
        model="gpt-5-mini",
        messages=ASK,
        extra_headers={"x-scripted": "input-tokens=1200;cached=1024;reasoning=40;output-tokens=12"},
    )
    assert answer.usage.completion_tokens_details.reasoning_tokens == 40
    record = account.record()
    assert_openai(record, answer.usage, "gpt-5-mini")
    assert units(record) == {"input": 176, "cache_read": 1024, "output": 12, "reasoning": 40}


def test_raw_headers_name_the_request_and_its_cost(openai_client):
    raw = openai_client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    [record] = request_records(raw.headers["x-bursar-request-id"])
    assert raw.headers["x-bursar-cost"] == record["contracted_cost"]
    assert raw.headers["x-bursar-model"] == record["served_model"]
    assert raw.request_id.startswith("req_"), "the provider's own request id passes on"
    assert_openai(record, raw.parse().usage)


def test_a_stream_asked_for_usage_ends_with_it(openai_client, account):
    stream = openai_client.chat.completions.create(
        model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert_openai(account.record(), chunks[-1].usage)


def test_a_stream_not_asked_for_usage_shows_none_and_is_booked_all_the_same(openai_client, account):
    chunks = list(openai_client.chat.completions.create(model=MODEL, messages=ASK, stream=True))
    assert all(chunk.choices for chunk in chunks), "no chunk without a choice reaches the client"
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    record = account.record()
    assert record["end"] == "complete"
    assert units(record)["output"] > 0
    assert {q["provenance"] for q in record["quantities"]} == {"reported"}
    assert record["priced"]


def test_a_stream_that_declines_usage_shows_none(openai_client, account):
    stream = openai_client.chat.completions.create(
        model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": False}
    )
    assert all(chunk.usage is None and chunk.choices for chunk in stream)
    assert account.record()["end"] == "complete"


def test_the_stream_helper_gathers_the_whole_answer(openai_client, account):
    with openai_client.chat.completions.stream(
        model=MODEL, messages=ASK, stream_options={"include_usage": True}
    ) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        answer = stream.get_final_completion()
    assert "".join(deltas) == answer.choices[0].message.content
    assert_openai(account.record(), answer.usage)


def test_a_tool_is_called_and_its_result_sent_back(openai_client, account):
    first = openai_client.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    call = first.choices[0].message.tool_calls[0]
    assert set(json.loads(call.function.arguments)) == {"city", "days"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    second = openai_client.chat.completions.create(
        model=MODEL, messages=[*ASK, first.choices[0].message, result], tools=[WEATHER]
    )
    assert second.choices[0].message.content
    for record, answer in zip(account.records(2), [first, second], strict=True):
        assert_openai(record, answer.usage)


def test_streamed_tool_calls_arrive_in_pieces(openai_client, account):
    stream = openai_client.chat.completions.create(
        model=MODEL, messages=ASK, tools=[WEATHER], stream=True, stream_options={"include_usage": True}
    )
    name, pieces, usage = "", [], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                name += call.function.name or ""
                pieces.append(call.function.arguments or "")
    assert name == "weather"
    assert len(pieces) > 2
    assert set(json.loads("".join(pieces))) == {"city", "days"}
    assert_openai(account.record(), usage)


def test_structured_output_is_parsed_into_its_model(openai_client, account):
    answer = openai_client.chat.completions.parse(model=MODEL, messages=ASK, response_format=Invoice)
    assert isinstance(answer.choices[0].message.parsed, Invoice)
    assert_openai(account.record(), answer.usage)


def test_streamed_structured_output_is_parsed_into_its_model(openai_client, account):
    with openai_client.chat.completions.stream(
        model=MODEL, messages=ASK, response_format=Invoice, stream_options={"include_usage": True}
    ) as stream:
        answer = stream.get_final_completion()
    assert isinstance(answer.choices[0].message.parsed, Invoice)
    assert_openai(account.record(), answer.usage)


def test_a_client_that_leaves_a_stream_pays_for_what_it_received(openai_client, account):
    stream = openai_client.chat.completions.create(
        model=MODEL,
        messages=ASK,
        stream=True,
        extra_headers={"x-scripted": "output-tokens=400;chunk-delay-ms=20"},
    )
    for _ in range(8):
        next(stream)
    stream.close()
    record = account.record()
    assert_cancelled(record, 400)
    assert units(record)["output"] >= 6


def test_several_answers_to_one_question_are_one_record(openai_client, account):
    answer = openai_client.chat.completions.create(model=MODEL, messages=ASK, n=3)
    assert len(answer.choices) == 3
    assert_openai(account.record(), answer.usage)


def test_fields_that_nobody_knows_pass_unchanged(openai_client, account):
    answer = openai_client.chat.completions.create(
        model=MODEL, messages=ASK, extra_body={"a_field_of_tomorrow": {"deep": [1, 2.50, None]}}
    )
    assert_openai(account.record(), answer.usage)


async def test_the_async_client_streams_and_is_booked(settings, account):
    async with openai.AsyncOpenAI(**settings) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        usage = None
        async for chunk in stream:
            usage = chunk.usage or usage
    assert_openai(account.record(), usage)


async def test_an_async_task_that_is_cancelled_is_booked_as_such(settings, account):
    async with openai.AsyncOpenAI(**settings) as client:
        received = asyncio.Event()

        async def read():
            stream = await client.chat.completions.create(
                model=MODEL,
                messages=ASK,
                stream=True,
                extra_headers={"x-scripted": "output-tokens=400;chunk-delay-ms=20"},
            )
            seen = 0
            async for _ in stream:
                seen += 1
                if seen == 8:
                    received.set()

        reading = asyncio.create_task(read())
        await received.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert_cancelled(account.record(), 400)


async def test_sixty_four_calls_at_once_are_sixty_four_records(settings, account):
    async with openai.AsyncOpenAI(**settings) as client:

        async def call(number):
            if number % 2:
                return (await client.chat.completions.create(model=MODEL, messages=ASK, seed=number)).usage
            stream = await client.chat.completions.create(
                model=MODEL,
                messages=ASK,
                seed=number,
                stream=True,
                stream_options={"include_usage": True},
            )
            return [chunk.usage async for chunk in stream][-1]

        usages = await asyncio.gather(*(call(number) for number in range(64)))
    records = account.records(64)
    assert len({record["request"] for record in records}) == 64
    booked = sorted((units(r)["input"], units(r)["output"]) for r in records)
    assert booked == sorted((u.prompt_tokens, u.completion_tokens) for u in usages)
