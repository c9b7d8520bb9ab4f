"""Custom authentication for LiteLLM's proxy: every key is known, and has the budget that the environment gives it."""

import os

from litellm.proxy._types import UserAPIKeyAuth, hash_token


async def user_api_key_auth(request, api_key: str) -> UserAPIKeyAuth:
    del request
    return UserAPIKeyAuth(
        api_key=api_key,
        token=hash_token(api_key),
        max_budget=float(os.environ["KEY_BUDGET"]),
    )
