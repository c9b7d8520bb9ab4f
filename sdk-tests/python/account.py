"""What Bursar's control API says about a test's calls."""

import json
import os
import time
import urllib.parse
import urllib.request
from decimal import Decimal

CONTROL_URL = os.environ["CONTROL_URL"]
PROVIDER_URL = os.environ["PROVIDER_URL"]
PROVIDER_BOOKS = os.environ["PROVIDER_BOOKS"]


def read(path):
    """Answers a question to the control API."""
    with urllib.request.urlopen(CONTROL_URL + path, timeout=10) as answer:
        return json.load(answer)


def request_records(request_id):
    """The attempts of one request, once it is booked."""
    records = [attempt["record"] for attempt in _booked(f"/api/v1/requests/{request_id}", "attempts", 1)]
    assert_in_both_books(records)
    return records


class Account:
    """The calls that carry one task's label, oldest first."""

    def __init__(self, task):
        self.task = task

    def records(self, count):
        """Waits until `count` attempts are booked; more than that is an error."""
        task = urllib.parse.quote(self.task)
        records = _booked(f"/api/v1/usage?task={task}&limit=1000&since=1h", "records", count)
        assert len(records) == count, [(r["status"], r["end"]) for r in records]
        assert_in_both_books(records)
        return list(reversed(records))

    def record(self):
        """The only attempt."""
        return self.records(1)[0]


def _booked(path, field, count, patience=15):
    """Asks until the list has `count` members: a record is readable a moment after its call has ended."""
    until = time.monotonic() + patience
    while True:
        try:
            found = read(path)[field]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            found = []
        if len(found) >= count:
            return found
        assert time.monotonic() < until, f"{path}: {len(found)} of {count} records after {patience} s"
        time.sleep(0.05)


class ProvidersBooks:
    """The provider's own entries by response id, read as far as they go."""

    def __init__(self):
        self.read_to, self.entries = 0, {}

    def entry(self, response_id):
        if response_id not in self.entries:
            self._read_on()
        return self.entries.get(response_id)

    def _read_on(self):
        # Whoever has read the totals finds the file as far as they go.
        with urllib.request.urlopen(f"{PROVIDER_URL}/books", timeout=10) as totals:
            totals.read()
        with open(PROVIDER_BOOKS, "rb") as file:
            file.seek(self.read_to)
            for line in file:
                entry = json.loads(line)
                self.entries[entry["id"]] = entry
            self.read_to = file.tell()


BOOKS = ProvidersBooks()


def assert_in_both_books(records):
    """Each completed call has the tokens and the cost that the provider itself has booked for it."""
    for record in records:
        if record["end"] != "complete" or record["status"] != 200 or record["response_id"] is None:
            continue
        entry = BOOKS.entry(record["response_id"])
        assert entry, f"the provider knows of no call {record['response_id']}"
        assert entry["ending"] == "completed" and entry["told"], entry
        found = units(record)
        if record["surface"] != "openai.images":  # its tokens are of two kinds, which the provider adds up
            sent = sum(found[m] for m in ("input", "cache_read", "cache_write_5m", "cache_write_1h"))
            assert (sent, found["output"] + found["reasoning"]) == (entry["input"], entry["output"] + entry["reasoning"])
            assert found["cache_read"] == entry["cached"]
        if entry["cost_nanos"] is not None:
            assert Decimal(record["list_cost"]) * 10**9 == entry["cost_nanos"]


def units(record):
    """Units by meter; a meter that is not there is zero."""
    return Units({q["meter"]: q["units"] for q in record["quantities"]})


class Units(dict):
    def __missing__(self, meter):
        return 0


def provenances(record):
    """How the quantities are known."""
    return {q["provenance"] for q in record["quantities"]}


def assert_complete(record, model):
    """A call that ended well, with reported usage and a price."""
    assert record["end"] == "complete", record
    assert record["status"] == 200
    assert record["exceptions"] == []
    assert provenances(record) == {"reported"}
    assert record["requested_model"] == model
    assert record["priced"] and Decimal(record["contracted_cost"]) > 0, record


def assert_openai(record, usage, model="gpt-4o-mini"):
    """The record has the tokens of a chat or text completion's `usage`."""
    assert_complete(record, model)
    found = units(record)
    assert usage.prompt_tokens == found["input"] + found["cache_read"]
    assert usage.completion_tokens == found["output"] + found["reasoning"]
    cached = getattr(usage.prompt_tokens_details, "cached_tokens", 0) or 0
    assert cached == found["cache_read"]


def assert_responses(record, usage, model="gpt-4o-mini"):
    """The record has the tokens of a response's `usage`."""
    assert_complete(record, model)
    found = units(record)
    assert usage.input_tokens == found["input"] + found["cache_read"]
    assert usage.output_tokens == found["output"] + found["reasoning"]
    assert usage.input_tokens_details.cached_tokens == found["cache_read"]
    assert usage.output_tokens_details.reasoning_tokens == found["reasoning"]


def assert_anthropic(record, usage, model="claude-haiku-4-5"):
    """The record has the tokens of a message's `usage`."""
    assert_complete(record, model)
    found = units(record)
    assert usage.input_tokens == found["input"]
    assert usage.output_tokens == found["output"] + found["reasoning"]
    assert (usage.cache_read_input_tokens or 0) == found["cache_read"]
    written = found["cache_write_5m"] + found["cache_write_1h"]
    assert (usage.cache_creation_input_tokens or 0) == written


def assert_cancelled(record, most):
    """A call that the client left: what was streamed until then is counted or estimated, and priced."""
    assert record["end"] == "client_cancelled", record
    found = units(record)
    assert found["input"] > 0
    assert 0 < found["output"] < most
    assert provenances(record) <= {"reported", "counted", "estimated"}
    output = next(q for q in record["quantities"] if q["meter"] == "output")
    assert output["provenance"] in {"counted", "estimated"}
    assert record["priced"] and Decimal(record["contracted_cost"]) > 0
