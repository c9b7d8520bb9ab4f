"""The `anthropic` package: messages, streams, tools, counting."""

import asyncio

import anthropic
from pydantic import BaseModel

from account import assert_anthropic, assert_cancelled, request_records, units

MODEL = "claude-haiku-4-5"
ASK = {
    "model": MODEL,
    "max_tokens": 256,
    "messages": [{"role": "user", "content": "What does a purser do aboard a ship?"}],
}
WEATHER = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


class Port(BaseModel):
    name: str
    berths: int


def test_a_message_is_booked_with_its_usage(claude, account):
    answer = claude.messages.create(**ASK)
    assert answer.content[0].text
    assert answer.stop_reason == "end_turn"
    record = account.record()
    assert_anthropic(record, answer.usage)
    assert record["response_id"] == answer.id
    assert record["provider"] == "anthropic"


def test_cache_reads_and_both_kinds_of_cache_writes_are_booked_apart(claude, account):
    script = "input-tokens=5000;cached=3000;cache-write-5m=1000;cache-write-1h=500;output-tokens=7"
    answer = claude.messages.create(**ASK, extra_headers={"x-scripted": script})
    assert answer.usage.cache_creation.ephemeral_1h_input_tokens == 500
    record = account.record()
    assert_anthropic(record, answer.usage)
    assert units(record) == {
        "input": 500,
        "cache_read": 3000,
        "cache_write_5m": 1000,
        "cache_write_1h": 500,
        "output": 7,
    }
    # $1 fresh, $0.10 read, $1.25 and $2 written, $5 out, each per million tokens.
    assert record["list_cost"] == "0.003085"


def test_raw_headers_name_the_request(claude):
    raw = claude.messages.with_raw_response.create(**ASK)
    [record] = request_records(raw.headers["x-bursar-request-id"])
    assert raw.headers["request-id"].startswith("req_")
    assert_anthropic(record, raw.parse().usage)


def test_the_stream_helper_gathers_the_whole_message(claude, account):
    with claude.messages.stream(**ASK) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
    assert text == answer.content[0].text
    assert_anthropic(account.record(), answer.usage)


def test_raw_events_come_in_the_dialects_order(claude, account):
    kinds = [event.type for event in claude.messages.create(**ASK, stream=True)]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop")
    assert account.record()["end"] == "complete"


def test_a_tool_is_called_and_its_result_sent_back(claude, account):
    first = claude.messages.create(**ASK, tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    call = next(block for block in first.content if block.type == "tool_use")
    assert set(call.input) == {"city"}
    turns = [
        *ASK["messages"],
        {"role": "assistant", "content": first.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}],
        },
    ]
    second = claude.messages.create(**{**ASK, "messages": turns}, tools=[WEATHER])
    assert second.content[0].text
    for record, answer in zip(account.records(2), [first, second], strict=True):
        assert_anthropic(record, answer.usage)


def test_a_streamed_tool_call_arrives_in_pieces(claude, account):
    with claude.messages.stream(**ASK, tools=[WEATHER]) as stream:
        pieces = [e.partial_json for e in stream if e.type == "input_json"]
        answer = stream.get_final_message()
    assert len(pieces) > 1
    assert set(answer.content[-1].input) == {"city"}
    assert_anthropic(account.record(), answer.usage)


def test_structured_output_is_parsed_into_its_model(claude, account):
    answer = claude.messages.parse(**ASK, output_format=Port)
    assert isinstance(answer.parsed_output, Port)
    assert_anthropic(account.record(), answer.usage)


def test_thinking_is_booked_within_the_output(claude, account):
    answer = claude.messages.create(
        **{**ASK, "max_tokens": 4096},
        thinking={"type": "enabled", "budget_tokens": 1024},
        extra_headers={"x-scripted": "reasoning=50;output-tokens=10"},
    )
    assert answer.content[0].type == "thinking"
    assert answer.usage.output_tokens == 60
    assert_anthropic(account.record(), answer.usage)


def test_counting_tokens_is_free_and_passes(claude):
    counted = claude.messages.count_tokens(model=MODEL, messages=ASK["messages"])
    assert counted.input_tokens > 0


def test_the_list_of_models_is_anthropics(claude):
    names = [model.id for model in claude.models.list()]
    assert any(name.startswith("claude-haiku-4-5") for name in names)
    assert not any(name.startswith("gpt") for name in names)


def test_a_client_that_leaves_a_stream_pays_for_what_it_received(claude, account):
    stream = claude.messages.create(
        **ASK,
        stream=True,
        extra_headers={"x-scripted": "output-tokens=200;chunk-delay-ms=20"},
    )
    deltas = 0
    for event in stream:
        deltas += event.type == "content_block_delta"
        if deltas == 8:
            break
    stream.close()
    assert_cancelled(account.record(), 200)


async def test_the_async_client_streams_and_is_booked(claude_settings, account):
    async with anthropic.AsyncAnthropic(**claude_settings) as client:
        async with client.messages.stream(**ASK) as stream:
            async for _ in stream.text_stream:
                pass
            answer = await stream.get_final_message()
    assert_anthropic(account.record(), answer.usage)


async def test_thirty_two_messages_at_once_are_thirty_two_records(claude_settings, account):
    async with anthropic.AsyncAnthropic(**claude_settings) as client:

        async def call(number):
            script = {"x-scripted": f"seed={number};output-tokens={number + 1}"}
            return (await client.messages.create(**ASK, extra_headers=script)).usage

        usages = await asyncio.gather(*(call(number) for number in range(32)))
    records = account.records(32)
    assert len({record["request"] for record in records}) == 32
    booked = sorted((units(r)["input"], units(r)["output"]) for r in records)
    assert booked == sorted((u.input_tokens, u.output_tokens) for u in usages)
