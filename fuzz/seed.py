"""Takes seeds for the targets of the meter out of recorded responses.

    python3 fuzz/seed.py ../shared/data/agents/fixtures_dev.jsonl.gz

Each seed is a recorded body of at most 6 KiB behind the two bytes that say split, framing and ending.
"""

import base64
import gzip
import json
import pathlib
import sys

TARGETS = {
    "usage_openai_chat": ("openai", "azure", "groq", "mistral", "deepseek", "xai", "openrouter"),
    "usage_openai_responses": ("openai", "xai", "azure"),
    "usage_anthropic": ("anthropic",),
    "usage_gemini": ("gemini", "vertex"),
    "usage_bedrock": ("bedrock",),
    "usage_cohere": ("cohere",),
    "sse": ("openai", "anthropic", "gemini"),
}
HOW = {"json": 0, "sse": 2, "one JSON event per line": 4, "aws-eventstream-base64": 4}


def main():
    corpus = pathlib.Path(__file__).parent / "corpus"
    counts = dict.fromkeys(TARGETS, 0)
    for line in gzip.open(sys.argv[1], "rt"):
        row = json.loads(line)
        body = row["response_body"].encode()
        if row["format"] == "aws-eventstream-base64":
            body = base64.b64decode(body)
        if len(body) > 6 * 1024:
            continue
        for target, providers in TARGETS.items():
            is_sse = row["format"] == "sse"
            if row["provider"] in providers and counts[target] < 150 and (is_sse or target != "sse"):
                head = bytes([7]) if target == "sse" else bytes([7, HOW[row["format"]]])
                folder = corpus / target
                folder.mkdir(parents=True, exist_ok=True)
                (folder / row["id"]).write_bytes(head + body)
                counts[target] += 1
    for target, count in counts.items():
        print(f"{target:<24} {count} seeds")


if __name__ == "__main__":
    main()
