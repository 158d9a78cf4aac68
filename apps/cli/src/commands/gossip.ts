import { gossip, model, toJson } from '@keepfleet/rpc';
import type { Answer, Command } from '../command.ts';
import type { Controller } from '../connection.ts';
import { exitCodes } from '../failure.ts';
import { age, lines, table, time, words } from '../text.ts';

export class MembersCommand implements Command {
  readonly asks = 'gossip';

  async run(controller: Controller): Promise<Answer> {
    const response = await controller.members();
    const rows = response.members.map((member) => [
      member.name,
      member.port === 0 ? member.address : endpointText(member),
      member.status,
      member.since === undefined ? '-' : age(Date.now() - member.since.getTime()),
      roundTrip(member),
      tagText(member.tags),
      sourceText(member),
    ]);
    return {
      data: toJson(gossip.ListMembersResponse, response),
      text: lines(
        rows.length === 0
          ? 'no member is known'
          : table(['MEMBER', 'ADDRESS', 'STATUS', 'FOR', 'ROUND TRIP', 'TAGS', 'BY'], rows),
        response.source === 'controller'
          ? undefined
          : `\nseen by ${response.source}: health ${response.health} (0 is well), ${response.queued} messages waiting, ${response.encrypted ? 'encrypted' : 'NOT ENCRYPTED'}`,
      ),
    };
  }
}

export class ForgetCommand implements Command {
  readonly asks = 'gossip';
  readonly #request: gossip.ForgetMemberRequest;

  constructor(request: gossip.ForgetMemberRequest) {
    this.#request = request;
  }

  async run(controller: Controller): Promise<Answer> {
    await controller.forgetMember(this.#request);
    return { data: {}, text: `${this.#request.name} is forgotten` };
  }
}

export class DoctorCommand implements Command {
  readonly asks = 'gossip';

  async run(controller: Controller): Promise<Answer> {
    const response = await controller.examine();
    const bad = response.findings.filter(({ severity }) => severity !== model.Severity.INFO);
    return {
      data: toJson(gossip.ExamineResponse, response),
      exitCode: bad.length > 0 ? exitCodes.failed : exitCodes.ok,
      text: lines(
        ...(response.findings.length === 0 ? ['nothing is wrong'] : sorted(response.findings).map(findingText)),
        '',
        table(
          ['MEMBER', 'ANSWERED', 'VERSION', 'HEALTH', 'QUEUED', 'CLOCK', 'SEES'],
          response.members.map((member) => [
            member.name,
            member.answered ? 'yes' : 'no',
            member.version || '-',
            member.answered ? String(member.health) : '-',
            member.answered ? String(member.queued) : '-',
            member.answered ? clock(member.clockSkewMs) : '-',
            member.answered ? `${member.alive} alive` : '-',
          ]),
        ),
        '',
        matrix(response),
      ),
    };
  }
}

/** What the agent of a node says of the virtual routers of the fleet. */
export function claimsAnswer(response: gossip.ListClaimsResponse): Answer {
  const rows = response.routers.flatMap((router) => [
    [
      `${router.vrid}/${words.family(router.family)}/${router.address}`,
      router.verdict,
      '',
      router.since === undefined ? '' : age(Date.now() - router.since.getTime()),
      '',
    ],
    ...router.claims.map((claim) => [
      `  ${claim.node}`,
      words.state(claim.state),
      String(claim.priority),
      time(claim.since),
      `gossip, ${age(Date.now() - (claim.heardAt?.getTime() ?? Date.now()))} ago${claim.member === 'alive' ? '' : `; it is ${claim.member}`}`,
    ]),
  ]);
  return {
    data: toJson(gossip.ListClaimsResponse, response),
    text:
      rows.length === 0
        ? 'no node has told of a virtual router'
        : table(['VIRTUAL ROUTER', 'STATE', 'PRIORITY', 'SINCE', 'SEEN'], rows),
  };
}

function sorted(findings: readonly gossip.Finding[]): gossip.Finding[] {
  return [...findings].sort((a, b) => b.severity - a.severity);
}

function findingText({ severity, message }: gossip.Finding): string {
  return `${words.severity(severity).padEnd(8)} ${message}`;
}

function clock(skew: bigint): string {
  const ms = Number(skew);
  return Math.abs(ms) < 1_000 ? 'right' : `${ms > 0 ? '+' : '-'}${age(Math.abs(ms))}`;
}

/** A row sends, a column receives: what is closed is in capitals. */
function matrix({ ways, members }: gossip.ExamineResponse): string {
  const names = members.map(({ name }) => name);
  if (names.length < 2 || names.length > MOST_COLUMNS) return '';
  const rows = names.map((from) => [
    from,
    ...names.map((to) => {
      if (from === to) return '-';
      const way = ways.find((one) => one.from === from && one.to === to);
      if (way === undefined) return '?';
      return `udp ${mark(way.udp)} tcp ${mark(way.tcp)}${way.large === gossip.Verdict.CLOSED ? ' mtu NO' : ''}`;
    }),
  ]);
  return table(['FROM / TO', ...names], rows);
}

const MOST_COLUMNS = 16;

function mark(verdict: gossip.Verdict): string {
  if (verdict === gossip.Verdict.OPEN) return 'ok';
  return verdict === gossip.Verdict.CLOSED ? 'NO' : '?';
}

function endpointText({ address, port }: gossip.MemberRow): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function roundTrip({ roundTripUs, estimatedUs }: gossip.MemberRow): string {
  const us = roundTripUs === 0 ? estimatedUs : roundTripUs;
  return us === 0 ? '-' : `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`;
}

/** The claim to the name is long, and nothing to read. */
function tagText(tags: Readonly<Record<string, string>>): string {
  return (
    Object.entries(tags)
      .filter(([name]) => name !== 'id')
      .map(([name, value]) => `${name}=${value}`)
      .join(' ') || '-'
  );
}

function sourceText(member: gossip.MemberRow): string {
  const said = Object.entries(member.seenBy).map(([node, status]) => `${node}: ${status}`);
  if (said.length > 0) return said.join(', ');
  if (member.suspectedBy.length > 0) return `suspected by ${member.suspectedBy.join(', ')}`;
  return member.by === '' ? member.how : `${member.how} of ${member.by}`;
}
