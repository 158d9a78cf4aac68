import { createHash } from 'node:crypto';
import { gossip as wire, model } from '@keepfleet/rpc';
import {
  type DoctorsWord,
  type Finding,
  type Gossip,
  type GossipMember,
  type KeysOutcome,
  askKeys,
  examine,
} from '../gossip/index.ts';
import type { EventText } from './events.ts';
import { type Ownership, wireClaims } from './ownership.ts';

export interface GossipDeskOptions {
  readonly node: string;
  readonly gossip: () => Gossip | undefined;
  readonly ownership: Ownership;
  readonly note: (event: EventText) => void;
}

/** Why a request about gossip was not carried out, in words for its asker. */
export class GossipRefusal extends Error {
  override readonly name = 'GossipRefusal';
  readonly kind: 'not-running' | 'unknown-key' | 'unknown-member';

  constructor(kind: GossipRefusal['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Answers about the fleet's gossip, to whoever asks: the operator at the local socket, or the controller. */
export class GossipDesk {
  readonly #options: GossipDeskOptions;

  constructor(options: GossipDeskOptions) {
    this.#options = options;
  }

  members(): wire.ListMembersResponse {
    const gossip = this.#gossip();
    const { health, queued, stats, distances } = gossip.snapshot();
    const distance = new Map(distances.map((one) => [one.name, one]));
    const { dropped, ...counted } = stats;
    const counters = [
      ...Object.entries(counted).map(([name, count]): [string, number] => [words(name), count]),
      ...Object.entries(dropped).map(([kind, count]): [string, number] => [
        `dropped_${kind.replaceAll('-', '_')}`,
        count,
      ]),
    ];
    return {
      source: this.#options.node,
      members: gossip.members().map((member) => memberRow(member, distance.get(member.name))),
      health,
      queued,
      encrypted: gossip.encryption.sends,
      counters: Object.fromEntries(counters.map(([name, count]) => [name, BigInt(Math.round(count))])),
    };
  }

  async examine(): Promise<wire.ExamineResponse> {
    return examined(await examine(this.#gossip(), this.#options.node));
  }

  /** `via`: the keys themselves are told at the local socket alone. */
  async changeKeys(request: wire.ChangeKeysRequest, via: 'local' | 'controller'): Promise<wire.ChangeKeysResponse> {
    const gossip = this.#gossip();
    const operation = OPERATIONS.get(request.operation);
    if (operation === undefined)
      throw new GossipRefusal('unknown-key', 'an operation on keys that this agent does not know');
    const key =
      operation === 'list' || request.key.length > 0
        ? request.key
        : await keyByFingerprint(gossip, request.fingerprint);
    const outcome = await askKeys(gossip, operation, key);
    if (operation !== 'list')
      this.#options.note({
        severity: outcome.refused.length === 0 ? 'info' : 'warning',
        kind: 'gossip.keys',
        subject: fingerprintOf(key),
        message:
          `${operation} by ${request.actor || 'somebody'}: done by ${outcome.done.length} of ${outcome.members.length} members` +
          outcome.refused.map(({ name, reason }) => `; ${name}: ${reason}`).join(''),
        attributes: { operation, actor: request.actor, done: outcome.done.join(',') },
      });
    return keysAnswer(this.#options.node, outcome, via);
  }

  forget({ name, prune, actor }: wire.ForgetMemberRequest): void {
    const gossip = this.#gossip();
    const member = gossip.members().find((one) => one.name === name);
    if (member === undefined) throw new GossipRefusal('unknown-member', `gossip knows no member "${name}"`);
    if (member.self || member.status === 'alive' || member.status === 'suspect')
      throw new GossipRefusal(
        'unknown-member',
        `${name} is ${member.status}, and only a member that failed or left can be forgotten; stop its agent first`,
      );
    gossip.forget(name, prune);
    this.#options.note({
      severity: 'info',
      kind: 'gossip.forgotten',
      subject: name,
      message: `forgotten by ${actor || 'somebody'}: nobody tries to reach it any more${prune ? ', and any host may take its name' : ''}`,
      attributes: { actor, prune: String(prune) },
    });
  }

  claims(): wire.ListClaimsResponse {
    const at = performance.now() * 1000;
    return {
      source: this.#options.node,
      routers: this.#options.ownership.routers('all').map((router) => ({
        vrid: router.vrid,
        family: router.family === 'ipv4' ? model.Family.IPV4 : model.Family.IPV6,
        address: router.address ?? '',
        verdict: router.verdict,
        since: new Date(Math.round(Date.now() - (at - router.since) / 1000)),
        claims: wireClaims(router),
      })),
    };
  }

  #gossip(): Gossip {
    const gossip = this.#options.gossip();
    if (gossip !== undefined) return gossip;
    throw new GossipRefusal(
      'not-running',
      `gossip does not run on ${this.#options.node}: agent.yaml has no gossip, or it could not be started; see the agent's log`,
    );
  }
}

