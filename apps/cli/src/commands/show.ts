import { fleet, model, toJson } from '@keepfleet/rpc';
import type { Answer, Command } from '../command.ts';
import type { Controller } from '../connection.ts';
import { exitCodes } from '../failure.ts';
import { claimsAnswer } from './gossip.ts';
import { age, exactTime, lines, oneLine, staleness, table, time, words } from '../text.ts';

export class StatusCommand implements Command {
  readonly #check: boolean;

  constructor(options: { readonly check: boolean }) {
    this.#check = options.check;
  }

  async run(controller: Controller): Promise<Answer> {
    const [status, { nodes }] = await Promise.all([controller.status(), controller.nodes()]);
    const well =
      status.nodes === status.nodesCurrent &&
      nodes.every(({ processes }) => processes.every(({ running }) => running)) &&
      [...status.routers, ...status.services].every((one) => one.health === fleet.Health.OK);
    const running = status.operations.filter((one) => one.endedAt === undefined);
    return {
      data: toJson(fleet.FleetStatus, status),
      exitCode: this.#check && !well ? exitCodes.failed : exitCodes.ok,
      text: lines(
        `controller ${status.controller} ${status.version}: ${status.nodesCurrent} of ${status.nodes} nodes current`,
        ...nodes.flatMap(nodeNews),
        '',
        routerTable(status.routers),
        '',
        serviceTable(status.services),
        running.length === 0 ? undefined : `\n${operationTable(running)}`,
      ),
    };
  }
}

/** A node in one line, when there is anything to say of it. */
function nodeNews(node: fleet.Node): string[] {
  const news = [
    ...(node.freshness === fleet.Freshness.CURRENT ? [] : [staleness(node.freshness, node.ageMs)]),
    ...(node.freshness === fleet.Freshness.CURRENT || node.gossip === '' ? [] : [`gossip says ${node.gossip}`]),
    ...(node.drained ? ['drained'] : []),
    ...node.processes.filter((process) => !process.running).map((process) => `${process.role} is down`),
    ...node.problems,
  ];
  return news.length === 0 ? [] : [`  ${node.name}: ${news.join('; ')}`];
}

export class NodesCommand implements Command {
  async run(controller: Controller): Promise<Answer> {
    const response = await controller.nodes();
    const rows = response.nodes.map((node) => [
      node.name,
      staleness(node.freshness, node.ageMs),
      node.gossip === '' ? '-' : `${node.gossip} (${node.gossipSources.join(', ') || 'none'})`,
      node.drained ? 'drained' : '-',
      node.processes.map((process) => `${process.role}${process.running ? '' : ' DOWN'}`).join(' ') || '-',
      String(node.overrides.length),
      node.version,
      problemText(node.problems),
    ]);
    return {
      data: toJson(fleet.ListNodesResponse, response),
      text:
        rows.length === 0
          ? 'no node has connected yet'
          : table(['NODE', 'STATE', 'GOSSIP', 'DRAIN', 'PROCESSES', 'OVERRIDES', 'VERSION', 'PROBLEM'], rows),
    };
  }
}

export class ForgetNodeCommand implements Command {
  readonly #request: fleet.ForgetNodeRequest;

  constructor(request: fleet.ForgetNodeRequest) {
    this.#request = request;
  }

  async run(controller: Controller): Promise<Answer> {
    await controller.forgetNode(this.#request);
    return { data: {}, text: `${this.#request.name} is forgotten` };
  }
}

function problemText(problems: readonly string[]): string {
  const [first = '-', ...more] = problems;
  return more.length === 0 ? first : `${first} (and ${more.length} more: -o json)`;
}

export class RoutersCommand implements Command {
  async run(controller: Controller): Promise<Answer> {
    if (controller.isAgent) return claimsAnswer(await controller.claims());
    const response = await controller.routers();
    return { data: toJson(fleet.ListVirtualRoutersResponse, response), text: routerTable(response.routers) };
  }
}

export class ServicesCommand implements Command {
  async run(controller: Controller): Promise<Answer> {
    const response = await controller.services();
    return {
      data: toJson(fleet.ListVirtualServicesResponse, response),
      text: lines(
        serviceTable(response.services),
        ...response.services.map((service) =>
          service.leftOut.length === 0
            ? undefined
            : `${service.key}: sums leave out ${service.leftOut.join(', ')}, whose state is stale`,
        ),
      ),
    };
  }
}

export class OperationsCommand implements Command {
  readonly #all: boolean;

  constructor(options: { readonly all: boolean }) {
    this.#all = options.all;
  }

