import type { MemberReport } from './check-up-report.ts';
import type { GossipMember } from './messages.ts';

export interface Finding {
  readonly severity: 'info' | 'warning' | 'error';
  /** The member or pair that it is about. */
  readonly subject: string;
  /** A whole sentence: what is wrong, where, and what to do. */
  readonly message: string;
}

/** What a member was asked, and when its answer came, milliseconds since 1970. */
export interface Answered {
  readonly report: MemberReport;
  readonly receivedAt: number;
}

/** One way between two members, as far as either can tell; undefined where nobody could. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly udp: boolean | undefined;
  readonly tcp: boolean | undefined;
  readonly large: boolean | undefined;
}

export interface Diagnosis {
  readonly findings: readonly Finding[];
  readonly ways: readonly Way[];
}

/** Skew below this is what a query's own way through the network can make, and no log is confused by it. */
const MAX_SKEW_MS = 1_000;
/** More than this waits only when news comes faster than it can be told. */
const MANY_QUEUED = 256;

/** What the answers of all members together say of the fleet. */
export function diagnose(
  members: readonly GossipMember[],
  answers: ReadonlyMap<string, Answered>,
  now: number,
): Diagnosis {
  const live = members.filter(({ status }) => status === 'alive' || status === 'suspect');
  const ways = waysBetween(live, answers);
  return {
    ways,
    findings: [
      ...members.flatMap((member) => memberFindings(member, now)),
      ...live.flatMap((member) => silence(member, answers)),
      ...wayFindings(ways, live, answers),
      ...[...answers].flatMap(([name, answer]) => reportFindings(name, answer)),
      ...views(answers),
      ...versions(answers),
    ],
  };
}

/**
 * A ping is answered when both directions are open. Where it was not, the other's own word that it heard something tells
 * which of the two is closed.
 */
function waysBetween(live: readonly GossipMember[], answers: ReadonlyMap<string, Answered>): Way[] {
  return live.flatMap((from) =>
    live
      .filter((to) => to !== from)
      .map((to): Way => {
        const [there, back] = [answers.get(from.name)?.report, answers.get(to.name)?.report];
        const roundTrip = answeredBy(there, to.name, there?.noUdp) ?? answeredBy(back, from.name, back?.noUdp);
        const heard = answeredBy(back, from.name, back?.unheard);
        return {
          from: from.name,
          to: to.name,
          udp: roundTrip === true ? true : (heard ?? roundTrip),
          tcp: answeredBy(there, to.name, there?.noTcp),
          large: roundTrip === true ? answeredBy(there, to.name, there?.noLarge) : undefined,
        };
      }),
  );
}

function answeredBy(
  report: MemberReport | undefined,
  other: string,
  failed: readonly string[] | undefined,
): boolean | undefined {
  if (report === undefined || failed === undefined) return undefined;
  if (failed.includes(other)) return false;
  return report.untested + report.omitted > 0 ? undefined : true;
}

function memberFindings(member: GossipMember, now: number): Finding[] {
  const { name, address, status, source, suspectedBy } = member;
  const since = `${Math.max(0, Math.round((now - member.since) / 1000))} s`;
  if (status === 'failed') {
    const by = source.by === undefined ? '' : `, said ${source.by}`;
    return [
      error(
        name,
        `${name} at ${address} failed ${since} ago${by}: it is down or cut off; start it, or if it is gone for good, ` +
          `\`keepfleet members forget ${name}\` ends the attempts to reach it`,
      ),
    ];
  }
  if (status !== 'suspect') return [];
  return [
    warning(
      name,
      `${name} at ${address} is suspected for ${since} by ${suspectedBy.join(', ')}: its probes were not answered, ` +
        'directly, through others, or by TCP; it has not contradicted yet',
    ),
  ];
}

function silence({ name, tags, status }: GossipMember, answers: ReadonlyMap<string, Answered>): Finding[] {
  if (answers.has(name) || status !== 'alive') return [];
  if (tags['role'] !== 'agent')
    return [info(name, `${name} is no Keepfleet agent and reports nothing of itself; the others have tested it`)];
  return [
    warning(
      name,
      `${name} is alive but did not answer the question how it is: it is overloaded, loses packets, or is of an older version`,
    ),
  ];
}

