import { type Family, parseIp } from '@keepfleet/wire';
import type { KnownBlock } from '../syntax/repeated-blocks.ts';
import type { ServiceTarget, VirtualServerGroup } from '../model/virtual-server.ts';
import type { RouteLine } from '../model/routing.ts';
import { type AddressLine, addressLine } from './address-line.ts';
import type { Arguments } from './context.ts';
import { type GlobalSettings, globalDefs } from './global-defs.ts';
import { type Form, syntax } from './form.ts';
import { type Reader, integer, interfaceName, optionalPort, word, words } from './readers.ts';
import { type Draft, type Row, type Table, deprecated, draft, pending, readBlock, readItems, sets } from './rows.ts';
import { type BfdSettings, bfdInstance } from './bfd-instance.ts';
import { routeLine } from './route-line.ts';
import { type RuleDraft, ruleLine } from './rule-line.ts';
import { type GroupSettings, vrrpSyncGroup } from './sync-group.ts';
import { type ScriptSettings } from './tracking.ts';
import {
  type FileSettings,
  type GarpGroupSettings,
  type InterfaceDelayLine,
  type ProcessSettings,
  type TrackGroupSettings,
  garpGroup,
  interfaceDelay,
  trackFile,
  trackGroup,
  trackProcess,
} from './tracked-objects.ts';
import { groupMember, type VirtualServerSettings, virtualServer, virtualServerSettings } from './virtual-server.ts';
import { type InstanceSettings, vrrpInstance } from './vrrp-instance.ts';
import { vrrpScript } from './tracking.ts';

/** A block with a name. */
export type Named<T> = Draft<T> & { readonly name: string };

/** A file as written, before defaults and cross-checks. */
export interface ConfigDraft {
  readonly globals: Draft<GlobalSettings>;
  readonly instances: Named<InstanceSettings>[];
  readonly groups: Named<GroupSettings>[];
  readonly scripts: Named<ScriptSettings>[];
  readonly bfdInstances: Named<BfdSettings>[];
  readonly trackFiles: Named<FileSettings>[];
  readonly ssl: Draft<SslSettings>;
  readonly processes: Named<ProcessSettings>[];
  readonly garpGroups: Draft<GarpGroupSettings>[];
  readonly trackGroups: Named<TrackGroupSettings>[];
  readonly interfaceDelays: InterfaceDelayLine[];
  readonly virtualServers: VirtualServerDraft[];
  readonly virtualServerGroups: VirtualServerGroup[];
  readonly staticAddresses: AddressLine[];
  readonly staticRoutes: RouteLine[];
  readonly staticRules: RuleDraft[];
}

/** `block` is there where a later reading may find it again. */
export type VirtualServerDraft = Draft<VirtualServerSettings> & {
  readonly target: TargetDraft;
  readonly block: KnownBlock | undefined;
};

/** A fwmark's family may be known only by the real servers. */
export type TargetDraft =
  Exclude<ServiceTarget, { kind: 'fwmark' }> | { kind: 'fwmark'; mark: number; family?: Family };

type RootRow = Row<ConfigDraft>;

const MAX_BFD_NAME = 31;
const NAME: Form = { kind: 'text', what: 'a name' };
const interfaceLine = syntax('INTERFACE [WORD …]', 'eth0 1', (args: Arguments) => [
  interfaceName(args),
  ...words(args),
]);

/** The settings of the block `SSL` as written. */
export interface SslSettings {
  password: string;
  ca: string;
  certificate: string;
  key: string;
}

const SSL: Table<Draft<SslSettings>> = {
  password: sets('password', word('a password')),
  ca: sets('ca', word('a path')),
  certificate: sets('certificate', word('a path')),
  key: sets('key', word('a path')),
};

