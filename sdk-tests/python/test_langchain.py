"""`langchain-openai`."""

import openai
import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from account import assert_complete, units

MODEL = "gpt-4o-mini"
ASK = "What does a purser do aboard a ship?"


class Port(BaseModel):
    """A port."""

    name: str
    berths: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def assert_same(record, usage, model=MODEL):
    assert_complete(record, model)
    found = units(record)
    assert usage["input_tokens"] == found["input"] + found["cache_read"]
    assert usage["output_tokens"] == found["output"] + found["reasoning"]


@pytest.fixture
def chat(settings):
    return ChatOpenAI(model=MODEL, **settings)


def test_an_invocation_is_booked(chat, account):
    answer = chat.invoke(ASK)
    assert answer.content
    assert_same(account.record(), answer.usage_metadata)


def test_a_stream_adds_up_to_the_booked_usage(settings, account):
    whole = None
    for chunk in ChatOpenAI(model=MODEL, stream_usage=True, **settings).stream(ASK):
        whole = chunk if whole is None else whole + chunk
    assert whole.content
    assert_same(account.record(), whole.usage_metadata)


def test_a_stream_without_usage_is_booked_all_the_same(settings, account):
    chunks = list(ChatOpenAI(model=MODEL, stream_usage=False, **settings).stream(ASK))
    assert all(chunk.usage_metadata is None for chunk in chunks)
    assert_complete(account.record(), MODEL)


def test_a_bound_tool_is_called(chat, account):
    answer = chat.bind_tools([weather]).invoke(ASK)
    [call] = answer.tool_calls
    assert call["name"] == "weather"
    assert weather.invoke(call["args"]).startswith("sunny in ")
    assert_same(account.record(), answer.usage_metadata)


def test_structured_output_becomes_its_class(chat, account):
    answer = chat.with_structured_output(Port, include_raw=True).invoke(ASK)
    assert isinstance(answer["parsed"], Port)
    assert_same(account.record(), answer["raw"].usage_metadata)


def test_the_responses_api_is_booked(settings, account):
    answer = ChatOpenAI(model=MODEL, use_responses_api=True, **settings).invoke(ASK)
    assert answer.text
    record = account.record()
    assert record["surface"] == "openai.responses"
    assert_same(record, answer.usage_metadata)


def test_embeddings_are_booked(settings, account):
    embedder = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False, **settings)
    assert len(embedder.embed_documents(["one hull", "two masts"])) == 2
    assert_complete(account.record(), "text-embedding-3-small")


async def test_async_streams_are_booked(settings, account):
    whole = None
    async for chunk in ChatOpenAI(model=MODEL, stream_usage=True, **settings).astream(ASK):
        whole = chunk if whole is None else whole + chunk
    assert_same(account.record(), whole.usage_metadata)


def test_errors_are_those_of_the_openai_package(settings, headers):
    script = {**headers, "x-scripted": "status=429"}
    chat = ChatOpenAI(model=MODEL, **{**settings, "default_headers": script})
    with pytest.raises(openai.RateLimitError):
        chat.invoke(ASK)


async def test_a_batch_of_questions_is_one_record_each(chat, account):
    answers = await chat.abatch([f"{ASK} ({number})" for number in range(8)])
    records = account.records(8)
    booked = sum(units(r)["output"] for r in records)
    assert booked == sum(a.usage_metadata["output_tokens"] for a in answers)