function wayFindings(
  ways: readonly Way[],
  live: readonly GossipMember[],
  answers: ReadonlyMap<string, Answered>,
): Finding[] {
  const port = (name: string) => live.find((member) => member.name === name)?.port ?? 7946;
  return ways.flatMap(({ from, to, udp, tcp, large }): Finding[] => {
    const subject = `${from} → ${to}`;
    const found: Finding[] = [];
    if (udp === false && !answers.has(to) && !answers.has(from)) return [];
    if (udp === false)
      found.push(
        error(
          subject,
          answers.has(to)
            ? `nothing that ${from} sends by UDP reaches ${to}: let UDP ${port(to)} of ${from} in at ${to}, and out at ${from}`
            : `${from} and ${to} do not hear each other by UDP, in one direction at least: let UDP ${port(to)} through both ways`,
        ),
      );
    if (tcp === false)
      found.push(
        error(
          subject,
          `${from} cannot open TCP to port ${port(to)} of ${to}: exchanges of state and the second opinion of probes fail; let TCP ${port(to)} in at ${to}`,
        ),
      );
    if (large === false)
      found.push(
        warning(
          subject,
          `small datagrams of ${from} reach ${to}, and large ones of it do not: a link between them carries less than its MTU says; ` +
            'mend the MTU, or set gossip.packetSize lower on every node',
        ),
      );
    return found;
  });
}

function reportFindings(name: string, { report, receivedAt }: Answered): Finding[] {
  const found: Finding[] = [];
  if (report.health > 0)
    found.push(
      warning(
        name,
        `${name} doubts itself (health score ${report.health}, 0 is well): it misses answers that it should get; it is overloaded, or loses packets`,
      ),
    );
  if (report.queued > MANY_QUEUED)
    found.push(
      warning(
        name,
        `${name} has ${report.queued} messages waiting to be gossiped: news comes faster than it can be told`,
      ),
    );
  const skew = report.at - receivedAt;
  if (Math.abs(skew) > MAX_SKEW_MS)
    found.push(
      warning(
        name,
        `the clock of ${name} is ${(Math.abs(skew) / 1000).toFixed(1)} s ${skew > 0 ? 'ahead of' : 'behind'} this node's: ` +
          'times of its events mislead; let both follow one time server',
      ),
    );
  if (report.undecryptable > 0)
    found.push(
      warning(
        name,
        `${name} has dropped ${report.undecryptable} packets or streams that no key of its keyring opens: some host of another ` +
          'keyring speaks to it; its log names the address, `keepfleet keys list` shows who has which key',
      ),
    );
  if (report.acceptsPlain)
    found.push(
      info(name, `${name} accepts plain gossip: set gossip.encryption to required once every node sends encrypted`),
    );
  for (const { name: suspect, by } of report.suspects)
    found.push(info(suspect, `${name} sees ${suspect} suspected by ${by.join(', ')}`));
  return found;
}

function views(answers: ReadonlyMap<string, Answered>): Finding[] {
  const groups = new Map<string, string[]>();
  for (const [name, { report }] of answers) {
    const view = `${report.alive} ${report.digest}`;
    groups.set(view, [...(groups.get(view) ?? []), name]);
  }
  if (groups.size < 2) return [];
  const words = [...groups].map(
    ([view, names]) => `${names.join(', ')} ${names.length > 1 ? 'see' : 'sees'} ${view.split(' ')[0] ?? ''} alive`,
  );
  return [
    warning(
      'fleet',
      `the members do not agree on who is alive: ${words.join('; ')}; this passes within seconds of a change, and stays when some cannot reach others`,
    ),
  ];
}

function versions(answers: ReadonlyMap<string, Answered>): Finding[] {
  const groups = new Map<string, string[]>();
  for (const [name, { report }] of answers) groups.set(report.version, [...(groups.get(report.version) ?? []), name]);
  if (groups.size < 2) return [];
  const words = [...groups].sort().map(([version, names]) => `${version} on ${names.join(', ')}`);
  return [warning('fleet', `versions differ: ${words.join('; ')}; bring all nodes to one`)];
}

function error(subject: string, message: string): Finding {
  return { severity: 'error', subject, message };
}

function warning(subject: string, message: string): Finding {
  return { severity: 'warning', subject, message };
}

function info(subject: string, message: string): Finding {
  return { severity: 'info', subject, message };
}
