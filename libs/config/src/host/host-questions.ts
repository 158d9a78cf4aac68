import type { Position } from '../diagnostics.ts';
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

export function hostQuestions(config: KeepalivedConfig): HostQuestions {
  const commands = [...commandsOf(config, { by: 'global_defs', at: undefined })];
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

interface Around {
  readonly by: string;
  readonly at: Position | undefined;
  readonly places?: Readonly<Record<string, unknown>>;
}

const NOWHERE: Position = { file: '', line: 1, column: 1 };

/** Every command of a model, wherever it is: what has an `argv` is one. */
function* commandsOf(value: unknown, around: Around, field = ''): Generator<CommandUse> {
  if (Array.isArray(value)) {
    for (const item of value) yield* commandsOf(item, around, field);
    return;
  }
  if (!isRecord(value)) return;
  const { argv, user, group } = value;
  if (Array.isArray(argv)) {
    const program: unknown = argv[0];
    // What the shell alone understands, as in `</dev/tcp/127.0.0.1/80`, is no name of a program.
    if (typeof program !== 'string' || !/^[\w./~+-]/.test(program)) return;
    yield {
      program,
      ...(typeof user === 'string' ? { user } : {}),
      ...(typeof group === 'string' ? { group } : {}),
      by: around.by,
      at: position(around.places?.[field]) ?? around.at ?? NOWHERE,
    };
    return;
  }
  const { name, key, at, places } = value;
  const inner: Around = {
    by: typeof name === 'string' ? name : typeof key === 'string' ? key : around.by,
    at: position(at) ?? around.at,
    ...(isRecord(places) ? { places } : around.places === undefined ? {} : { places: around.places }),
  };
  for (const [next, item] of Object.entries(value)) {
    if (typeof item === 'object' && next !== 'places' && next !== 'at') yield* commandsOf(item, inner, next);
  }
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
