import type { agent } from '@keepfleet/rpc';
import { err, ok, type Result } from '@keepfleet/wire';

/** Largest message that an agent may send: a full state of some 20,000 real servers. */
export const LARGEST_MESSAGE = 16 * 1024 * 1024;
const MOST_LABELS = 64;
const LONGEST_LABEL = 256;
const MOST_EVENTS = 10_000;
const LONGEST_KIND = 128;
const NAME = /^[A-Za-z0-9][\w.:-]{0,252}$/;
const EPOCH = /^[\w.:-]{1,128}$/;

/** Checks what protobuf does not: that the first message says who is there, in terms that the store can keep. */
export function readHello(message: agent.AgentMessage): Result<agent.Hello, string> {
  if (message.body?.$case !== 'hello') return err('the first message must be Hello');
  const hello = message.body.value;
  if (!NAME.test(hello.node)) return err('Hello.node is not 1 to 253 letters, digits and . : _ -');
  if (!EPOCH.test(hello.epoch)) return err('Hello.epoch is not 1 to 128 letters, digits and . : _ -');
  const labels = Object.entries(hello.labels);
  if (labels.length > MOST_LABELS) return err(`Hello has more than ${MOST_LABELS} labels`);
  if (labels.flat().some((text) => text.length > LONGEST_LABEL)) {
    return err(`a label of Hello is longer than ${LONGEST_LABEL} characters`);
  }
  if (hello.version.length > LONGEST_LABEL) return err(`Hello.version is longer than ${LONGEST_LABEL} characters`);
  return datesHold(hello) ? ok(hello) : err('a time in Hello is out of range');
}

/** A message after Hello, or why the stream cannot go on. */
export function readMessage(message: agent.AgentMessage): Result<NonNullable<agent.AgentMessage['body']>, string> {
  const body = message.body;
  if (body === undefined) return err('a message of a kind that this controller does not know');
  if (body.$case === 'hello') return err('a second Hello');
  if (!datesHold(body.value)) return err(`a time in ${body.$case} is out of range`);
  if (body.$case === 'events') {
    const { events } = body.value;
    if (events.length > MOST_EVENTS) return err(`more than ${MOST_EVENTS} events in a batch`);
    for (const event of events) {
      if (event.sequence < 1n || event.sequence > BigInt(Number.MAX_SAFE_INTEGER)) {
        return err('an event with a sequence out of range');
      }
      if (event.kind === '' || event.kind.length > LONGEST_KIND) return err('an event with no kind or an overlong one');
    }
  }
  return ok(body);
}

/** A protobuf timestamp may lie outside of what a Date can hold. */
function datesHold(value: unknown): boolean {
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every(datesHold);
}
