"""The `openai` package: embeddings, completions, models, and the calls that carry files."""

from account import assert_complete, assert_openai, units

EMBEDDER = "text-embedding-3-small"
INSTRUCT = "gpt-3.5-turbo-instruct"


def test_embeddings_are_decoded_and_booked(openai_client, account):
    answer = openai_client.embeddings.create(model=EMBEDDER, input=["one hull", "two masts"])
    assert [item.index for item in answer.data] == [0, 1]
    assert all(isinstance(number, float) for number in answer.data[0].embedding)
    record = account.record()
    assert_complete(record, EMBEDDER)
    assert units(record) == {"input": answer.usage.prompt_tokens}


def test_embeddings_as_plain_numbers_are_booked_the_same(openai_client, account):
    answer = openai_client.embeddings.create(model=EMBEDDER, input="one hull", encoding_format="float")
    assert len(answer.data) == 1
    record = account.record()
    assert_complete(record, EMBEDDER)
    assert units(record)["input"] == answer.usage.total_tokens


def test_a_text_completion_is_booked(openai_client, account):
    answer = openai_client.completions.create(model=INSTRUCT, prompt="A purser", max_tokens=20)
    assert answer.choices[0].text
    assert_openai(account.record(), answer.usage, INSTRUCT)


def test_a_streamed_text_completion_is_booked(openai_client, account):
    stream = openai_client.completions.create(
        model=INSTRUCT, prompt="A purser", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].text for c in chunks if c.choices)
    assert_openai(account.record(), chunks[-1].usage, INSTRUCT)


def test_a_streamed_text_completion_hides_usage_that_nobody_asked_for(openai_client, account):
    chunks = list(openai_client.completions.create(model=INSTRUCT, prompt="A purser", stream=True))
    assert all(chunk.choices for chunk in chunks)
    record = account.record()
    assert record["end"] == "complete"
    assert units(record)["output"] > 0


def test_the_list_of_models_is_the_providers(openai_client):
    names = {model.id for model in openai_client.models.list()}
    assert "gpt-4o-mini" in names
    assert openai_client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"


def test_a_moderation_costs_nothing_and_passes(openai_client):
    answer = openai_client.moderations.create(model="omni-moderation-latest", input="A calm sea.")
    assert answer.results[0].flagged is False


def test_a_picture_is_made_and_booked(openai_client, account):
    answer = openai_client.images.generate(model="gpt-image-1", prompt="A ship's ledger", n=1)
    assert answer.data[0].b64_json
    record = account.record()
    assert record["end"] == "complete"
    assert record["surface"] == "openai.images"


def test_speech_and_its_transcript_pass_as_bytes(openai_client, account):
    speech = openai_client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="All aboard.")
    assert len(speech.content) > 0
    transcript = openai_client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe", file=("a.wav", speech.content, "audio/wav")
    )
    assert transcript.text
    assert [r["end"] for r in account.records(2)] == ["complete", "complete"]


def test_a_batch_is_made_from_an_uploaded_file(openai_client):
    line = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{}}\n'
    file = openai_client.files.create(file=("batch.jsonl", line), purpose="batch")
    assert openai_client.files.retrieve(file.id).id == file.id
    batch = openai_client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert openai_client.batches.retrieve(batch.id).input_file_id == file.id
    assert openai_client.files.content(file.id).content == line
