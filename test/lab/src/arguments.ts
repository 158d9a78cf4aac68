import { faultKinds, isKillTarget, killTargets, type Fault } from './fault.ts';
import { isNetwork, networks } from './plan.ts';

export interface UpOptions {
  detach: boolean;
  /** Seconds between two health checks of a real server: 10 in the article, 2 in tests. */
  delayLoop: number;
  /** Directors on which the agent is started; the others are up, but run nothing. */
  agents: 'all' | string[];
  /** Where the directors run: chosen by what the kernel has unless told. */
  kernel?: 'guests' | 'namespaces';
  /** The first port tried on the machine's loopback for the controller's REST interface; gRPC is the one after. */
  port: number;
}

export type Verb =
  | { verb: 'up'; options: UpOptions }
  | { verb: 'status'; json: boolean }
  | { verb: 'exec'; host: string; argv: string[]; timeout?: number }
  | { verb: 'logs'; host: string; follow: boolean; log?: string }
  | { verb: 'service'; host: string; name: string; action: 'start' | 'stop' | 'restart' }
  | { verb: 'fault'; fault: Fault }
  | { verb: 'down' }
  | { verb: 'help' };

export type Parsed = { ok: true; value: Verb } | { ok: false; message: string };

export const defaultOptions: UpOptions = { detach: false, delayLoop: 10, agents: 'all', port: 7480 };

export const usage = `usage: npm run lab -- [VERB]

  up [--detach] [--delay-loop S] [--agents all|none|L1,L2] [--kernel guests|namespaces] [--port N]
                              build the lab and watch it (Ctrl-C ends it); --detach leaves it running
  status [--json]             who owns each address, the real servers, the faults
  exec [--timeout S] HOST CMD...
                              run a command on C1, L1..L3, W1..W4 or controller
  logs HOST [NAME] [-f]       the logs of a host, also of a dead one
  fault link-down HOST IF     take an interface down; link-up HOST IF brings it back
  fault kill HOST WHAT        kill -9 of vrrp, lvs, control, or of the whole host
  fault boot HOST             start a killed host again
  fault partition A B [NET]   drop all frames between two hosts (${networks.join(', ')}; default: all)
  fault heal                  end all partitions
  fault pause HOST            freeze a host; resume HOST thaws it
  service HOST NAME start|stop|restart
                              agent, snmpd, nginx or controller, under the lab's supervisor
  down                        remove everything, also what a crashed run left behind`;

/** Parses the words after `npm run lab --`. No words at all mean `up` in the foreground. */
export function parseArguments(words: readonly string[]): Parsed {
  const [verb = 'up', ...rest] = words;
  if (verb === 'help' || verb === '--help' || verb === '-h') return accept({ verb: 'help' });
  // The faults may be given without the word `fault`.
  if (faultKinds.some((kind) => kind === verb)) return parseFault([verb, ...rest]);
  switch (verb) {
    case 'up':
      return parseUp(rest);
    case 'status':
      return parseStatus(rest);
    case 'exec':
      return parseExec(rest);
    case 'logs':
      return parseLogs(rest);
    case 'service':
      return parseService(rest);
    case 'fault':
      return parseFault(rest);
    case 'down':
      return rest.length === 0 ? accept({ verb: 'down' }) : reject(`down takes no argument, not ${quote(rest)}`);
    default:
      // `npm run lab -- --detach` is `up --detach`.
      return verb.startsWith('--') ? parseUp(words) : reject(`unknown verb "${verb}"`);
  }
}

function parseUp(words: readonly string[]): Parsed {
  const options: UpOptions = { ...defaultOptions };
  for (let index = 0; index < words.length; index++) {
    const word = words[index];
    if (word === '--detach') {
      options.detach = true;
      continue;
    }
    const value = words[++index];
    switch (word) {
      case '--delay-loop':
        options.delayLoop = Number(value);
        if (!(options.delayLoop > 0)) return reject(`--delay-loop wants seconds, not ${shown(value)}`);
        break;
      case '--agents':
        if (value === undefined) return reject('--agents wants all, none or a list as L1,L2');
        options.agents = value === 'all' ? 'all' : value === 'none' ? [] : value.split(',');
        break;
      case '--kernel':
        if (value !== 'guests' && value !== 'namespaces')
          return reject(`--kernel wants guests or namespaces, not ${shown(value)}`);
        options.kernel = value;
        break;
      case '--port':
        options.port = Number(value);
        if (!Number.isInteger(options.port) || options.port < 1 || options.port > 65000)
          return reject(`--port wants a port number up to 65000, not ${shown(value)}`);
        break;
      default:
        return reject(`up knows no option ${shown(word)}`);
    }
  }
  return accept({ verb: 'up', options });
}