export const root: Table<ConfigDraft> = {
  global_defs: {
    block: 'required',
    implemented: true,
    contents: globalDefs,
    read(config, args, block) {
      if (block !== undefined) readBlock(globalDefs, config.globals, block, args.diagnostics);
    },
  },
  vrrp_instance: named(vrrpInstance, (config) => config.instances),
  vrrp_sync_group: named(vrrpSyncGroup, (config) => config.groups),
  vrrp_script: named(vrrpScript, (config) => config.scripts),
  virtual_server: {
    block: 'required',
    implemented: true,
    form: { kind: 'syntax', syntax: 'IP [PORT] | fwmark MARK | group NAME', example: '192.0.2.1 80' },
    contents: virtualServer,
    read(config, args, block) {
      const { at } = args;
      const target = serviceTarget(args);
      const settings = virtualServerSettings(block, at, args.diagnostics);
      if (target !== undefined) config.virtualServers.push({ ...settings, target, block: block?.known });
    },
  },
  virtual_server_group: {
    block: 'required',
    implemented: true,
    form: NAME,
    ...(groupMember.form === undefined ? {} : { items: groupMember.form }),
    read(config, args, block) {
      const { at } = args;
      const name = args.need('a name');
      const members = readItems(block, args.diagnostics, groupMember);
      if (name !== undefined) config.virtualServerGroups.push({ name: name.text, at, members });
    },
  },
  static_ipaddress: items(addressLine, (config) => config.staticAddresses),
  static_routes: items(routeLine, (config) => config.staticRoutes),
  static_rules: items(ruleLine, (config) => config.staticRules),
  track_file: named(trackFile, (config) => config.trackFiles),
  vrrp_track_file: deprecated(
    named(trackFile, (config) => config.trackFiles),
    'track_file',
  ),
  vrrp_track_process: named(trackProcess, (config) => config.processes),
  bfd_instance: named(bfdInstance, (config) => config.bfdInstances, MAX_BFD_NAME),
  garp_group: unnamed(garpGroup, (config) => config.garpGroups),
  track_group: named(trackGroup, (config) => config.trackGroups),
  linkbeat_interfaces: pendingItems(interfaceLine),
  interface_up_down_delays: { ...items(interfaceDelay, (config) => config.interfaceDelays), implemented: true },
  SSL: {
    block: 'required',
    implemented: true,
    contents: SSL,
    read(config, args, block) {
      if (block !== undefined) readBlock(SSL, config.ssl, block, args.diagnostics);
    },
  },
  linkbeat_use_polling: pending(),
  net_namespace: pending(word('a name')),
  net_namespace_ipvs: pending(words),
  namespace_with_ipsets: pending(),
  use_pid_dir: pending(),
  instance: pending(word('a name')),
  child_wait_time: pending(integer(0, 0x7fff_ffff)),
};

function named<T>(
  table: Table<Draft<T>>,
  listOf: (config: ConfigDraft) => Named<T>[],
  longestName = Infinity,
): RootRow {
  return {
    block: 'required',
    implemented: true,
    form: NAME,
    contents: table,
    read(config, args, block) {
      const { at } = args;
      const name = args.need('a name');
      const settings = draft<T>(at);
      if (block !== undefined) readBlock(table, settings, block, args.diagnostics);
      if (name === undefined) return;
      if (name.text.length > longestName) args.bad(name, `a name of at most ${longestName} characters`);
      else listOf(config).push({ ...settings, name: name.text });
    },
  };
}

/** A block of which a name, if there is one, does not matter. */
function unnamed<T>(table: Table<Draft<T>>, listOf: (config: ConfigDraft) => Draft<T>[]): RootRow {
  return {
    block: 'required',
    implemented: true,
    ...(words.form === undefined ? {} : { form: words.form }),
    contents: table,
    read(config, args, block) {
      const settings = draft<T>(args.at);
      words(args);
      if (block !== undefined) readBlock(table, settings, block, args.diagnostics);
      listOf(config).push(settings);
    },
  };
}

/** A block of items at the top level. */
function items<I>(item: Reader<I>, listOf: (config: ConfigDraft) => I[]): RootRow {
  return {
    block: 'required',
    implemented: true,
    ...(item.form === undefined ? {} : { items: item.form }),
    read: (config, args, block) => void listOf(config).push(...readItems(block, args.diagnostics, item)),
  };
}

function pendingItems<D>(item: Reader<unknown>): Row<D> {
  return {
    block: 'required',
    implemented: false,
    ...(item.form === undefined ? {} : { items: item.form }),
    read: (_target, args, block) => void readItems(block, args.diagnostics, item),
  };
}

/** `IP [PORT]`, `fwmark N` or `group NAME`. */
function serviceTarget(args: Arguments): TargetDraft | undefined {
  if (args.takeIf('fwmark')) {
    const mark = integer(1, 0xffff_ffff)(args);
    return mark === undefined ? undefined : { kind: 'fwmark', mark };
  }
  if (args.takeIf('group')) {
    const name = args.need('the name of a virtual_server_group');
    return name === undefined ? undefined : { kind: 'group', name: name.text };
  }
  const found = args.need('an address, fwmark or group');
  if (found === undefined) return undefined;
  const parsed = parseIp(found.text);
  if (!parsed.ok) return args.bad(found, 'an IP address, fwmark or group');
  const port = optionalPort(args);
  return port === undefined ? undefined : { kind: 'address', address: parsed.value, port };
}
