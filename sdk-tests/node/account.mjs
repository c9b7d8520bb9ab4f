// What Bursar's control API says about a test's calls.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

export const BURSAR_URL = process.env.BURSAR_URL;
export const BURSAR_KEY = process.env.BURSAR_KEY;
const { CONTROL_URL, PROVIDER_URL, PROVIDER_BOOKS } = process.env;

/** The calls that carry one task's label. */
export class Account {
  constructor() {
    this.task = `node-${randomUUID()}`;
    this.headers = { 'x-bursar-task': this.task };
  }

  /** The headers of a call that follows a script. */
  scripted(script) {
    return { ...this.headers, 'x-scripted': script };
  }

  /** Waits until `count` attempts are booked, and gives them oldest first; more than that is an error. */
  async records(count) {
    const path = `/api/v1/usage?task=${this.task}&limit=1000&since=1h`;
    const { records } = await booked(path, (answer) => answer.records?.length >= count);
    assert.equal(records.length, count, JSON.stringify(records.map((r) => [r.status, r.end])));
    await assertInBothBooks(records);
    return records.reverse();
  }

  /** The only attempt. */
  async record() {
    return (await this.records(1))[0];
  }
}

/** The attempts of one request, once it is booked. */
export async function requestRecords(id) {
  const answer = await booked(`/api/v1/requests/${id}`, (found) => found.attempts?.length > 0);
  const records = answer.attempts.map((attempt) => attempt.record);
  await assertInBothBooks(records);
  return records;
}

/** Each completed call has the tokens and the cost that the provider itself has booked for it. */
async function assertInBothBooks(records) {
  const completed = records.filter((r) => r.end === 'complete' && r.status === 200 && r.response_id);
  if (completed.length === 0) return;
  // Whoever has read the totals finds the file as far as they go.
  await (await fetch(`${PROVIDER_URL}/books`)).text();
  const lines = (await readFile(PROVIDER_BOOKS, 'utf8')).trimEnd().split('\n');
  const entries = new Map(lines.map((line) => JSON.parse(line)).map((entry) => [entry.id, entry]));
  for (const record of completed) {
    const entry = entries.get(record.response_id);
    assert.ok(entry, `the provider knows of no call ${record.response_id}`);
    assert.ok(entry.ending === 'completed' && entry.told, JSON.stringify(entry));
    const u = units(record);
    assert.equal(u.input + u.cache_read + u.cache_write_5m + u.cache_write_1h, entry.input);
    assert.equal(u.output + u.reasoning, entry.output + entry.reasoning);
    assert.equal(u.cache_read, entry.cached);
    if (entry.cost_nanos !== null) assert.equal(nanos(record.list_cost), BigInt(entry.cost_nanos));
  }
}

function nanos(dollars) {
  const [whole, part = ''] = dollars.split('.');
  return BigInt(whole + part.padEnd(9, '0').slice(0, 9));
}

async function booked(path, isThere, patienceMs = 15_000) {
  const until = Date.now() + patienceMs;
  for (;;) {
    const answer = await (await fetch(CONTROL_URL + path)).json();
    if (isThere(answer)) return answer;
    assert.ok(Date.now() < until, `${path}: not booked after ${patienceMs} ms: ${JSON.stringify(answer)}`);
    await pause(50);
  }
}

/** Units by meter; a meter that is not there is zero. */
export function units(record) {
  const found = Object.fromEntries(record.quantities.map((q) => [q.meter, q.units]));
  return new Proxy(found, { get: (all, meter) => all[meter] ?? 0 });
}

/** A call that ended well, with reported usage and a price. */
export function assertComplete(record, model) {
  assert.equal(record.end, 'complete');
  assert.equal(record.status, 200);
  assert.deepEqual(record.exceptions, []);
  assert.ok(record.quantities.every((q) => q.provenance === 'reported'));
  assert.equal(record.requested_model, model);
  assert.ok(record.priced && Number(record.contracted_cost) > 0, JSON.stringify(record));
}

/** The record has so many tokens sent and produced, whatever part of them was cached or reasoning. */
export function assertTokens(record, model, sent, produced) {
  assertComplete(record, model);
  const u = units(record);
  assert.equal(u.input + u.cache_read + u.cache_write_5m + u.cache_write_1h, sent);
  assert.equal(u.output + u.reasoning, produced);
}

/** A call that the client left: what was streamed until then is counted or estimated, and priced. */
export function assertCancelled(record, most) {
  assert.equal(record.end, 'client_cancelled');
  const output = record.quantities.find((q) => q.meter === 'output');
  assert.ok(output.units > 0 && output.units < most, `${output.units} units`);
  assert.match(output.provenance, /^(counted|estimated)$/);
  assert.ok(record.priced && Number(record.contracted_cost) > 0, JSON.stringify(record));
}