function parseStatus(words: readonly string[]): Parsed {
  const unknown = words.filter((word) => word !== '--json');
  if (unknown.length > 0) return reject(`status knows no ${quote(unknown)}`);
  return accept({ verb: 'status', json: words.length > 0 });
}

function parseExec(words: readonly string[]): Parsed {
  if (words[0] === '--timeout') {
    const timeout = Number(words[1]);
    if (!(timeout > 0)) return reject(`--timeout wants seconds, not ${shown(words[1])}`);
    const [host, ...argv] = words.slice(2);
    return host === undefined || argv.length === 0 ? execNeeds() : accept({ verb: 'exec', host, argv, timeout });
  }
  const [host, ...argv] = words;
  return host === undefined || argv.length === 0 ? execNeeds() : accept({ verb: 'exec', host, argv });
}

function parseLogs(words: readonly string[]): Parsed {
  const follow = words.includes('-f');
  const [host, log, ...more] = words.filter((word) => word !== '-f');
  if (host === undefined) return reject('logs needs a host: logs HOST [NAME] [-f]');
  if (more.length > 0) return reject(`logs does not understand ${quote(more)}`);
  return accept({ verb: 'logs', host, follow, ...(log === undefined ? {} : { log }) });
}

function parseService(words: readonly string[]): Parsed {
  const [host, name, action, ...more] = words;
  if (host === undefined || name === undefined || action === undefined || more.length > 0)
    return reject('service needs three words: service HOST NAME start|stop|restart');
  if (action !== 'start' && action !== 'stop' && action !== 'restart')
    return reject(`service can start, stop or restart, not "${action}"`);
  return accept({ verb: 'service', host, name, action });
}

function parseFault(words: readonly string[]): Parsed {
  const [kind, first, second, third, ...more] = words;
  if (more.length > 0) return reject(`fault ${kind} does not understand ${quote(more)}`);
  const count = words.length - 1;
  switch (kind) {
    case 'link-down':
    case 'link-up':
      if (first === undefined || second === undefined || count !== 2)
        return reject(`fault ${kind} needs a host and an interface: fault ${kind} L1 eth1`);
      return accept({ verb: 'fault', fault: { kind, host: first, interface: second } });
    case 'kill':
      if (first === undefined || second === undefined || count !== 2 || !isKillTarget(second))
        return reject(`fault kill needs a host and one of ${killTargets.join(', ')}: fault kill L1 host`);
      return accept({ verb: 'fault', fault: { kind, host: first, target: second } });
    case 'boot':
    case 'pause':
    case 'resume':
      if (first === undefined || count !== 1) return reject(`fault ${kind} needs a host: fault ${kind} L1`);
      return accept({ verb: 'fault', fault: { kind, host: first } });
    case 'partition':
      if (first === undefined || second === undefined) return reject('fault partition needs two hosts');
      if (third === undefined) return accept({ verb: 'fault', fault: { kind, hosts: [first, second] } });
      if (!isNetwork(third)) return reject(`no network "${third}": there are ${networks.join(', ')}`);
      return accept({ verb: 'fault', fault: { kind, hosts: [first, second], network: third } });
    case 'heal':
      return count === 0 ? accept({ verb: 'fault', fault: { kind } }) : reject('fault heal takes no argument');
    default:
      return reject(`fault needs one of ${faultKinds.join(', ')}, not ${shown(kind)}`);
  }
}

function execNeeds(): Parsed {
  return reject('exec needs a host and a command: exec L1 ip address');
}

function accept(value: Verb): Parsed {
  return { ok: true, value };
}

function reject(message: string): Parsed {
  return { ok: false, message };
}

function quote(words: readonly string[]): string {
  return `"${words.join(' ')}"`;
}

function shown(word: string | undefined): string {
  return word === undefined ? 'nothing' : `"${word}"`;
}
