// Vercel's `ai` with its OpenAI and Anthropic providers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, Output, embedMany, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { Account, BURSAR_KEY, BURSAR_URL, assertCancelled, assertTokens, units } from './account.mjs';

const prompt = 'What does a purser do aboard a ship? Answer in one sentence.';

/** A call's settings for each model under test. */
const models = {
  'chat completions': ['gpt-4o-mini', (headers) => openai(headers).chat('gpt-4o-mini')],
  responses: ['gpt-4o-mini', (headers) => openai(headers).responses('gpt-4o-mini')],
  messages: ['claude-haiku-4-5', (headers) => anthropic(headers)('claude-haiku-4-5')],
};

function openai(headers) {
  return createOpenAI({ baseURL: `${BURSAR_URL}/v1`, apiKey: BURSAR_KEY, headers });
}

function anthropic(headers) {
  return createAnthropic({ baseURL: `${BURSAR_URL}/v1`, apiKey: BURSAR_KEY, headers });
}

const assertUsage = (record, name, usage) => assertTokens(record, name, usage.inputTokens, usage.outputTokens);

for (const [surface, [name, model]] of Object.entries(models)) {
  const start = () => {
    const account = new Account();
    return { account, settings: { model: model(account.headers), prompt, maxRetries: 0 } };
  };

  test(`${surface}: a text is generated and booked`, async () => {
    const { account, settings } = start();
    const { text, usage } = await generateText(settings);
    assert.ok(text);
    assertUsage(await account.record(), name, usage);
  });

  test(`${surface}: a streamed text is booked`, async () => {
    const { account, settings } = start();
    const result = streamText(settings);
    let text = '';
    for await (const delta of result.textStream) text += delta;
    assert.ok(text);
    assertUsage(await account.record(), name, await result.usage);
  });

  test(`${surface}: a tool is called in a loop of steps`, async () => {
    const { account, settings } = start();
    const weather = tool({
      description: 'The weather of a city.',
      inputSchema: z.object({ city: z.string() }),
      execute: async ({ city }) => `sunny in ${city}`,
    });
    const { steps, text, totalUsage } = await generateText({
      ...settings,
      tools: { weather },
      stopWhen: stepCountIs(3),
    });
    assert.equal(steps.length, 2);
    assert.ok(text);
    const produced = (await account.records(2)).reduce((sum, record) => sum + units(record).output, 0);
    assert.equal(produced, totalUsage.outputTokens);
  });

  test(`${surface}: structured output follows its schema`, async () => {
    const { account, settings } = start();
    const schema = z.object({ name: z.string(), berths: z.number().int() });
    const { output, usage } = await generateText({ ...settings, output: Output.object({ schema }) });
    assert.equal(typeof output.berths, 'number');
    assertUsage(await account.record(), name, usage);
  });

  test(`${surface}: an aborted stream is booked as cancelled`, async () => {
    const { account, settings } = start();
    const abort = new AbortController();
    const headers = account.scripted('output-tokens=400;chunk-delay-ms=20');
    const result = streamText({ ...settings, headers, abortSignal: abort.signal, onError() {} });
    let seen = 0;
    for await (const part of result.fullStream) {
      if (part.type === 'text-delta' && ++seen === 8) abort.abort();
    }
    assertCancelled(await account.record(), 400);
  });

  test(`${surface}: a timeout ends the call`, async () => {
    const { account, settings } = start();
    const headers = account.scripted('delay-ms=30000');
    await assert.rejects(generateText({ ...settings, headers, abortSignal: AbortSignal.timeout(300) }));
    assert.equal((await account.record()).end, 'client_cancelled');
  });

  test(`${surface}: an error in the middle of a stream reaches the caller`, async () => {
    const { account, settings } = start();
    const headers = account.scripted('output-tokens=60;error-after=9');
    const errors = [];
    const result = streamText({ ...settings, headers, onError: ({ error }) => errors.push(error) });
    await result.consumeStream();
    assert.equal(errors.length, 1);
    assert.equal((await account.record()).end, 'upstream_error');
  });

  for (const status of [400, 401, 404, 429, 500, 529]) {
    test(`${surface}: status ${status} raises an APICallError`, async () => {
      const { account, settings } = start();
      const headers = account.scripted(`status=${status}`);
      const error = await generateText({ ...settings, headers }).catch((e) => e);
      assert.ok(APICallError.isInstance(error), String(error));
      assert.equal(error.statusCode, status);
      assert.equal(error.isRetryable, status >= 429);
      assert.equal((await account.record()).status, status);
    });
  }
}

test('embeddings are booked', async () => {
  const account = new Account();
  const model = openai(account.headers).embedding('text-embedding-3-small');
  const { embeddings, usage } = await embedMany({ model, values: ['one hull', 'two masts'] });
  assert.equal(embeddings.length, 2);
  assertTokens(await account.record(), 'text-embedding-3-small', usage.tokens, 0);
});

test('its own retries honour retry-after', async () => {
  const account = new Account();
  const headers = account.scripted(`status=429;retry-after=1;times=1;tag=${account.task}`);
  const began = Date.now();
  await generateText({ model: openai(account.headers).chat('gpt-4o-mini'), prompt, headers, maxRetries: 1 });
  assert.ok(Date.now() - began >= 1000);
  assert.deepEqual((await account.records(2)).map((r) => r.status), [429, 200]);
});
