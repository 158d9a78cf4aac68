import { fleet, model } from '@keepfleet/rpc';
import { list } from '../common/words.ts';
import { isAble } from '../routers/router-view.ts';
import type { ChangeOf } from './change.ts';
import { plannedStep, type Step } from './operation.ts';
import { overridesOf, type Picture } from './picture.ts';
import type { Run } from './run.ts';

/** Beyond the time that an election takes: the way of the advert, of the delta and of a busy node. */
const SETTLE_MARGIN_MS = 5_000;
const TAKEOVER = 'takeover/';

interface Seat {
  readonly view: fleet.FleetVirtualRouter;
  readonly own: fleet.Candidate;
  readonly router: model.VirtualRouter;
}

/** The routers that a node takes part in, with its own candidacy. */
export function seats(picture: Picture, node: string): Seat[] {
  return picture.routers.flatMap((view) =>
    view.candidates
      .filter((candidate) => candidate.node === node)
      .flatMap((own) => (own.router === undefined ? [] : [{ view, own, router: own.router }])),
  );
}

/** Who could take a router over from the node: current, able, and not being drained itself. */
export function successors(picture: Picture, seat: Seat, draining: ReadonlySet<string>): string[] {
  return seat.view.candidates
    .filter((candidate) => candidate.node !== seat.own.node && candidate.freshness === fleet.Freshness.CURRENT)
    .filter((candidate) => candidate.router !== undefined && isAble(candidate.router))
    .filter(
      (candidate) => !draining.has(candidate.node) && picture.record(candidate.node)?.state?.rest.drained !== true,
    )
    .map((candidate) => candidate.node);
}

export function planDrainNode(change: ChangeOf<'drain-node'>, picture: Picture): Step[] {
  const owned = seats(picture, change.node).filter(({ router }) => router.state === model.RouterState.MASTER);
  return [
    plannedStep('override', `mark ${change.node} drained`),
    plannedStep('relinquish', `${change.node} gives up mastership`),
    ...owned.map(({ router, view }) => plannedStep(`${TAKEOVER}${router.instance}`, `takeover of ${view.key}`)),
  ];
}

/** Done when others observe that they took over, not when the drained node says that it stepped back. */
export function drainNode(run: Run, change: ChangeOf<'drain-node'>): void {
  const { node } = change;
  const record = run.picture.record(node);
  if (record === undefined) return run.fail(`${node} is forgotten`);
  if (!run.isDone('override')) {
    if (!run.override('override', record)) return;
    const early = seats(run.picture, node).filter(({ router }) => !router.lastResort);
    // Handing over before it stands back would let it take over again at its old priority.
    if (early.length > 0) {
      return run.waiting('override', `${list(early.map(({ router }) => router.instance))} not last resort yet`);
    }
    run.done('override', 'every instance stands as last resort');
  }
  if (!run.isDone('relinquish') && !relinquished(run, node)) return;
  const takeovers = run.operation.steps.filter((step) => step.key.startsWith(TAKEOVER));
  for (const step of takeovers) takeover(run, node, step.key);
  if (!takeovers.every((step) => run.isDone(step.key))) return;
  const outcomes = takeovers.map((step) => run.step(step.key)?.detail ?? '').filter((detail) => detail !== '');
  run.succeed(`${node} is drained${outcomes.length > 0 ? `: ${outcomes.join(', ')}` : '; it owned no virtual router'}`);
}

/** Has the node hand over what it is master of now, which may be other than what it was when the plan was made. */
function relinquished(run: Run, node: string): boolean {
  const key = 'relinquish';
  if (!run.picture.isCurrent(run.picture.record(node))) {
    run.blocked(key, run.picture.absence(node));
    return false;
  }
  const owned = seats(run.picture, node).filter(({ router }) => router.state === model.RouterState.MASTER);
  for (const { view, router } of owned) run.ensure(`${TAKEOVER}${router.instance}`, `takeover of ${view.key}`);
  const instances = owned.map(({ router }) => router.instance);
  const told = instances.map((instance) => run.told(key, node, { $case: 'relinquish', value: { instance } }, instance));
  if (run.operation.endedAt !== undefined || !told.every((done) => done)) return false;
  const given = run.operation.steps
    .filter((step) => step.key.startsWith(TAKEOVER))
    .map((step) => step.key.slice(TAKEOVER.length));
  run.done(key, given.length === 0 ? 'it is master of nothing' : `it gave up ${list(given)}`);
  return true;
}

