import { model } from '@keepfleet/rpc';
import type { Refusal } from '../common/refusal.ts';
import { list } from '../common/words.ts';
import { overrideChange, serverText, targetText, type Change, type ChangeOf } from './change.ts';
import { carries, targets } from './fleet-operations.ts';
import { seats, successors } from './node-operations.ts';
import { isActive, type Operation } from './operation.ts';
import { hasOverride, serversOf, type Picture } from './picture.ts';

const FORCE = 'force does it all the same, and is written down';

/** Why a change must not begin now, or undefined when it may. */
export function refusal(
  change: Change,
  forced: boolean,
  picture: Picture,
  operations: readonly Operation[],
): Refusal | undefined {
  const active = operations.filter(isActive);
  const rival = active.find((other) => collide(other.change, change));
  if (rival !== undefined) {
    const message = `operation ${rival.id} (${rival.change.kind} ${targetText(rival.change)}) is under way; watch it or cancel it first`;
    return { kind: 'conflict', message };
  }
  switch (change.kind) {
    case 'drain-node':
      return ofDrainNode(change, forced, picture, active);
    case 'undrain-node':
      return unknownNode(change.node, picture);
    default:
      return ofFleet(change, forced, picture, active);
  }
}

/** Two operations of one place would undo each other; one on every node is in the place of each. */
function collide(a: Change, b: Change): boolean {
  if (place(a) !== place(b)) return false;
  return !('node' in a && 'node' in b) || a.node === b.node || a.node === '' || b.node === '';
}

function place(change: Change): string {
  switch (change.kind) {
    case 'drain-node':
    case 'undrain-node':
      return 'node';
    case 'drain-server':
    case 'undrain-server':
      return `server ${serverText(change)}`;
    case 'set-priority':
    case 'clear-priority':
      return `priority ${change.instance}`;
    case 'announce':
      return `announcement ${change.instance}`;
    case 'zero-counters':
      return `counters ${change.service}`;
    case 'set-weight':
    case 'clear-weight':
      return `weight ${change.service} ${change.realServer}`;
  }
}

function ofDrainNode(
  change: ChangeOf<'drain-node'>,
  forced: boolean,
  picture: Picture,
  active: readonly Operation[],
): Refusal | undefined {
  const { node } = change;
  const unknown = unknownNode(node, picture);
  if (unknown !== undefined || forced) return unknown;
  if (!picture.isCurrent(picture.record(node))) {
    const message = `${picture.absence(node)}. What it owns is not known, so nobody can say whether others can take over; ${FORCE}`;
    return { kind: 'unavailable', message };
  }
  const others = new Set(active.flatMap(({ change: of }) => (of.kind === 'drain-node' ? [of.node] : [])));
  const leaving = new Set([node, ...others]);
  // What another drain is about to hand over to this node counts; what that one leaves with nobody anyhow does not.
  const handedOver = [...others]
    .flatMap((other) => seats(picture, other))
    .filter((seat) => successors(picture, seat, others).includes(node));
  const alone = [...seats(picture, node), ...handedOver]
    .filter(({ router }) => router.state === model.RouterState.MASTER)
    .filter((seat) => successors(picture, seat, leaving).length === 0)
    .map(({ view, own }) => `${view.key} from ${own.node}`);
  if (alone.length === 0) return undefined;
  const message = `no other node that is current, able and not drained could take over ${list(alone)}; ${FORCE}`;
  return { kind: 'budget', message };
}

function ofFleet(
  change: Exclude<Change, { kind: 'drain-node' | 'undrain-node' }>,
  forced: boolean,
  picture: Picture,
  active: readonly Operation[],
): Refusal | undefined {
  const named = 'node' in change ? change.node : '';
  if (named !== '') {
    const unknown = unknownNode(named, picture);
    if (unknown !== undefined) return unknown;
  }
  const asked = picture.records.filter((record) => named === '' || record.name === named);
  const carrying = asked.filter((record) => carries(change, record));
  const current = asked.filter((record) => picture.isCurrent(record));
  if (carrying.length === 0) {
    const away = asked.filter((record) => !picture.isCurrent(record)).map((record) => record.name);
    const doubt = away.length > 0 ? `; not connected at the moment: ${list(away)}` : '';
    return { kind: 'not-found', message: `${named || 'no node'} carries ${what(change, named !== '')}${doubt}` };
  }
  if (forced && current.length === 0) return { kind: 'unavailable', message: 'no node that it is about is connected' };
  if (forced || !takesAway(change)) return narrowDrain(change, picture);
  const leaving = [change, ...active.map((other) => other.change).filter(takesAway)];
  const bare = current.flatMap((record) => {
    const going = leaving.flatMap((each) => targets(each, record));
    return [...new Set(targets(change, record).map(({ service }) => service))].flatMap((service) => {
      const staying = serversOf(record, (_, of) => of.key === service.key).filter(
        ({ server }) =>
          server.up && !server.sorry && server.weight > 0 && !going.some((each) => each.server === server),
      );
      const weight = staying.reduce((total, { server }) => total + server.weight, 0);
      if (staying.length > 0 && weight >= service.quorum) return [];
      return [`${service.key} on ${record.name} (${staying.length} up of weight ${weight}, quorum ${service.quorum})`];
    });
  });
  if (bare.length === 0) return undefined;
  return { kind: 'budget', message: `too little would be left of ${list(bare)}; ${FORCE}` };
}

function takesAway(change: Change): change is ChangeOf<'drain-server' | 'set-weight'> {
  return change.kind === 'drain-server' || (change.kind === 'set-weight' && change.weight === 0);
}

/** An undrain that names one port does not lift a drain of all of them; better said than silently done with nothing. */
function narrowDrain(change: Change, picture: Picture): Refusal | undefined {
  if (change.kind !== 'undrain-server' || change.port === 0) return undefined;
  const own = picture.records.some((record) => hasOverride(record, overrideChange(change)));
  const wide = picture.records.some((record) => hasOverride(record, overrideChange({ ...change, port: 0 })));
  if (own || !wide) return undefined;
  const message = `${change.address} is drained on every port, not on ${change.port} alone; undrain ${change.address} without a port`;
  return { kind: 'conflict', message };
}

function unknownNode(node: string, picture: Picture): Refusal | undefined {
  if (picture.record(node) !== undefined) return undefined;
  const known = picture.records.map((record) => record.name);
  return { kind: 'not-found', message: `no node ${node}; there are ${list(known) || 'none'}` };
}

function what(change: Exclude<Change, { kind: 'drain-node' | 'undrain-node' }>, negated: boolean): string {
  const no = negated ? 'no ' : '';
  switch (change.kind) {
    case 'drain-server':
    case 'undrain-server':
      return `${no}real server ${serverText(change)}`;
    case 'set-priority':
    case 'clear-priority':
      return `${no}instance ${change.instance}`;
    case 'announce':
      return `${no}instance ${change.instance} as its master`;
    case 'zero-counters':
      return `${no}${change.service || 'service'}`;
    case 'set-weight':
    case 'clear-weight':
      return `${no}real server ${change.realServer} in ${change.service}`;
  }
}
