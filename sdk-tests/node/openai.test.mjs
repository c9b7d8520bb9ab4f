// The `openai` package.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import {
  Account,
  BURSAR_KEY,
  BURSAR_URL,
  assertCancelled,
  assertComplete,
  assertTokens,
  requestRecords,
  units,
} from './account.mjs';

const model = 'gpt-4o-mini';
const ask = 'What does a purser do aboard a ship? Answer in one sentence.';
const messages = [{ role: 'user', content: ask }];
const Port = z.object({ name: z.string(), berths: z.number().int() });
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const tools = [{ type: 'function', function: { name: 'weather', parameters } }];

function start(more = {}) {
  const account = new Account();
  const client = new OpenAI({
    baseURL: `${BURSAR_URL}/v1`,
    apiKey: BURSAR_KEY,
    defaultHeaders: account.headers,
    maxRetries: 0,
    ...more,
  });
  return { account, client };
}

const assertChat = (record, usage) =>
  assertTokens(record, model, usage.prompt_tokens, usage.completion_tokens);
const assertResponse = (record, usage) => assertTokens(record, model, usage.input_tokens, usage.output_tokens);

test('a plain answer is booked with its usage', async () => {
  const { client, account } = start();
  const answer = await client.chat.completions.create({ model, messages });
  assert.ok(answer.choices[0].message.content);
  const record = await account.record();
  assertChat(record, answer.usage);
  assert.equal(record.response_id, answer.id);
});

test('raw headers name the request and its cost', async () => {
  const { client } = start();
  const call = client.chat.completions.create({ model, messages });
  const { data, response, request_id } = await call.withResponse();
  const [record] = await requestRecords(response.headers.get('x-bursar-request-id'));
  assert.equal(response.headers.get('x-bursar-cost'), record.contracted_cost);
  assert.match(request_id, /^req_/);
  assertChat(record, data.usage);
});

test('a stream asked for usage ends with it', async () => {
  const { client, account } = start();
  const body = { model, messages, stream: true, stream_options: { include_usage: true } };
  const chunks = [];
  for await (const chunk of await client.chat.completions.create(body)) chunks.push(chunk);
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assertChat(await account.record(), last.usage);
});

test('a stream not asked for usage shows none and is booked all the same', async () => {
  const { client, account } = start();
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    assert.equal(chunk.choices.length, 1);
    assert.ok(!chunk.usage);
  }
  const record = await account.record();
  assertComplete(record, model);
  assert.ok(units(record).output > 0);
});

test('the stream helper gathers the whole answer', async () => {
  const { client, account } = start();
  const body = { model, messages, stream_options: { include_usage: true } };
  const stream = client.chat.completions.stream(body);
  let text = '';
  stream.on('content', (delta) => (text += delta));
  const answer = await stream.finalChatCompletion();
  assert.equal(text, answer.choices[0].message.content);
  assertChat(await account.record(), answer.usage);
});

test('streamed tool calls arrive in pieces', async () => {
  const { client, account } = start();
  const body = { model, messages, tools, stream: true, stream_options: { include_usage: true } };
  const pieces = [];
  let usage;
  for await (const chunk of await client.chat.completions.create(body)) {
    usage = chunk.usage ?? usage;
    for (const call of chunk.choices[0]?.delta.tool_calls ?? []) pieces.push(call.function.arguments ?? '');
  }
  assert.ok(pieces.length > 1);
  assert.deepEqual(Object.keys(JSON.parse(pieces.join(''))), ['city']);
  assertChat(await account.record(), usage);
});

test('the tool runner calls the function and sends its result back', async () => {
  const { client, account } = start();
  const called = [];
  const weather = (args) => {
    called.push(JSON.parse(args));
    return 'sunny';
  };
  const runner = client.chat.completions.runTools({
    model,
    messages,
    tools: [{ type: 'function', function: { name: 'weather', parameters, function: weather } }],
  });
  assert.ok(await runner.finalContent());
  assert.equal(called.length, 1);
  const total = await runner.totalUsage();
  const records = await account.records(2);
  const produced = records.reduce((sum, record) => sum + units(record).output, 0);
  assert.equal(produced, total.completion_tokens);
});