function takeover(run: Run, node: string, key: string): void {
  if (run.isDone(key)) return;
  const { picture } = run;
  const instance = key.slice(TAKEOVER.length);
  if (!picture.isCurrent(picture.record(node))) return run.blocked(key, picture.absence(node));
  const seat = seats(picture, node).find(({ router }) => router.instance === instance);
  if (seat === undefined) return run.done(key, `${node} carries ${instance} no more`);
  const peers = seat.view.candidates.filter((candidate) => candidate.node !== node);
  const master = peers.find(
    ({ freshness, router }) => freshness === fleet.Freshness.CURRENT && router?.state === model.RouterState.MASTER,
  );
  const still = seat.router.state === model.RouterState.MASTER;
  if (master !== undefined && !still) return run.done(key, `${seat.view.key} is on ${master.node}`);
  if (master !== undefined) return run.waiting(key, `${master.node} took over; ${node} has not stepped back yet`);
  if (successors(picture, seat, new Set()).length > 0) {
    return run.waiting(key, still ? `${node} is still master` : 'no other node is master yet');
  }
  if (run.operation.forced) {
    // There is nobody, and the last resort is this node.
    if (still) return run.done(key, `${seat.view.key} has nobody else: ${node} keeps it as last resort`);
    const { masterAddress } = seat.router;
    if (masterAddress === '') return run.waiting(key, 'no other node is master yet');
    return run.done(key, `${seat.view.key} is on ${masterAddress}, as ${node} hears: no current node of this fleet`);
  }
  return run.blocked(key, `no other current node is able to take over ${seat.view.key}`);
}

export function planUndrainNode(change: ChangeOf<'undrain-node'>): Step[] {
  return [plannedStep('clear', `${change.node} stands again`), plannedStep('settle', 'elections settle')];
}

export function undrainNode(run: Run, change: ChangeOf<'undrain-node'>): void {
  const { node } = change;
  const { picture } = run;
  const record = picture.record(node);
  if (record === undefined) return run.fail(`${node} is forgotten`);
  if (!run.isDone('clear')) {
    if (!run.cleared('clear', record)) return;
    if (record.state?.rest.drained === true) {
      const others = overridesOf(record).map((override) => `${override.source} ${override.id}`);
      return run.blocked('clear', `${node} shows itself drained still; overrides in force: ${list(others) || 'none'}`);
    }
    run.done('clear', 'no drain is in force');
  }
  settle(run, node);
}

/** Waits for the node to preempt where its priority lets it, for as long as that may take, and tells who owns what. */
function settle(run: Run, node: string): void {
  const { picture } = run;
  if (!picture.isCurrent(picture.record(node))) return run.blocked('settle', picture.absence(node));
  const all = seats(picture, node);
  const open = all.filter((seat) => !isSettled(seat));
  const slowest = Math.max(0, ...all.map(({ router }) => router.advertIntervalMs));
  const since = run.step('settle')?.startedAt ?? picture.now;
  if (open.length > 0 && picture.now.getTime() - since.getTime() < 4 * slowest + SETTLE_MARGIN_MS) {
    return run.waiting('settle', `waiting for ${list(open.map(({ view }) => view.key))}`);
  }
  const owners = all.map(({ view }) => `${view.key} is on ${view.owner || 'nobody that is known'}`);
  run.done('settle', owners.join(', '));
  run.succeed(`${node} is no longer drained${owners.length > 0 ? `: ${owners.join(', ')}` : ''}`);
}

function isSettled({ view, own, router }: Seat): boolean {
  // The override is off, and the process that runs VRRP has not said so yet.
  if (router.lastResort) return false;
  if (view.owner === '' || view.owner === own.node) return view.owner !== '';
  const owner = view.candidates.find((candidate) => candidate.node === view.owner)?.router;
  const preempts = router.preempt && isAble(router) && router.effectivePriority > (owner?.effectivePriority ?? 0);
  return !preempts;
}
