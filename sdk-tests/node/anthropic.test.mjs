// The `@anthropic-ai/sdk` package.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import {
  Account,
  BURSAR_KEY,
  BURSAR_URL,
  assertCancelled,
  assertTokens,
  requestRecords,
  units,
} from './account.mjs';

const model = 'claude-haiku-4-5';
const ask = {
  model,
  max_tokens: 256,
  messages: [{ role: 'user', content: 'What does a purser do aboard a ship?' }],
};
const tools = [
  {
    name: 'weather',
    description: 'The weather of a city.',
    input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];

function start(more = {}) {
  const account = new Account();
  const client = new Anthropic({
    baseURL: BURSAR_URL,
    apiKey: BURSAR_KEY,
    defaultHeaders: account.headers,
    maxRetries: 0,
    ...more,
  });
  return { account, client };
}

function assertMessage(record, usage) {
  const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  assertTokens(record, model, usage.input_tokens + cached, usage.output_tokens);
  assert.equal(units(record).input, usage.input_tokens);
}

test('a message is booked with its usage', async () => {
  const { client, account } = start();
  const answer = await client.messages.create(ask);
  assert.ok(answer.content[0].text);
  assertMessage(await account.record(), answer.usage);
});

test('cache reads and writes are booked apart', async () => {
  const { client, account } = start();
  const script = 'input-tokens=5000;cached=3000;cache-write-5m=1000;cache-write-1h=500;output-tokens=7';
  const answer = await client.messages.create(ask, { headers: account.scripted(script) });
  const record = await account.record();
  assertMessage(record, answer.usage);
  assert.equal(record.list_cost, '0.003085');
});

test('raw headers name the request', async () => {
  const { client } = start();
  const { data, response, request_id } = await client.messages.create(ask).withResponse();
  const [record] = await requestRecords(response.headers.get('x-bursar-request-id'));
  assert.match(request_id, /^req_/);
  assertMessage(record, data.usage);
});

test('the stream helper gathers the whole message', async () => {
  const { client, account } = start();
  let text = '';
  const answer = await client.messages
    .stream(ask)
    .on('text', (delta) => (text += delta))
    .finalMessage();
  assert.equal(text, answer.content[0].text);
  assertMessage(await account.record(), answer.usage);
});

test('a streamed tool call arrives in pieces', async () => {
  const { client, account } = start();
  let pieces = 0;
  const answer = await client.messages
    .stream({ ...ask, tools })
    .on('inputJson', () => (pieces += 1))
    .finalMessage();
  assert.ok(pieces > 1);
  assert.deepEqual(Object.keys(answer.content.at(-1).input), ['city']);
  assertMessage(await account.record(), answer.usage);
});

test('structured output is parsed into its schema', async () => {
  const { client, account } = start();
  const Port = z.object({ name: z.string(), berths: z.number().int() });
  const answer = await client.messages.parse({ ...ask, output_config: { format: zodOutputFormat(Port) } });
  assert.equal(typeof answer.parsed_output.berths, 'number');
  assertMessage(await account.record(), answer.usage);
});

test('counting tokens passes', async () => {
  const { client } = start();
  const counted = await client.messages.countTokens({ model, messages: ask.messages });
  assert.ok(counted.input_tokens > 0);
});

test('the list of models is anthropic\'s', async () => {
  const { client } = start();
  const names = [];
  for await (const { id } of client.models.list()) names.push(id);
  assert.ok(names.some((name) => name.startsWith('claude-haiku-4-5')));
});

test('a client that leaves a stream pays for what it received', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=200;chunk-delay-ms=20');
  const stream = await client.messages.create({ ...ask, stream: true }, { headers });
  let deltas = 0;
  for await (const event of stream) {
    if (event.type === 'content_block_delta' && ++deltas === 8) break;
  }
  stream.controller.abort();
  assertCancelled(await account.record(), 200);
});

test('an error event in a stream raises', async () => {
  const { client, account } = start();
  const headers = account.scripted('output-tokens=50;error-after=6');
  const stream = await client.messages.create({ ...ask, stream: true }, { headers });
  const error = await (async () => {
    for await (const _ of stream);
  })().catch((e) => e);
  assert.ok(error instanceof Anthropic.APIError, String(error));
  assert.equal((await account.record()).end, 'upstream_error');
});

test('a tool is called and its result sent back', async () => {
  const { client, account } = start();
  const first = await client.messages.create({ ...ask, tools });
  const call = first.content.find((block) => block.type === 'tool_use');
  const result = { type: 'tool_result', tool_use_id: call.id, content: 'sunny' };
  const messages = [
    ...ask.messages,
    { role: 'assistant', content: first.content },
    { role: 'user', content: [result] },
  ];
  const second = await client.messages.create({ ...ask, messages, tools });
  assert.ok(second.content[0].text);
  const records = await account.records(2);
  assertMessage(records[0], first.usage);
  assertMessage(records[1], second.usage);
});

test('the client\'s timeout raises and ends the call', async () => {
  const { client, account } = start({ timeout: 300 });
  const call = client.messages.create(ask, { headers: account.scripted('delay-ms=30000') });
  await assert.rejects(call, Anthropic.APIConnectionTimeoutError);
  assert.equal((await account.record()).end, 'client_cancelled');
});

const classes = [
  [400, Anthropic.BadRequestError, 'invalid_request_error'],
  [401, Anthropic.AuthenticationError, 'authentication_error'],
  [404, Anthropic.NotFoundError, 'not_found_error'],
  [429, Anthropic.RateLimitError, 'rate_limit_error'],
  [500, Anthropic.InternalServerError, 'api_error'],
  [529, Anthropic.InternalServerError, 'overloaded_error'],
];
for (const [status, kind, name] of classes) {
  for (const stream of [false, true]) {
    test(`status ${status} raises ${kind.name}${stream ? ' from a stream too' : ''}`, async () => {
      const { client, account } = start();
      const headers = account.scripted(`status=${status}`);
      const error = await client.messages.create({ ...ask, stream }, { headers }).catch((e) => e);
      assert.ok(error instanceof kind, String(error));
      assert.equal(error.status, status);
      assert.equal(error.error.error.type, name);
      assert.match(error.requestID, /^req_/);
      const record = await account.record();
      assert.equal(record.status, status);
      assert.deepEqual(record.quantities, []);
    });
  }
}

test('retry-after is honoured by the client', async () => {
  const { client, account } = start({ maxRetries: 2 });
  const headers = account.scripted(`status=529;retry-after=1;times=1;tag=${account.task}`);
  const began = Date.now();
  await client.messages.create(ask, { headers });
  assert.ok(Date.now() - began >= 1000);
  assert.deepEqual((await account.records(2)).map((r) => r.status), [529, 200]);
});

test('a key that bursar does not know is refused in the dialect\'s shape', async () => {
  const { client } = start({ apiKey: 'bsk_not-a-key' });
  const error = await client.messages.create(ask).catch((e) => e);
  assert.ok(error instanceof Anthropic.AuthenticationError);
  assert.equal(error.error.error.type, 'authentication_error');
});

test('thirty-two messages at once are thirty-two records', async () => {
  const { client, account } = start();
  const call = (_, seed) => {
    const headers = account.scripted(`seed=${seed};output-tokens=${seed + 1}`);
    return client.messages.create(ask, { headers });
  };
  await Promise.all(Array.from({ length: 32 }, call));
  const records = await account.records(32);
  const produced = records.map((r) => units(r).output).sort((a, b) => a - b);
  assert.deepEqual(produced, Array.from({ length: 32 }, (_, i) => i + 1));
});
