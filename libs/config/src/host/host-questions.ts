import type { Position } from '../diagnostics.ts';
import type { Check } from '../model/check.ts';
import type { KeepalivedConfig } from '../model/model.ts';

/** A use of something that only the node itself knows. */
export interface Use {
  readonly name: string;
  /** What uses it, in words: `VI_1`. */
  readonly by: string;
  readonly at: Position;
}

export interface ProgramUse extends Use {
  readonly user?: string;
}

/** What of a node's own a configuration names, each in the order of the model and with repetitions. */
export interface HostQuestions {
  /** Interfaces that an instance speaks on. */
  readonly ownInterfaces: readonly Use[];
  /** Interfaces that are tracked or carry addresses. */
  readonly otherInterfaces: readonly Use[];
  readonly programs: readonly ProgramUse[];
  readonly users: readonly Use[];
  readonly groups: readonly Use[];
}

/** A model never changes, and who gathers the facts asks before who checks them. */
const answered = new WeakMap<KeepalivedConfig, HostQuestions>();

export function hostQuestions(config: KeepalivedConfig): HostQuestions {
  const known = answered.get(config);
  if (known !== undefined) return known;
  const questions = questionsOf(config);
  answered.set(config, questions);
  return questions;
}

function questionsOf(config: KeepalivedConfig): HostQuestions {
  const commands = commandsOf(config);
  const { scriptUser } = config.globalDefs;
  const first = commands[0]?.at ?? NOWHERE;
  const accounts = [
    ...commands,
    ...(scriptUser === undefined ? [] : [{ by: 'script_user', at: first, ...scriptUser }]),
  ];
  return {
    ownInterfaces: config.vrrpInstances.map(({ name, interface: own, places, at }) => ({
      name: own,
      by: name,
      at: places['interface'] ?? at,
    })),
    otherInterfaces: [
      ...config.vrrpInstances.flatMap(({ name: by, interface: own, addresses, excludedAddresses }) =>
        [...addresses, ...excludedAddresses]
          .filter((address) => address.interface !== own)
          .map((address) => ({ name: address.interface, by, at: address.at })),
      ),
      ...[...config.vrrpInstances, ...config.syncGroups].flatMap(({ name: by, trackInterfaces }) =>
        trackInterfaces.map(({ name, at }) => ({ name, by, at })),
      ),
      ...config.staticAddresses.map((address) => ({
        name: address.interface,
        by: 'static_ipaddress',
        at: address.at,
      })),
    ],
    programs: commands.map(({ program: name, by, at, user }) => ({
      name,
      by,
      at,
      ...(user === undefined ? {} : { user }),
    })),
    users: accounts.flatMap(({ user, by, at }) => (user === undefined ? [] : [{ name: user, by, at }])),
    groups: accounts.flatMap(({ group, by, at }) => (group === undefined ? [] : [{ name: group, by, at }])),
  };
}

interface CommandUse {
  readonly program: string;
  readonly user?: string;
  readonly group?: string;
  readonly by: string;
  readonly at: Position;
}

/** The objects that a value is in. */
interface Around {
  readonly value: Readonly<Record<string, unknown>>;
  readonly outer?: Around;
}

const NOWHERE: Position = { file: '', line: 1, column: 1 };

function commandsOf(config: KeepalivedConfig): CommandUse[] {
  const found: CommandUse[] = [];
  const outermost: Around = { value: {} };
  collectCommands({ ...config, virtualServers: [] }, outermost, '', found);
  for (const service of config.virtualServers) {
    // Of thousands of services and tens of thousands of real servers most have none, and these are all that they can have.
    if (service.quorumUp !== undefined || service.quorumDown !== undefined)
      collectCommands({ ...service, realServers: [] }, outermost, '', found);
    let around: Around | undefined;
    for (const server of service.realServers)
      if (server.notifyUp !== undefined || server.notifyDown !== undefined || hasCommand(server.checks))
        collectCommands(server, (around ??= { value: { ...service } }), 'realServers', found);
  }
  return found;
}

function hasCommand(checks: readonly Check[]): boolean {
  for (const { kind } of checks) if (kind === 'misc') return true;
  return false;
}

/** Every command of a part of the model, wherever it is: what has an `argv` is one. */
function collectCommands(value: object, around: Around, field: string, found: CommandUse[]): void {
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[])
      if (typeof item === 'object' && item !== null) collectCommands(item, around, field, found);
    return;
  }
  if (!isRecord(value)) return;
  if (Array.isArray(value['argv'])) {
    const { argv, user, group } = value;
    const program: unknown = argv[0];
    // What the shell alone understands, as in `</dev/tcp/127.0.0.1/80`, is no name of a program.
    if (typeof program !== 'string' || !/^[\w./~+-]/.test(program)) return;
    found.push({
      program,
      ...(typeof user === 'string' ? { user } : {}),
      ...(typeof group === 'string' ? { group } : {}),
      ...whereOf(around, field),
    });
    return;
  }
  // Made when there is something within: of tens of thousands of real servers most have nothing.
  let inner: Around | undefined;
  for (const next in value) {
    const item = value[next];
    if (typeof item === 'object' && item !== null && next !== 'places' && next !== 'at' && next !== 'timing')
      collectCommands(item, (inner ??= { value, outer: around }), next, found);
  }
}

/** The nearest name around a command, and the place of its keyword, else of the block around it. */
function whereOf(around: Around, field: string): Pick<CommandUse, 'by' | 'at'> {
  let [by, at, places]: [string | undefined, Position | undefined, unknown] = [undefined, undefined, undefined];
  for (let one: Around | undefined = around; one !== undefined; one = one.outer) {
    const { name, key } = one.value;
    by ??= typeof name === 'string' ? name : typeof key === 'string' ? key : undefined;
    at ??= position(one.value['at']);
    places ??= one.value['places'];
  }
  return { by: by ?? 'global_defs', at: (isRecord(places) ? position(places[field]) : undefined) ?? at ?? NOWHERE };
}

function position(value: unknown): Position | undefined {
  if (!isRecord(value)) return undefined;
  const { file, line, column } = value;
  return typeof file === 'string' && typeof line === 'number' && typeof column === 'number'
    ? { file, line, column }
    : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