test('structured output is parsed into its schema', async () => {
  const { client, account } = start();
  const body = { model, messages, response_format: zodResponseFormat(Port, 'port') };
  const answer = await client.chat.completions.parse(body);
  assert.equal(typeof answer.choices[0].message.parsed.berths, 'number');
  assertChat(await account.record(), answer.usage);
});

test('embeddings are decoded and booked', async () => {
  const { client, account } = start();
  const answer = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
  assert.equal(typeof answer.data[1].embedding[0], 'number');
  assertTokens(await account.record(), 'text-embedding-3-small', answer.usage.prompt_tokens, 0);
});

test('a text completion is booked', async () => {
  const { client, account } = start();
  const instruct = 'gpt-3.5-turbo-instruct';
  const answer = await client.completions.create({ model: instruct, prompt: 'A purser' });
  assertTokens(await account.record(), instruct, answer.usage.prompt_tokens, answer.usage.completion_tokens);
});

test('the list of models is the provider\'s', async () => {
  const { client } = start();
  const names = [];
  for await (const { id } of client.models.list()) names.push(id);
  assert.ok(names.includes(model));
});

test('a response is booked with its usage', async () => {
  const { client, account } = start();
  const answer = await client.responses.create({ model, input: ask });
  assert.ok(answer.output_text);
  assertResponse(await account.record(), answer.usage);
});

test('a streamed response gives typed events and ends with its usage', async () => {
  const { client, account } = start();
  const kinds = [];
  const stream = client.responses.stream({ model, input: ask });
  for await (const event of stream) kinds.push(event.type);
  const answer = await stream.finalResponse();
  assert.equal(kinds[0], 'response.created');
  assert.equal(kinds.at(-1), 'response.completed');
  assertResponse(await account.record(), answer.usage);
});

test('a function is called by a streamed response and answered', async () => {
  const { client, account } = start();
  const weather = [{ type: 'function', name: 'weather', parameters, strict: true }];
  const kinds = new Set();
  const stream = client.responses.stream({ model, input: ask, tools: weather });
  for await (const event of stream) kinds.add(event.type);
  const first = await stream.finalResponse();
  const call = first.output.find((item) => item.type === 'function_call');
  assert.ok(kinds.has('response.function_call_arguments.delta'));
  assert.deepEqual(Object.keys(JSON.parse(call.arguments)), ['city']);
  const result = { type: 'function_call_output', call_id: call.call_id, output: 'sunny' };
  const { call_id, name, arguments: args } = call;
  const asked = { type: 'function_call', call_id, name, arguments: args };
  const input = [{ role: 'user', content: ask }, asked, result];
  const second = await client.responses.create({ model, input, tools: weather });
  assert.ok(second.output_text);
  const records = await account.records(2);
  assertResponse(records[0], first.usage);
  assertResponse(records[1], second.usage);
});

test('a client that leaves a response pays for what it received', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=400;chunk-delay-ms=20');
  const stream = await client.responses.create({ model, input: ask, stream: true }, { headers });
  let deltas = 0;
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta' && ++deltas === 6) break;
  }
  assertCancelled(await account.record(), 400);
});

test('an error event in a response raises', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=60;error-after=9');
  const stream = await client.responses.create({ model, input: ask, stream: true }, { headers });
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, OpenAI.APIError);
  assert.equal((await account.record()).end, 'upstream_error');
});

test('a response with structured output is parsed', async () => {
  const { client, account } = start();
  const answer = await client.responses.parse({ model, input: ask, text: { format: zodTextFormat(Port, 'port') } });
  assert.equal(typeof answer.output_parsed.name, 'string');
  assertResponse(await account.record(), answer.usage);
});

