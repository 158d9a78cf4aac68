import { crc32 } from 'node:zlib';
import type { CheckUpReport, SwimSnapshot } from '@keepfleet/swim';
import { z } from 'zod';

/** The query by which the doctor asks every agent how it is. */
export const DOCTOR_QUERY = 'kf-doctor';
/** Room for the report beside the rest of an answer, whose whole is at most 1024 bytes; a name has up to 128. */
const MAX_REPORT_BYTES = 800;

const names = z.array(z.string());

/** Short names: it all has to fit into one datagram. */
const wire = z.object({
  /** Version, wall clock in ms, health score, queue depth, members alive, and their names' checksum. */
  v: z.string(),
  t: z.number(),
  h: z.number(),
  q: z.number(),
  n: z.number(),
  c: z.number(),
  /** Members of whom a ping was not answered by UDP, of a large one, by TCP, and of whom nothing was heard by UDP. */
  u: names,
  l: names,
  s: names,
  e: names,
  /** Members not tested; names left out of the four lists for want of room. */
  x: z.number(),
  m: z.number(),
  /** Suspects and who accuses them. */
  a: z.array(z.tuple([z.string(), names])),
  /** Input dropped because no key of ours opened it; whether plain input is taken. */
  d: z.number(),
  p: z.boolean(),
});

/** How one member is, and whom it reaches. Names of members whom it reaches in every way are in no list. */
export interface MemberReport {
  readonly version: string;
  /** Wall clock when the report was made, milliseconds since 1970. */
  readonly at: number;
  readonly health: number;
  readonly queued: number;
  readonly alive: number;
  readonly digest: number;
  readonly noUdp: readonly string[];
  readonly noLarge: readonly string[];
  readonly noTcp: readonly string[];
  readonly unheard: readonly string[];
  readonly untested: number;
  readonly omitted: number;
  readonly suspects: readonly { readonly name: string; readonly by: readonly string[] }[];
  readonly undecryptable: number;
  readonly acceptsPlain: boolean;
}

/** Two members of one digest see the same members alive. */
export function digestOf(snapshot: Pick<SwimSnapshot, 'members'>): number {
  const alive = snapshot.members.filter(({ status }) => status === 'alive' || status === 'suspect');
  return crc32(alive.map(({ name }) => name).join('\n'));
}

export function memberReport(
  snapshot: SwimSnapshot,
  { reach, untested }: CheckUpReport,
  ours: { readonly version: string; readonly at: number; readonly acceptsPlain: boolean },
): MemberReport {
  const without = (test: (one: CheckUpReport['reach'][number]) => boolean) =>
    reach.filter((one) => !test(one)).map(({ name }) => name);
  return {
    ...ours,
    health: snapshot.health,
    queued: snapshot.queued,
    alive: snapshot.members.filter(({ status }) => status === 'alive' || status === 'suspect').length,
    digest: digestOf(snapshot),
    noUdp: without((one) => one.udp),
    // Of one that is not reached at all, a large datagram tells nothing more.
    noLarge: without((one) => one.large || !one.udp),
    noTcp: without((one) => one.tcp),
    unheard: without((one) => one.heard),
    untested,
    omitted: 0,
    suspects: snapshot.members
      .filter(({ status }) => status === 'suspect')
      .map(({ name, suspectedBy }) => ({ name, by: suspectedBy })),
    undecryptable: snapshot.stats.dropped.encryption ?? 0,
  };
}

/** Names are left out from the longest list until it fits. */
export function encodeReport(report: MemberReport): Uint8Array {
  let lists = [report.noUdp, report.noLarge, report.noTcp, report.unheard, report.suspects.map(({ name }) => name)];
  for (let omitted = 0; ; omitted++) {
    const [u = [], l = [], s = [], e = [], a = []] = lists;
    const content: z.input<typeof wire> = {
      v: report.version,
      t: report.at,
      h: report.health,
      q: report.queued,
      n: report.alive,
      c: report.digest,
      u: [...u],
      l: [...l],
      s: [...s],
      e: [...e],
      x: report.untested,
      m: omitted,
      a: report.suspects.filter(({ name }) => a.includes(name)).map(({ name, by }) => [name, by.slice(0, 3)]),
      d: report.undecryptable,
      p: report.acceptsPlain,
    };
    const bytes = Buffer.from(JSON.stringify(content));
    const longest = lists.reduce((best, list, at) => (list.length > (lists[best]?.length ?? 0) ? at : best), 0);
    if (bytes.length <= MAX_REPORT_BYTES || lists[longest]?.length === 0) return bytes;
    lists = lists.map((list, at) => (at === longest ? list.slice(0, -1) : list));
  }
}

/** The report in an answer; undefined for what is none, as from a member of another make. */
export function decodeReport(payload: Uint8Array): MemberReport | undefined {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    return undefined;
  }
  const read = wire.safeParse(content);
  if (!read.success) return undefined;
  const { data } = read;
  return {
    version: data.v,
    at: data.t,
    health: data.h,
    queued: data.q,
    alive: data.n,
    digest: data.c,
    noUdp: data.u,
    noLarge: data.l,
    noTcp: data.s,
    unheard: data.e,
    untested: data.x,
    omitted: data.m,
    suspects: data.a.map(([name, by]) => ({ name, by })),
    undecryptable: data.d,
    acceptsPlain: data.p,
  };
}
