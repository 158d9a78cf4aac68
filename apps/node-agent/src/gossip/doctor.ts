import { DOCTOR_QUERY, decodeReport } from './check-up-report.ts';
import { type Answered, type Diagnosis, diagnose } from './diagnosis.ts';
import type { Gossip } from './gossip.ts';
import type { GossipMember } from './messages.ts';

export interface DoctorsWord extends Diagnosis {
  readonly asked: string;
  readonly members: readonly GossipMember[];
  readonly answers: ReadonlyMap<string, Answered>;
}

/** The check-up of a member takes a second once the question has reached it. */
const ANSWER_TIMEOUT_MS = 6_000;

/** Has every agent check whom it reaches, and makes sentences of it. Takes about two seconds, six when some are silent. */
export async function examine(gossip: Gossip, name: string): Promise<DoctorsWord> {
  const { answers } = await gossip.ask({
    name: DOCTOR_QUERY,
    tags: { role: 'agent' },
    timeout: ANSWER_TIMEOUT_MS,
    relayFactor: 2,
  });
  const reports = new Map<string, Answered>();
  for (const [member, { payload, receivedAt }] of answers) {
    const report = decodeReport(payload);
    if (report !== undefined) reports.set(member, { report, receivedAt });
  }
  const members = gossip.members();
  return { asked: name, members, answers: reports, ...diagnose(members, reports, Date.now()) };
}
