import { isIP } from 'node:net';
import { hostname, userInfo } from 'node:os';
import { Command as Parser, InvalidArgumentError, Option } from 'commander';
import type { Command, LocalCommand } from './command.ts';
import {
  ConfigCheckCommand,
  ConfigCheckOnNodeCommand,
  type ConfigFlags,
  ConfigFormatCommand,
  ConfigLanguageCommand,
  type FormatFlags,
} from './commands/config.ts';
import { EventsCommand } from './commands/events.ts';
import { DoctorCommand, ForgetCommand, MembersCommand } from './commands/gossip.ts';
import { ChangeKeyCommand, KeysCommand, RotateCommand, newKey } from './commands/keys.ts';
import { AttachCommand, CancelCommand, OperateCommand, type OperateOptions } from './commands/operate.ts';
import {
  ForgetNodeCommand,
  NodesCommand,
  OperationsCommand,
  RoutersCommand,
  ServicesCommand,
  StatusCommand,
} from './commands/show.ts';
import { ReloadCommand } from './commands/reload.ts';
import { ZeroCommand } from './commands/zero.ts';
import type { ConnectionFlags } from './connection.ts';

export interface GlobalFlags extends ConnectionFlags {
  readonly output: 'table' | 'json';
}

const RUN_DIRECTORY = '/run/keepfleet';

interface OperationFlags {
  reason?: string;
  deadline: number;
  force?: boolean;
  dryRun?: boolean;
  detach?: boolean;
}

interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

/** The command line as data: `start` is called once with the command that the words name. */
export function program(
  version: string,
  start: (command: Command | LocalCommand, flags: GlobalFlags) => Promise<void>,
): Parser {
  const root = new Parser('keepfleet')
    .description('See and change a fleet of VRRP routers and IPVS load balancers.')
    .version(version)
    .addOption(new Option('-o, --output <format>', 'how to answer').choices(['table', 'json']).default('table'))
    .option(
      '--controller <host:port>',
      "the controller's fleet API (else KEEPFLEET_CONTROLLER, a running lab, 127.0.0.1:7481)",
    )
    .option(
      '--agent [socket]',
      'ask the agent of this node instead of a controller: members, doctor, keys, routers (default /run/keepfleet/agent.sock)',
    )
    .option('--ca <file>', 'certificate authority of the controller, PEM (else KEEPFLEET_CA)')
    .option('--certificate <file>', 'own certificate, PEM (else KEEPFLEET_CERTIFICATE)')
    .option('--key <file>', 'own key, PEM (else KEEPFLEET_KEY)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed or refused, 2 usage, 3 no controller, 130 detached with Ctrl-C.',
    )
    .showHelpAfterError('(try --help)')
    .exitOverride();
  const go = (command: Command | LocalCommand) => start(command, root.opts<GlobalFlags>());

  root
    .command('status')
    .description('owners of the virtual routers, services and running operations')
    .option('--check', 'exit 1 unless every node is current, its processes run, and everything is ok')
    .action((options: { check?: boolean }) => go(new StatusCommand({ check: options.check === true })));
  const nodes = root
    .command('nodes')
    .description('the nodes, how fresh their state is, and what gossip says')
    .action(() => go(new NodesCommand()));
  nodes
    .command('forget <name>')
    .description('a node is gone for good: wait for it and show it no longer, unless it connects again')
    .option('--reason <text>', 'why, for the audit log', '')
    .action((name: string, { reason }: { reason: string }) =>
      go(new ForgetNodeCommand({ name, actor: actor(), reason })),
    );
  root
    .command('routers')
    .description('virtual routers across nodes')
    .action(() => go(new RoutersCommand()));
  root
    .command('services')
    .description('virtual services across nodes, with sums')
    .action(() => go(new ServicesCommand()));
  root
    .command('events')
    .description('what happened, oldest first')
    .option('-w, --watch', 'go on with new ones')
    .option('-n, --number <count>', 'how many of the newest', wholeNumber(1, 1000), 20)
    .option('--node <name>', 'of this node only', '')
    .option('--kind <prefix>', 'of this kind only, such as vrrp or lvs.real-server', '')
    .action((options: { watch?: boolean; number: number; node: string; kind: string }) =>
      go(new EventsCommand({ ...options, watch: options.watch === true })),
    );
  addGossip(root, go);
  addDrain(root, go);
  addAnnounce(root, go);
  addZero(root, go);
  addSet(root, go);
  addConfig(root, go);
  addReload(root, go);
  const operations = root
    .command('operations')
    .description('operations and their progress')
    .option('--all', 'ended ones too')
    .action((options: { all?: boolean }) => go(new OperationsCommand({ all: options.all === true })));
  operations
    .command('attach <id>')
    .description('follow a running operation')
    .action((id: string) => go(new AttachCommand(id)));
  operations
    .command('cancel <id>')
    .description('stop an operation; what it has changed stays and is shown')
    .option('--reason <text>', 'why', '')
    .action((id: string, options: { reason: string }) =>
      go(new CancelCommand({ id, actor: actor(), reason: options.reason })),
    );
  return root;
}