test('a client that leaves a stream pays for what it received', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=400;chunk-delay-ms=20');
  const stream = await client.chat.completions.create({ model, messages, stream: true }, { headers });
  let seen = 0;
  for await (const _ of stream) if (++seen === 8) break;
  assertCancelled(await account.record(), 400);
});

test('an aborted signal is booked as cancelled', async () => {
  const { client, account } = start();
  const signal = AbortSignal.timeout(300);
  const headers = account.scripted('delay-ms=30000');
  const call = client.chat.completions.create({ model, messages }, { signal, headers });
  await assert.rejects(call, OpenAI.APIUserAbortError);
  assert.equal((await account.record()).end, 'client_cancelled');
});

test('the client\'s timeout raises and ends the call', async () => {
  const { client, account } = start({ timeout: 300 });
  const headers = account.scripted('delay-ms=30000');
  const call = client.chat.completions.create({ model, messages }, { headers });
  await assert.rejects(call, OpenAI.APIConnectionTimeoutError);
  assert.equal((await account.record()).end, 'client_cancelled');
});

const classes = [
  [400, OpenAI.BadRequestError],
  [401, OpenAI.AuthenticationError],
  [403, OpenAI.PermissionDeniedError],
  [404, OpenAI.NotFoundError],
  [429, OpenAI.RateLimitError],
  [500, OpenAI.InternalServerError],
  [529, OpenAI.InternalServerError],
];
for (const [status, kind] of classes) {
  for (const stream of [false, true]) {
    test(`status ${status} raises ${kind.name}${stream ? ' from a stream too' : ''}`, async () => {
      const { client, account } = start();
      const headers = account.scripted(`status=${status}`);
      const error = await client.chat.completions.create({ model, messages, stream }, { headers }).catch((e) => e);
      assert.ok(error instanceof kind, String(error));
      assert.equal(error.status, status);
      assert.match(error.requestID, /^req_/);
      assert.ok(error.headers.get('x-bursar-request-id'));
      const record = await account.record();
      assert.equal(record.status, status);
      assert.deepEqual(record.quantities, []);
    });
  }
}

test('retry-after is honoured by the client', async () => {
  const { client, account } = start({ maxRetries: 2 });
  const headers = account.scripted(`status=429;retry-after=1;times=1;tag=${account.task}`);
  const began = Date.now();
  await client.chat.completions.create({ model, messages }, { headers });
  assert.ok(Date.now() - began >= 1000);
  assert.deepEqual((await account.records(2)).map((r) => r.status), [429, 200]);
});

test('a key that bursar does not know is refused', async () => {
  const { client } = start({ apiKey: 'bsk_not-a-key' });
  await assert.rejects(client.chat.completions.create({ model, messages }), OpenAI.AuthenticationError);
});

test('an error event in a stream raises', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=60;error-after=5');
  const stream = await client.chat.completions.create({ model, messages, stream: true }, { headers });
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, OpenAI.APIError);
  const record = await account.record();
  assert.equal(record.end, 'upstream_error');
  assert.ok(units(record).output < 60);
});

test('a connection that the provider cuts raises and keeps what came', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=60;abort-after=9');
  const stream = await client.chat.completions.create({ model, messages, stream: true }, { headers });
  let seen = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) seen += 1;
  });
  assert.equal(seen, 9);
  assert.equal((await account.record()).end, 'upstream_error');
});

test('thirty-two calls at once are thirty-two records', async () => {
  const { client, account } = start();
  const numbers = Array.from({ length: 32 }, (_, seed) => seed);
  const answers = await Promise.all(numbers.map((seed) => client.chat.completions.create({ model, messages, seed })));
  const records = await account.records(32);
  assert.equal(new Set(records.map((r) => r.request)).size, 32);
  const sum = (list) => list.reduce((total, n) => total + n, 0);
  assert.equal(sum(records.map((r) => units(r).output)), sum(answers.map((a) => a.usage.completion_tokens)));
});
