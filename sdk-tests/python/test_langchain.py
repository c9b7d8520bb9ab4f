"""`langchain-openai`."""

import openai
import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from account import assert_cancelled, assert_complete, units

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


def scripted(settings, headers, script, **more):
    return ChatOpenAI(model=MODEL, **{**settings, "default_headers": {**headers, "x-scripted": script}}, **more)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
def test_errors_are_those_of_the_openai_package(settings, headers, account, status, kind):
    with pytest.raises(kind):
        scripted(settings, headers, f"status={status}").invoke(ASK)
    assert account.record()["status"] == status


def test_the_clients_timeout_raises_and_ends_the_call(settings, headers, account):
    with pytest.raises(openai.APITimeoutError):
        scripted(settings, headers, "delay-ms=30000", timeout=0.4).invoke(ASK)
    assert account.record()["end"] == "client_cancelled"


def test_a_stream_that_is_left_is_booked_as_cancelled(settings, headers, account):
    stream = scripted(settings, headers, "output-tokens=400;chunk-delay-ms=20").stream(ASK)
    for _ in range(8):
        next(stream)
    stream.close()
    assert_cancelled(account.record(), 400)


def test_a_streamed_response_is_booked(settings, account):
    whole = None
    for chunk in ChatOpenAI(model=MODEL, use_responses_api=True, **settings).stream(ASK):
        whole = chunk if whole is None else whole + chunk
    assert whole.text
    record = account.record()
    assert record["surface"] == "openai.responses"
    assert_same(record, whole.usage_metadata)


async def test_a_batch_of_questions_is_one_record_each(chat, account):
    answers = await chat.abatch([f"{ASK} ({number})" for number in range(8)])
    records = account.records(8)
    booked = sum(units(r)["output"] for r in records)
    assert booked == sum(a.usage_metadata["output_tokens"] for a in answers)
