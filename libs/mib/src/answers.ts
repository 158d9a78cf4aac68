import type { Oid } from './oid.ts';
import type { PduBody } from './packet.ts';
import type { SearchRange, Value, VarBind } from './value.ts';

/** The variables that a session serves; {@link MibView} is one. */
export interface Variables {
  get(name: Oid): Value;
  next(range: SearchRange): VarBind | undefined;
}

/**
 * Most variables in an answer to GetBulk, but for one of each that is asked for; a manager asks on from the last one. Some
 * 8 kB: ten times as many are little faster, but leave garbage that a flood makes faster than it is collected.
 */
export const MAX_BULK_VARIABLES = 200;

export function answerGet(variables: Variables, ranges: readonly SearchRange[]): VarBind[] {
  return ranges.map(({ start }) => ({ name: start, value: variables.get(start) }));
}

export function answerGetNext(variables: Variables, ranges: readonly SearchRange[]): VarBind[] {
  return ranges.map((range) => nextOf(variables, range));
}

/** RFC 2741 section 7.2.3.3: each repetition goes on where the one before ended, until all have ended. */
export function answerGetBulk(
  variables: Variables,
  ranges: readonly SearchRange[],
  nonRepeaters: number,
  maxRepetitions: number,
): VarBind[] {
  const answer = answerGetNext(variables, ranges.slice(0, nonRepeaters));
  let repeaters = ranges.slice(nonRepeaters);
  if (repeaters.length === 0) return answer;
  for (let i = 0; i < maxRepetitions; i++) {
    if (i > 0 && answer.length + repeaters.length > MAX_BULK_VARIABLES) break;
    const round = answerGetNext(variables, repeaters);
    answer.push(...round);
    if (round.every(({ value }) => value.type === 'end-of-mib-view')) break;
    repeaters = repeaters.map((range, at) => ({
      start: round[at]?.name ?? range.start,
      include: false,
      end: range.end,
    }));
  }
  return answer;
}

/** The answer to a request that reads, or undefined for any other PDU. */
export function answerRead(variables: Variables, pdu: PduBody): VarBind[] | undefined {
  switch (pdu.kind) {
    case 'get':
      return answerGet(variables, pdu.ranges);
    case 'get-next':
      return answerGetNext(variables, pdu.ranges);
    case 'get-bulk':
      return answerGetBulk(variables, pdu.ranges, pdu.nonRepeaters, pdu.maxRepetitions);
    default:
      return undefined;
  }
}

function nextOf(variables: Variables, range: SearchRange): VarBind {
  return variables.next(range) ?? { name: range.start, value: { type: 'end-of-mib-view' } };
}
