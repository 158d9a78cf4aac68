import { model } from '@keepfleet/rpc';
import { list } from '../common/words.ts';
import type { NodeRecord } from '../fleet/node-record.ts';
import { overrideChange, serverText, type Change, type ChangeOf } from './change.ts';
import { plannedStep, type Step } from './operation.ts';
import { drains } from '../services/service-view.ts';
import { hasOverride, overridesOf, serversOf, type Picture } from './picture.ts';
import type { Run } from './run.ts';

const WEIGHT_PATIENCE_MS = 30_000;

type FleetChange = Exclude<Change, { kind: 'drain-node' | 'undrain-node' }>;

/**
 * Operations on every node that carries what they name, or on the one that they name. A node that is away may carry it
 * as well: it holds the operation up until it returns, unless force leaves it out.
 */
export function planFleet(change: FleetChange, picture: Picture, forced: boolean): Step[] {
  const steps = concerned(change, picture, forced).map((record) =>
    plannedStep(nodeKey(record.name), nodeStep(change, record.name)),
  );
  if (change.kind === 'drain-server') steps.push(plannedStep('connections', 'connections end'));
  return steps;
}

/** Nodes that the change is about, by the latest that is known of them. */
export function concerned(change: FleetChange, picture: Picture, forced: boolean): NodeRecord[] {
  const named = 'node' in change ? change.node : '';
  return picture.records
    .filter((record) => named === '' || record.name === named)
    .filter((record) => picture.isCurrent(record) || !forced)
    .filter((record) => record.state === undefined || carries(change, record));
}

/** Whether the node's last known state has what the change names. */
export function carries(change: FleetChange, record: NodeRecord): boolean {
  switch (change.kind) {
    case 'drain-server':
      return targets(change, record).length > 0;
    case 'undrain-server':
      return hasOverride(record, overrideChange(change)) || targets(change, record).length > 0;
    case 'announce':
      return record.state?.routers.get(change.instance)?.state === model.RouterState.MASTER;
    case 'zero-counters': {
      const services = record.state?.services;
      return change.service === '' ? (services?.size ?? 0) > 0 : (services?.has(change.service) ?? false);
    }
    case 'set-priority':
      return record.state?.routers.has(change.instance) ?? false;
    case 'clear-priority':
      return hasOverride(record, overrideChange(change)) || (record.state?.routers.has(change.instance) ?? false);
    case 'set-weight':
      return targets(change, record).length > 0;
    case 'clear-weight':
      return hasOverride(record, overrideChange(change)) || targets(change, record).length > 0;
  }
}

export function targets(
  change: Exclude<FleetChange, { kind: 'set-priority' | 'clear-priority' | 'announce' | 'zero-counters' }>,
  record: NodeRecord,
) {
  if (change.kind === 'set-weight' || change.kind === 'clear-weight') {
    return serversOf(record, (server, service) => service.key === change.service && server.key === change.realServer);
  }
  return serversOf(
    record,
    (server) => server.address === change.address && (change.port === 0 || server.port === change.port),
  );
}

export function advanceFleet(run: Run, change: FleetChange): void {
  for (const record of concerned(change, run.picture, run.operation.forced)) {
    run.ensure(nodeKey(record.name), nodeStep(change, record.name));
  }
  for (const step of nodeSteps(run)) {
    onNode(run, change, step.key, step.key.slice(nodeKey('').length));
    if (run.operation.endedAt !== undefined) return;
  }
  if (change.kind === 'drain-server') return connections(run, change);
  if (!nodeSteps(run).every((step) => run.isDone(step.key))) return;
  run.succeed(outcomes(run));
}

function onNode(run: Run, change: FleetChange, key: string, node: string): void {
  if (run.isDone(key)) return;
  const record = run.picture.record(node);
  if (record === undefined) return run.done(key, `left out: ${node} is forgotten`);
  if (!run.picture.isCurrent(record)) {
    if (run.operation.forced) return run.done(key, `left out: ${node} is not connected`);
    return run.blocked(key, run.picture.absence(node));
  }
  if (!carries(change, record))
    return run.done(key, change.kind === 'announce' ? `${node} is not its master` : `${node} does not carry it`);
  switch (change.kind) {
    case 'clear-priority':
      if (run.cleared(key, record)) run.done(key, 'no override is in force');
      return;
    case 'undrain-server':
    case 'clear-weight': {
      if (!run.cleared(key, record)) return;
      const closed = targets(change, record).filter(({ server }) => isHeldBack(server, record));
      if (closed.length > 0 && !isLate(run, key)) return run.waiting(key, `the kernel still has ${weights(closed)}`);
      return run.done(key, weights(targets(change, record)) || `${node} does not carry it`);
    }
    case 'announce':
      if (run.told(key, node, { $case: 'announce', value: { instance: change.instance } })) run.done(key, 'announced');
      return;
    case 'zero-counters':
      if (run.told(key, node, { $case: 'zeroCounters', value: { service: change.service } }))
        run.done(key, 'counters are 0');
      return;
    case 'set-priority':
      if (run.override(key, record)) run.done(key, `priority ${change.priority}`);
      return;
    case 'set-weight': {
      if (!run.override(key, record)) return;
      const other = targets(change, record).filter(
        ({ server }) => isServed(server) && server.weight !== change.weight && !drains(overridesOf(record), server),
      );
      if (other.length === 0) return run.done(key, `weight ${change.weight}`);
      if (!isLate(run, key)) return run.waiting(key, `the kernel still has ${weights(other)}`);
      return run.done(key, `weight ${change.weight} is in force, but the kernel has ${weights(other)}`);
    }
    case 'drain-server': {
      if (!run.override(key, record)) return;
      const open = targets(change, record).filter(({ server }) => server.weight > 0);
      if (open.length === 0) return run.done(key, 'weight 0 in the kernel');
      return run.waiting(key, `the kernel still has ${weights(open)}`);
    }
  }
}