function addGossip(root: Parser, go: Go): void {
  const members = root
    .command('members')
    .description('who is in the fleet by gossip; asks the agent of this node, or else the controller')
    .action(() => go(new MembersCommand()));
  members
    .command('forget <name>')
    .description('a failed member will not come back: end the attempts to reach it')
    .option('--prune', 'free its name too, for a host with another key at another address')
    .action((name: string, options: { prune?: boolean }) =>
      go(new ForgetCommand({ name, prune: options.prune === true, actor: actor() })),
    );
  root
    .command('doctor')
    .description('what is wrong between the members: who reaches whom, who suspects whom, clocks, versions, MTU')
    .action(() => go(new DoctorCommand()));
  const keys = root.command('keys').description("the keys that encrypt the fleet's gossip");
  keys
    .command('list', { isDefault: true })
    .description('which member has which key, by fingerprint')
    .option('--show', 'the keys themselves; only from the agent of a node')
    .action((options: { show?: boolean }) => go(new KeysCommand({ show: options.show === true })));
  keys
    .command('generate')
    .description('a new keyring for a first node, on standard output; asks nobody')
    .action(() => {
      process.stdout.write(`${JSON.stringify([newKey().toString('base64')], undefined, 2)}\n`);
    });
  keys
    .command('install <key>')
    .description('add a key, base64, to the keyring of every member')
    .action((key: string) => go(new ChangeKeyCommand({ operation: 'install', key, actor: actor() })));
  keys
    .command('use <key>')
    .description('encrypt with an installed key from now on; base64 or a fingerprint')
    .action((key: string) => go(new ChangeKeyCommand({ operation: 'use', key, actor: actor() })));
  keys
    .command('remove <key>')
    .description('drop a key that is not primary; base64 or a fingerprint')
    .action((key: string) => go(new ChangeKeyCommand({ operation: 'remove', key, actor: actor() })));
  keys
    .command('rotate')
    .description('install a new key, use it, remove the others; stops where a member does not confirm')
    .option('--force', 'remove the old keys although members have failed; those will have to be given the new keyring')
    .action((options: { force?: boolean }) => go(new RotateCommand({ force: options.force === true, actor: actor() })));
}

type Go = (command: Command | LocalCommand) => Promise<void>;

function addDrain(root: Parser, go: Go): void {
  const drain = root
    .command('drain')
    .description('take a node or a real server out of service without losing a request');
  const undrain = root.command('undrain').description('undo a drain');
  operation(drain, 'node <name>', 'hand its virtual routers to the peers, then stay as the last resort', true).action(
    (node: string, flags: OperationFlags) =>
      go(new OperateCommand({ $case: 'drainNode', value: { node } }, options(flags))),
  );
  operation(undrain, 'node <name>', 'let it take part again').action((node: string, flags: OperationFlags) =>
    go(new OperateCommand({ $case: 'undrainNode', value: { node } }, options(flags))),
  );
  operation(drain, 'server', 'weight 0 on every node, then wait for its connections to end', true)
    .argument('<address[:port]>', 'of the real server; without a port, all of them', endpoint)
    .action((server: ServerAddress, flags: OperationFlags) =>
      go(new OperateCommand({ $case: 'drainServer', value: server }, options(flags))),
    );
  operation(undrain, 'server', 'give it its configured weight again')
    .argument('<address[:port]>', 'of the real server; without a port, all of them', endpoint)
    .action((server: ServerAddress, flags: OperationFlags) =>
      go(new OperateCommand({ $case: 'undrainServer', value: server }, options(flags))),
    );
}

