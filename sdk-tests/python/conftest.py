"""Clients of the gateway under test, each with a task's label by which its calls are found in the account."""

import os
import re
import uuid

import anthropic
import openai
import pytest

from account import Account

BURSAR_URL = os.environ["BURSAR_URL"]
BURSAR_KEY = os.environ["BURSAR_KEY"]


@pytest.fixture
def account(request):
    """The account of this test's calls."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60]
    return Account(f"{name}-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def headers(account):
    """Headers that every client of this test sends."""
    return {"x-bursar-task": account.task}


@pytest.fixture
def settings(headers):
    """How an OpenAI client reaches Bursar."""
    return {
        "base_url": f"{BURSAR_URL}/v1",
        "api_key": BURSAR_KEY,
        "default_headers": headers,
        "max_retries": 0,
    }


@pytest.fixture
def openai_client(settings):
    with openai.OpenAI(**settings) as client:
        yield client


@pytest.fixture
def claude_settings(headers):
    """How an Anthropic client reaches Bursar."""
    return {
        "base_url": BURSAR_URL,
        "api_key": BURSAR_KEY,
        "default_headers": headers,
        "max_retries": 0,
    }


@pytest.fixture
def claude(claude_settings):
    with anthropic.Anthropic(**claude_settings) as client:
        yield client