/** Only counts taken after a node's kernel showed weight 0 prove anything: before, new connections could come. */
function connections(run: Run, change: ChangeOf<'drain-server'>): void {
  const key = 'connections';
  const counts: string[] = [];
  const unknown: string[] = [];
  const outOfPool = new Set<string>();
  let away = false;
  let open = 0;
  for (const step of nodeSteps(run)) {
    if (!run.isDone(step.key)) continue;
    const node = step.key.slice(nodeKey('').length);
    const record = run.picture.record(node);
    if (record === undefined || !carries(change, record)) continue;
    if (!run.picture.isCurrent(record)) {
      if (run.operation.forced) continue;
      run.blocked(key, run.picture.absence(node));
      away = true;
      continue;
    }
    const servers = targets(change, record);
    const since = step.endedAt?.getTime() ?? 0;
    if (servers.some(({ countedAt }) => countedAt === undefined || countedAt.getTime() < since)) unknown.push(node);
    for (const { service, server } of servers) if (server.weight < 0) outOfPool.add(`${node}: ${service.key}`);
    const sum = (pick: (server: (typeof servers)[number]['server']) => number) =>
      servers.reduce((total, { server }) => total + pick(server), 0);
    const active = sum((server) => server.activeConnections);
    const inactive = sum((server) => server.inactiveConnections);
    const persistent = sum((server) => server.persistentConnections);
    open += active + inactive + persistent;
    counts.push(`${node}: ${active} active, ${inactive} inactive, ${persistent} persistent`);
  }
  if (counts.length > 0 && !away) run.waiting(key, counts.join('; '));
  if (!nodeSteps(run).every((step) => run.isDone(step.key)) || away || unknown.length > 0 || open > 0) return;
  // A server that its checks had taken out before the drain has nothing left to count: the kernel cuts what it had.
  const uncounted =
    outOfPool.size === 0 ? '' : `; not counted where it is out of the pool (${[...outOfPool].join(', ')})`;
  run.done(key, `none left${uncounted}`);
  const on = nodeSteps(run)
    .map((step) => step.key.slice(nodeKey('').length))
    .filter((node) => counts.some((text) => text.startsWith(`${node}: `)));
  const out = nodeSteps(run).filter((step) => step.detail.startsWith('left out'));
  const note = out.length > 0 ? `; ${out.map((step) => step.detail).join('; ')}` : '';
  run.succeed(`${serverText(change)} is drained on ${list(on) || 'no node'}: no connections left${uncounted}${note}`);
}

/** So long a weight is waited for; a check may give the server another one, which is then told as it is. */
function isLate(run: Run, key: string): boolean {
  const since = run.step(key)?.startedAt ?? run.picture.now;
  return run.picture.now.getTime() - since.getTime() > WEIGHT_PATIENCE_MS;
}

/** In the kernel's table because its checks hold; what the table has of any other is the checks' business. */
function isServed(server: model.RealServer): boolean {
  return server.up && !server.sorry && server.weight >= 0;
}

/** Whether the kernel gives it nothing although no override asks for that any more. */
function isHeldBack(server: model.RealServer, record: NodeRecord): boolean {
  const overrides = overridesOf(record);
  const asked = overrides.some(({ change }) => change?.$case === 'weight' && change.value.realServer === server.key);
  return isServed(server) && server.weight === 0 && server.configuredWeight > 0 && !asked && !drains(overrides, server);
}

function weights(targets: ReturnType<typeof serversOf>): string {
  return targets.map(({ service, server }) => `${service.key} weight ${server.weight}`).join(', ');
}

function outcomes(run: Run): string {
  return nodeSteps(run)
    .map((step) => `${step.key.slice(nodeKey('').length)}: ${step.detail}`)
    .join('; ');
}

function nodeSteps(run: Run): Step[] {
  return run.operation.steps.filter((step) => step.key.startsWith(nodeKey('')));
}

function nodeKey(node: string): string {
  return `node/${node}`;
}

function nodeStep(change: FleetChange, node: string): string {
  switch (change.kind) {
    case 'drain-server':
      return `weight 0 on ${node}`;
    case 'undrain-server':
      return `weight back on ${node}`;
    case 'announce':
      return `${node} announces its addresses`;
    case 'zero-counters':
      return `counters of ${node}`;
    case 'set-priority':
      return `priority ${change.priority} on ${node}`;
    case 'clear-priority':
      return `priority as configured on ${node}`;
    case 'set-weight':
      return `weight ${change.weight} on ${node}`;
    case 'clear-weight':
      return `weight as configured on ${node}`;
  }
}