function addAnnounce(root: Parser, go: Go): void {
  operation(root, 'announce <instance>', 'have the master tell its segment once more where its addresses are')
    .option('--node <name>', 'on this node only', '')
    .action((instance: string, flags: OperationFlags & { node: string }) =>
      go(new OperateCommand({ $case: 'announce', value: { node: flags.node, instance } }, options(flags))),
    );
}

function addZero(root: Parser, go: Go): void {
  operation(root, 'zero [virtual-server]', "set this node's counters of IPVS to 0, all or those of one virtual server")
    .option('--run-dir <dir>', "the agent's run directory on this node", RUN_DIRECTORY)
    .option('--node <name>', 'those of that node, through the controller')
    .option('--fleet', 'those of every node, through the controller')
    .action(
      (
        virtualServer: string | undefined,
        { runDir, node, fleet, ...flags }: OperationFlags & { runDir: string; node?: string; fleet?: boolean },
      ) => {
        if (node !== undefined && fleet === true) throw new InvalidArgumentError('--node does not go with --fleet');
        if (node === '') throw new InvalidArgumentError('--node is empty; --fleet is for every node');
        const service = virtualServer ?? '';
        if (node === undefined && fleet !== true) {
          const { dryRun, detach, force, reason } = flags;
          if (dryRun === true || detach === true || force === true || reason !== undefined)
            throw new InvalidArgumentError(
              '--dry-run, --detach, --force and --reason are for what the controller does: name a --node, or --fleet',
            );
          return go(new ZeroCommand(service, runDir));
        }
        return go(new OperateCommand({ $case: 'zeroCounters', value: { node: node ?? '', service } }, options(flags)));
      },
    );
}

function addConfig(root: Parser, go: Go): void {
  const config = root
    .command('config')
    .description('keepalived.conf files; without a controller and an agent, unless --node names one');
  config
    .command('check <file>')
    .description('exit 0 clean, 4 errors, 5 warnings, 6 warnings of the safety of scripts, 7 cannot be read')
    .option('-i, --config-id <id>', 'what @ID lines are compared with; default the host name up to its first dot')
    .option('-e, --all-config', 'every include must find what it names')
    .option('--facts <file>', 'what keepfleet-agent --host-facts printed on the node that it is for')
    .option('--node <name>', 'as that node would judge it now: the controller asks it what it has')
    .action(
      (file: string, { node, ...flags }: ConfigFlags & { facts?: string; allConfig?: boolean; node?: string }) => {
        if (node === undefined) return go(new ConfigCheckCommand(file, flags));
        if (flags.facts !== undefined || flags.allConfig === true)
          throw new InvalidArgumentError('--node goes with neither --facts nor --all-config');
        return go(new ConfigCheckOnNodeCommand(file, node, flags));
      },
    );
  config
    .command('fmt <file>')
    .description('print a file in its one form, with every default written out and its comments kept')
    .option('-i, --config-id <id>', 'what @ID lines are compared with; default the host name up to its first dot')
    .option('-w, --write', 'into the file itself')
    .option('--check', 'print nothing, exit 1 if it would change')
    .option('--expand', 'write includes, definitions and repetitions out')
    .action((file: string, flags: FormatFlags) => go(new ConfigFormatCommand(file, flags)));
  config
    .command('language')
    .description('every keyword with its parameters; -o json for editors')
    .action(() => go(new ConfigLanguageCommand()));
}

function addReload(root: Parser, go: Go): void {
  const local = (name: string, description: string) =>
    root
      .command(name)
      .description(description)
      .option('--run-dir <dir>', "the agent's run directory on this node", RUN_DIRECTORY);
  local('reload', 'let the agent on this node read its configuration again')
    .option('--confirm <time>', 'take it back unless `keepfleet confirm` comes within 60s, 5m or 1h', seconds, 0)
    .action(({ confirm, runDir }: { confirm: number; runDir: string }) =>
      go(new ReloadCommand({ kind: 'reload', confirmSeconds: confirm }, runDir)),
    );
  local('confirm', 'keep what a reload with --confirm has put in force').action(({ runDir }: { runDir: string }) =>
    go(new ReloadCommand({ kind: 'confirm' }, runDir)),
  );
  local('revert', 'take a reload with --confirm back at once').action(({ runDir }: { runDir: string }) =>
    go(new ReloadCommand({ kind: 'revert' }, runDir)),
  );
}

const UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600 };
const LONGEST_CONFIRM_S = 86_400;

/** "60", "60s", "5m" or "1h". */
export function seconds(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,5})([smh]?)$/.exec(text) ?? [];
  const value = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (!(value >= 1 && value <= LONGEST_CONFIRM_S)) throw new InvalidArgumentError(`${text} is no time from 1s to 24h`);
  return value;
}

function addSet(root: Parser, go: Go): void {
  const set = root.command('set').description('change a priority or a weight until it is cleared');
  const clear = root.command('clear').description('go back to what the configuration says');
  operation(set, 'priority <node> <instance>', 'base priority of a vrrp_instance on a node')
    .argument('<priority>', '1 to 255', wholeNumber(1, 255))
    .action((node: string, instance: string, priority: number, flags: OperationFlags) =>
      go(new OperateCommand({ $case: 'setPriority', value: { node, instance, priority } }, options(flags))),
    );
  operation(clear, 'priority <node> <instance>', 'base priority of a vrrp_instance on a node').action(
    (node: string, instance: string, flags: OperationFlags) =>
      go(new OperateCommand({ $case: 'clearPriority', value: { node, instance } }, options(flags))),
  );
  operation(set, 'weight <service> <real-server>', 'weight of a real server, on every node or on one')
    .argument('<weight>', '0 to 2147483647', wholeNumber(0, 2_147_483_647))
    .option('--node <name>', 'on this node only', '')
    .action((service: string, realServer: string, weight: number, flags: OperationFlags & { node: string }) =>
      go(
        new OperateCommand(
          { $case: 'setWeight', value: { node: flags.node, service, realServer, weight } },
          options(flags),
        ),
      ),
    );
  operation(clear, 'weight <service> <real-server>', 'weight of a real server, on every node or on one')
    .option('--node <name>', 'on this node only', '')
    .action((service: string, realServer: string, flags: OperationFlags & { node: string }) =>
      go(
        new OperateCommand({ $case: 'clearWeight', value: { node: flags.node, service, realServer } }, options(flags)),
      ),
    );
}

function operation(parent: Parser, words: string, description: string, needsReason = false): Parser {
  const command = parent
    .command(words)
    .description(description)
    .option('--deadline <seconds>', 'give up after this long', wholeNumber(1, 604_800), 3600)
    .option('--force', 'also when it leaves nobody to take over; is written to the audit log')
    .option('--dry-run', 'only say what would be done')
    .option('--detach', 'do not wait for the end');
  const reason = '--reason <text>';
  return needsReason
    ? command.requiredOption(reason, 'why, for the audit log')
    : command.option(reason, 'why, for the audit log');
}

function options(flags: OperationFlags): OperateOptions {
  return {
    actor: actor(),
    reason: flags.reason ?? '',
    deadlineSeconds: flags.deadline,
    force: flags.force === true,
    dryRun: flags.dryRun === true,
    detach: flags.detach === true,
  };
}

/** For the audit log. A process may run under a number that no name belongs to. */
function actor(): string {
  const { SUDO_USER } = process.env;
  return `${SUDO_USER ?? userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high) {
      throw new InvalidArgumentError(`${text} is not a whole number from ${low} to ${high}`);
    }
    return value;
  };
}

/** "192.168.1.11", "192.168.1.11:80", "fd00::11", "[fd00::11]:80"; port 0 means every port. */
export function endpoint(text: string): ServerAddress {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = /^([^:]+)(?::(\d{1,5}))?$/.exec(text);
  const [, address = text, port] = bracketed ?? plain ?? [text];
  if (isIP(address) === 0 || Number(port ?? 0) > 65_535)
    throw new InvalidArgumentError(`${text} is not ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT`);
  return { address, port: Number(port ?? 0) };
}