  async run(controller: Controller): Promise<Answer> {
    const response = await controller.operations({ activeOnly: !this.#all, limit: 0 });
    return {
      data: toJson(fleet.ListOperationsResponse, response),
      text:
        response.operations.length === 0
          ? this.#all
            ? 'no operation yet'
            : 'no operation is running (--all shows ended ones)'
          : operationTable(response.operations),
    };
  }
}

function routerTable(routers: readonly fleet.FleetVirtualRouter[]): string {
  const rows = routers.flatMap((router) => [
    [
      router.key,
      words.health(router.health),
      router.owner || '-',
      addressesOf(router).join(' '),
      '',
      '',
      router.reason,
    ],
    ...router.candidates.map((candidate) => [
      `  ${candidate.node}`,
      candidate.router === undefined ? 'unknown' : words.state(candidate.router.state),
      '',
      '',
      priorityText(candidate.router),
      staleness(candidate.freshness, candidate.ageMs),
      candidate.router?.problems.join('; ') ?? '',
    ]),
    ...router.claims.map(({ claim, ageMs, toldBy }) => [
      `  ${claim?.node ?? ''}`,
      claim === undefined ? 'unknown' : words.state(claim.state),
      '',
      '',
      `${claim?.priority ?? ''}`,
      `gossip, ${age(ageMs)} ago`,
      `told by ${toldBy}${claim?.member === 'alive' ? '' : `; by gossip it is ${claim?.member ?? 'unknown'}`}`,
    ]),
  ]);
  return routers.length === 0
    ? 'no virtual router is known'
    : table(['VIRTUAL ROUTER', 'STATE', 'OWNER', 'ADDRESSES', 'PRIORITY', 'SEEN', 'REASON'], rows);
}

/** All that moves with the router: what it advertises, then what it carries along. */
function addressesOf(router: fleet.FleetVirtualRouter): string[] {
  const carried = router.candidates.flatMap((candidate) => candidate.router?.addresses ?? []);
  return [...new Set([...router.addresses, ...carried.map(({ address }) => address)])];
}

function priorityText(router: model.VirtualRouter | undefined): string {
  if (router === undefined) return '';
  const changed = router.effectivePriority === router.basePriority ? '' : ` (base ${router.basePriority})`;
  return `${router.effectivePriority}${changed}${router.lastResort ? ' last resort' : ''}`;
}

function serviceTable(services: readonly fleet.FleetVirtualService[]): string {
  const rows = services.flatMap((service) => [
    [service.key, words.health(service.health), '', '', '', statisticsText(service.sum), service.reason],
    ...service.realServers.map((server) => [
      `  ${server.key}`,
      `up on ${server.up} of ${server.of}`,
      server.weights.join('/') || '-',
      `${server.activeConnections}`,
      `${server.inactiveConnections}`,
      statisticsText(server.sum),
      server.drained ? 'drained' : '',
    ]),
  ]);
  return services.length === 0
    ? 'no virtual service is known'
    : table(['VIRTUAL SERVICE', 'STATE', 'WEIGHT', 'ACTIVE', 'INACTIVE', 'CONNECTIONS', 'REASON'], rows);
}

function statisticsText(statistics: model.Statistics | undefined): string {
  return statistics === undefined ? '-' : `${statistics.connections}`;
}

function operationTable(operations: readonly fleet.Operation[]): string {
  const rows = operations.map((operation) => [
    operation.id,
    operation.kind,
    operation.target,
    words.phase(operation.phase),
    operation.actor,
    time(operation.createdAt),
    operation.blocked ||
      operation.result ||
      (operation.steps.findLast((step) => step.startedAt !== undefined)?.detail ?? ''),
  ]);
  return table(['OPERATION', 'KIND', 'TARGET', 'PHASE', 'ACTOR', 'SINCE', 'DETAIL'], rows);
}

/** One line; the columns line up for names of usual length, so that a stream can be read downwards. */
export function eventText(entry: fleet.FleetEvent): string {
  const { event } = entry;
  if (event === undefined) return `${entry.position} ${entry.node}`;
  const at = event.at ?? entry.receivedAt;
  const columns = [
    at === undefined ? '-'.padEnd(24) : exactTime(at),
    (entry.node || '-').padEnd(6),
    words.severity(event.severity).padEnd(7),
    event.kind.padEnd(18),
  ];
  return oneLine(`${columns.join('  ')}  ${event.subject}: ${event.message}${lateText(entry)}`);
}

function lateText({ event, receivedAt }: fleet.FleetEvent): string {
  if (event?.at === undefined || receivedAt === undefined) return '';
  const delay = receivedAt.getTime() - event.at.getTime();
  return delay > 5_000 ? ` (arrived ${age(delay)} later)` : '';
}