const OPERATIONS = new Map<wire.KeyOperation, KeysOutcome['operation']>([
  [wire.KeyOperation.LIST, 'list'],
  [wire.KeyOperation.INSTALL, 'install'],
  [wire.KeyOperation.USE, 'use'],
  [wire.KeyOperation.REMOVE, 'remove'],
]);

export function fingerprintOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 8);
}

async function keyByFingerprint(gossip: Gossip, fingerprint: string): Promise<Uint8Array> {
  const { keys } = await askKeys(gossip, 'list', new Uint8Array());
  const found = keys
    .map(({ key }) => new Uint8Array(Buffer.from(key, 'base64')))
    .filter((key) => fingerprint !== '' && fingerprintOf(key) === fingerprint);
  const [key] = found;
  if (key === undefined || found.length > 1)
    throw new GossipRefusal(
      'unknown-key',
      `${found.length === 0 ? 'no member has a key' : 'there are several keys'} with the fingerprint "${fingerprint}"; \`keepfleet keys list\` shows them`,
    );
  return key;
}

function memberRow(
  member: GossipMember,
  distance: { readonly measured?: number; readonly estimated?: number } | undefined,
): wire.MemberRow {
  return {
    name: member.name,
    address: member.address,
    port: member.port,
    status: member.status,
    tags: { ...member.tags },
    since: new Date(member.since),
    how: member.source.how,
    by: member.source.by ?? '',
    suspectedBy: [...member.suspectedBy],
    roundTripUs: Math.round(distance?.measured ?? 0),
    estimatedUs: Math.round(distance?.estimated ?? 0),
    seenBy: {},
  };
}

function examined({ asked, findings, ways, members, answers }: DoctorsWord): wire.ExamineResponse {
  return {
    source: asked,
    findings: findings.map(finding),
    ways: ways.map((way) => ({
      from: way.from,
      to: way.to,
      udp: verdict(way.udp),
      tcp: verdict(way.tcp),
      large: verdict(way.large),
    })),
    members: members
      .filter(({ status }) => status === 'alive' || status === 'suspect')
      .map(({ name }) => {
        const answer = answers.get(name);
        return {
          name,
          answered: answer !== undefined,
          version: answer?.report.version ?? '',
          health: answer?.report.health ?? 0,
          queued: answer?.report.queued ?? 0,
          clockSkewMs: answer === undefined ? 0n : BigInt(Math.round(answer.report.at - answer.receivedAt)),
          alive: answer?.report.alive ?? 0,
        };
      }),
  };
}

const SEVERITIES = {
  info: model.Severity.INFO,
  warning: model.Severity.WARNING,
  error: model.Severity.ERROR,
} as const;

function finding({ severity, subject, message }: Finding): wire.Finding {
  return { severity: SEVERITIES[severity], subject, message };
}

function verdict(open: boolean | undefined): wire.Verdict {
  if (open === undefined) return wire.Verdict.UNSPECIFIED;
  return open ? wire.Verdict.OPEN : wire.Verdict.CLOSED;
}

function keysAnswer(source: string, outcome: KeysOutcome, via: 'local' | 'controller'): wire.ChangeKeysResponse {
  return {
    source,
    members: [...outcome.members],
    done: [...outcome.done],
    refused: Object.fromEntries(outcome.refused.map(({ name, reason }) => [name, reason])),
    failed: [...outcome.failed],
    keys: outcome.keys.map(({ key, on, primaryOn }) => ({
      fingerprint: fingerprintOf(Buffer.from(key, 'base64')),
      on: [...on],
      primaryOn: [...primaryOn],
      key: via === 'local' ? key : '',
    })),
  };
}

function words(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
