import type { Endpoint, SwimErrorKind } from '@keepfleet/swim';
import type { GossipProblem } from './messages.ts';

/** One line for the log: what happened, where, and what to do about it. */
export function describeProblem(problem: GossipProblem): string {
  switch (problem.kind) {
    case 'dropped': {
      const { from, error } = problem;
      return `gossip: dropped what ${shown(from)} sent: ${error.kind}, ${error.detail}${adviceFor(error.kind)}`;
    }
    case 'name-conflict':
      return (
        `gossip: the name ${problem.name} is claimed by ${shown(problem.claimed)}, and ${shown(problem.known)} has it; ` +
        'give one of the two hosts another name'
      );
    case 'udp-blocked':
      return (
        `gossip: ${problem.name} at ${shown(problem.at)} answers by TCP but not by UDP; ` +
        `let UDP ${problem.at.port} through in both directions`
      );
    case 'unreachable':
      return (
        `gossip: no exchange of state with ${problem.join ? 'the seed or lost member ' : ''}${shown(problem.at)}: ` +
        `${problem.reason}; it is tried again by itself`
      );
    case 'accused':
      return (
        `gossip: ${problem.by} took us for ${problem.of === 'dead' ? 'dead' : 'failing'}, and we have contradicted; ` +
        'if it comes again, look for loss on the way between us, or for a stalled host'
      );
    case 'name-lost':
      return (
        `gossip: another host has the name ${problem.name}: ${problem.of - problem.votes} of ${problem.of} members know it at ` +
        'another address; this node falls silent: give one of the two another name'
      );
    case 'name-kept':
      return (
        `gossip: another host claims the name ${problem.name}, and ` +
        `${problem.of === 0 ? 'nobody said whose it is' : `${problem.votes} of ${problem.of} members say that it is ours`}; ` +
        'give the other host another name'
      );
    case 'moved':
      return `gossip: ${problem.name} moved from ${shown(problem.from)} to ${shown(problem.to)}, and proved by its key that it is the same`;
    case 'stalled':
      return (
        `gossip: this process stood still for ${Math.round(problem.lateness / 1000)} ms; what went unanswered meanwhile is held ` +
        'against nobody; look for a starved CPU, swapping, or a stopped process'
      );
    case 'oversized':
      return (
        `gossip: ${tooLong[problem.what]} ${problem.bytes} bytes and ` +
        `${problem.limit} are allowed; nothing was told`
      );
    case 'socket':
      return `gossip: ${problem.reason}`;
    case 'seed-name':
      return `gossip: the seed ${problem.host} has no address (${problem.reason}); it is looked up again while we are alone`;
    case 'state-file':
      return (
        `gossip: members cannot be remembered in ${problem.file} (${problem.reason}); ` +
        'gossip runs, and a restart has only its seeds to ask'
      );
  }
}

const tooLong = {
  tags: 'the tags take',
  'user-event': 'a user event takes',
  query: 'a query takes',
  answer: 'an answer to a query takes',
} as const;

function shown({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function adviceFor(kind: SwimErrorKind): string {
  switch (kind) {
    case 'encryption':
      return '; compare the keyring of both hosts';
    case 'label':
      return '; it belongs to another fleet';
    case 'bad-version':
      return '; it speaks a version that we do not';
    default:
      return '';
  }
}
