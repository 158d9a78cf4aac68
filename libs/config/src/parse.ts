import { Diagnostics, type Diagnostic, withSourceLines } from './diagnostics.ts';
import type { GlobalSettings } from './grammar/global-defs.ts';
import { type ConfigDraft, root } from './grammar/root.ts';
import { draft, readStatements } from './grammar/rows.ts';
import { crossChecks } from './model/cross-checks.ts';
import { DEFAULT_NICE } from './model/default-nice.ts';
import type { GlobalDefs, KeepalivedConfig, ProcessSettings } from './model/model.ts';
import { checkBfdTracking, resolveBfd } from './model/resolve-bfd.ts';
import { checkTracking, resolveGroups, resolveScripts } from './model/resolve-groups.ts';
import { resolveServerGroups, resolveVirtualServers } from './model/resolve-lvs.ts';
import { RulePriorities } from './model/rule-priorities.ts';
import {
  resolveFifo,
  resolveFiles,
  resolveGarpGroups,
  resolveTrackGroups,
  resolveProcesses,
} from './model/resolve-trackers.ts';
import { MULTICAST_GROUP4, MULTICAST_GROUP6, resolveInstances } from './model/resolve-vrrp.ts';
import { Secrets, secretsPassing } from './secrets.ts';
import { type FileLoader, noFiles } from './syntax/files.ts';
import { DEFAULT_LIMITS, type Limits } from './syntax/limits.ts';
import { repeatableRandom } from './syntax/random.ts';
import { Preprocessor } from './syntax/preprocess.ts';
import type { ReadingMemory } from './syntax/reading-memory.ts';
import { topStatements } from './syntax/tree.ts';

export interface ParseInput {
  /** Name of the main file: for positions, `${_PWD}` and relative includes. */
  readonly file: string;
  readonly text: string;
  /** Where includes come from; without one they find nothing. */
  readonly loader?: FileLoader;
  /** What `@ID` lines are compared with: keepalived's -i, by default the host name up to its first dot. */
  readonly configId?: string;
  /** Values of `${_ENV NAME}`; default none. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Other limits than those of DEFAULT_LIMITS. */
  readonly limits?: Partial<Limits>;
  /** Every include must find something that can be read, as with keepalived's -e. */
  readonly allIncludes?: boolean;
  /** Of readings before this one. */
  readonly memory?: ReadingMemory | undefined;
  /** Source of `${_RANDOM}`, a whole number from `low` to `high`; the default repeats itself, so that a text always means the same. */
  readonly random?: (low: number, high: number) => number;
}

export interface ParseResult {
  /** What can be used of the file, whatever is wrong with the rest. */
  readonly config: KeepalivedConfig;
  /** In the order of reading, then what was found by comparing settings with each other. */
  readonly diagnostics: readonly Diagnostic[];
  /** Gives further diagnostics about the model, those of checkHost for example, the lines that they are about. */
  withSource(found: readonly Diagnostic[]): readonly Diagnostic[];
}

/** Microseconds. */
const SNMP_STATISTICS_AGE = 5_000_000;

/** Reads a keepalived.conf. Any text gives a model and diagnostics; nothing is thrown. */
export function parseKeepalivedConfig(input: ParseInput): ParseResult {
  const diagnostics = new Diagnostics();
  const { configId = '', loader = noFiles, environment = {}, random = repeatableRandom(), allIncludes = false } = input;
  const limits = { ...DEFAULT_LIMITS, ...input.limits };
  const options = { configId, loader, environment, random, allIncludes, limits };
  const preprocessor = new Preprocessor(options, diagnostics);
  const secrets = new Set<string>();
  const lines = preprocessor.lines(input.file, input.text);
  input.memory?.begin();
  const read = topStatements(lines, diagnostics, limits.blockDepth, preprocessor, input.memory);
  const statements = secretsPassing(read, secrets);
  const config: ConfigDraft = {
    globals: draft<GlobalSettings>({ file: input.file, line: 1, column: 1 }),
    instances: [],
    groups: [],
    scripts: [],
    bfdInstances: [],
    trackFiles: [],
    ssl: draft({ file: input.file, line: 1, column: 1 }),
    processes: [],
    garpGroups: [],
    trackGroups: [],
    interfaceDelays: [],
    virtualServers: [],
    virtualServerGroups: [],
    staticAddresses: [],
    staticRoutes: [],
    staticRules: [],
  };
  readStatements(root, config, statements, diagnostics);
  const resolved = resolve(config, diagnostics);
  crossChecks(resolved, config, diagnostics);
  const { sources } = preprocessor;
  // Of a clean file nobody asks, and finding the secrets in a large one takes a while.
  const withSource = (found: readonly Diagnostic[]) =>
    found.length === 0 ? found : withSourceLines(found, sources, Secrets.of(secrets, sources.values()));
  return { config: resolved, diagnostics: withSource(diagnostics.all()), withSource };
}

/** Whether a running node may take the result over. */
export function isUsable(result: ParseResult): boolean {
  return result.diagnostics.every((diagnostic) => diagnostic.severity !== 'error');
}

function resolve(config: ConfigDraft, diagnostics: Diagnostics): KeepalivedConfig {
  const globalDefs = withSyncDaemon(
    { ...resolveGlobals(config.globals.set), ...kernelPlaces(config.globals.places) },
    config.instances,
    diagnostics,
  );
  const vrrpInstances = resolveInstances(config.instances, config.globals, diagnostics);
  const syncGroups = resolveGroups(config, vrrpInstances, diagnostics);
  const scripts = resolveScripts(config, vrrpInstances, syncGroups, diagnostics);
  const trackFiles = resolveFiles(config, diagnostics);
  const trackProcesses = resolveProcesses(config, diagnostics);
  const tracked = { scripts, files: trackFiles, processes: trackProcesses };
  checkTracking([...vrrpInstances, ...syncGroups], tracked, diagnostics);
  const bfdInstances = resolveBfd(config.bfdInstances, diagnostics);
  checkBfdTracking([...vrrpInstances, ...syncGroups], bfdInstances, diagnostics);
  const priorities = new RulePriorities();
  const staticRules = config.staticRules.map((rule) => priorities.complete(rule, diagnostics));
  const virtualServerGroups = resolveServerGroups(config.virtualServerGroups, diagnostics);
  return {
    globalDefs,
    vrrpInstances,
    syncGroups,
    scripts,
    bfdInstances,
    trackFiles,
    ssl: config.ssl.set,
    trackProcesses,
    garpGroups: resolveGarpGroups(config, diagnostics),
    trackGroups: resolveTrackGroups(config, vrrpInstances, diagnostics),
    interfaceDelays: config.interfaceDelays.map(({ interface: name, up, down }) => ({ interface: name, up, down })),
    virtualServerGroups,
    virtualServers: resolveVirtualServers(config, virtualServerGroups, bfdInstances, diagnostics),
    staticAddresses: config.staticAddresses.map(({ ownVmac: _, ...line }) => ({
      ...line,
      interface: line.interface ?? globalDefs.defaultInterface,
    })),
    staticRoutes: config.staticRoutes,
    staticRules,
  };
}

const SECOND = 1_000_000;

/** The old place of lvs_sync_daemon: an instance that names an interface. There is one daemon, and the first has it. */
function withSyncDaemon(
  globalDefs: GlobalDefs,
  instances: ConfigDraft['instances'],
  diagnostics: Diagnostics,
): GlobalDefs {
  let daemon = globalDefs.lvsSyncDaemon;
  let kernel = globalDefs.places ?? {};
  for (const { name, set, places, at } of instances) {
    if (set.syncDaemonInterface === undefined) continue;
    if (daemon === undefined) {
      daemon = { interface: set.syncDaemonInterface, instance: name };
      kernel = { ...kernel, lvsSyncDaemon: places.syncDaemonInterface ?? at };
    } else
      diagnostics.warning(
        'ignored',
        places.syncDaemonInterface ?? at,
        `lvs_sync_daemon_interface of ${name} is left out: the daemon is on ${daemon.interface} already`,
        'there is one sync daemon a node; name it in global_defs',
      );
  }
  if (daemon === undefined || daemon === globalDefs.lvsSyncDaemon) return globalDefs;
  return { ...globalDefs, lvsSyncDaemon: daemon, places: kernel };
}

function kernelPlaces({ lvsTimeouts, lvsSyncDaemon }: ConfigDraft['globals']['places']): Pick<GlobalDefs, 'places'> {
  if (lvsTimeouts === undefined && lvsSyncDaemon === undefined) return {};
  return {
    places: {
      ...(lvsTimeouts === undefined ? {} : { lvsTimeouts }),
      ...(lvsSyncDaemon === undefined ? {} : { lvsSyncDaemon }),
    },
  };
}

function resolveGlobals(set: Partial<GlobalSettings>): GlobalDefs {
  const notifyFifo = resolveFifo(set.notifyFifo, set.notifyFifoScript);
  const vrrpNotifyFifo = resolveFifo(set.vrrpNotifyFifo, set.vrrpNotifyFifoScript);
  const { routerId, notificationEmailFrom, smtpServer, smtpAlert, smtpAlertVrrp, smtpAlertChecker, scriptUser } = set;
  return {
    ...(routerId === undefined ? {} : { routerId }),
    notificationEmail: set.notificationEmail ?? [],
    ...(notificationEmailFrom === undefined ? {} : { notificationEmailFrom }),
    ...(smtpServer === undefined ? {} : { smtpServer }),
    smtpConnectTimeout: set.smtpConnectTimeout === 0 ? SECOND : (set.smtpConnectTimeout ?? 30 * SECOND),
    ...(smtpAlert === undefined ? {} : { smtpAlert }),
    ...(smtpAlertVrrp === undefined ? {} : { smtpAlertVrrp }),
    ...(smtpAlertChecker === undefined ? {} : { smtpAlertChecker }),
    ...(set.smtpHeloName === undefined ? {} : { smtpHeloName: set.smtpHeloName }),
    smtpTls: set.smtpTls ?? 'off',
    smtpTlsVerify: set.smtpTlsVerify ?? true,
    ...(set.smtpUser === undefined ? {} : { smtpUser: set.smtpUser }),
    ...(set.smtpPassword === undefined ? {} : { smtpPassword: set.smtpPassword }),
    noEmailFaults: set.noEmailFaults ?? false,
    noCheckerEmails: set.noCheckerEmails ?? false,
    ...(set.lvsNotifyFifo === undefined
      ? {}
      : {
          lvsNotifyFifo: {
            ...set.lvsNotifyFifo,
            ...(set.lvsNotifyFifoScript === undefined ? {} : { script: set.lvsNotifyFifoScript }),
          },
        }),
    realServerInitNotifies: set.realServerInitNotifies ?? false,
    enableTraps: set.enableTraps ?? false,
    snmp: {
      vrrp: set.enableSnmpVrrp ?? false,
      checker: set.enableSnmpChecker ?? false,
      rfcV2: set.enableSnmpRfcV2 ?? false,
      rfcV3: set.enableSnmpRfcV3 ?? false,
      socket: set.snmpSocket ?? 'unix:/var/agentx/master',
      serviceInterval: set.snmpServiceInterval ?? SNMP_STATISTICS_AGE,
      serverInterval: set.snmpServerInterval ?? set.snmpServiceInterval ?? SNMP_STATISTICS_AGE,
    },
    enableScriptSecurity: set.enableScriptSecurity ?? false,
    ...(scriptUser === undefined ? {} : { scriptUser }),
    dynamicInterfaces: set.dynamicInterfaces ?? false,
    defaultInterface: set.defaultInterface ?? 'eth0',
    multicastGroup4: set.multicastGroup4 ?? MULTICAST_GROUP4,
    multicastGroup6: set.multicastGroup6 ?? MULTICAST_GROUP6,
    strict: set.strict ?? false,
    startupDelay: set.startupDelay ?? 0,
    delayAfterBoot: set.delayAfterBoot ?? 0,
    ...(notifyFifo === undefined ? {} : { notifyFifo }),
    ...(vrrpNotifyFifo === undefined ? {} : { vrrpNotifyFifo }),
    notifyOnReload: set.notifyOnReload ?? false,
    logUnknownVrids: set.logUnknownVrids ?? false,
    vrrpProcess: processSettings({
      name: set.vrrpProcessName ?? (set.processNames === true ? 'keepalived_vrrp' : undefined),
      nice: set.vrrpNice ?? DEFAULT_NICE.vrrp,
      noSwap: set.vrrpNoSwap,
      realTime: set.vrrpRealTime,
      limit: set.vrrpRealTimeLimit,
      cpus: set.vrrpCpus,
    }),
    checkerProcess: processSettings({
      name: set.checkerProcessName ?? (set.processNames === true ? 'keepalived_lvs' : undefined),
      nice: set.checkerNice ?? DEFAULT_NICE.checker,
      noSwap: set.checkerNoSwap,
      realTime: set.checkerRealTime,
      limit: set.checkerRealTimeLimit,
      cpus: set.checkerCpus,
    }),
    bfdProcess: processSettings({
      name: set.bfdProcessName ?? (set.processNames === true ? 'keepalived_bfd' : undefined),
      nice: set.bfdNice ?? DEFAULT_NICE.bfd,
      noSwap: set.bfdNoSwap,
      realTime: set.bfdRealTime,
      limit: set.bfdRealTimeLimit,
      cpus: set.bfdCpus,
    }),
    maxAutoPriority: set.maxAutoPriority === -1 ? HIGHEST_REAL_TIME : (set.maxAutoPriority ?? 0),
    minAutoPriorityDelay: set.minAutoPriorityDelay ?? SECOND,
    nftables: {
      ...(set.nftablesTable === undefined ? {} : { table: set.nftablesTable }),
      priority: set.nftablesPriority ?? -1,
      counters: set.nftablesCounters ?? false,
    },
    nftablesIpvs: {
      ...(set.nftablesIpvsTable === undefined ? {} : { table: set.nftablesIpvsTable }),
      priority: set.nftablesIpvsPriority ?? -1,
      firstMark: set.nftablesIpvsFirstMark ?? 1000,
    },
    dumps: {
      ...(set.stateDumpFile === undefined ? {} : { state: set.stateDumpFile }),
      ...(set.statsDumpFile === undefined ? {} : { stats: set.statsDumpFile }),
      ...(set.jsonDumpFile === undefined ? {} : { json: set.jsonDumpFile }),
      jsonVersion: set.jsonVersion === 2 ? 2 : 1,
    },
    vmacPrefix: set.vmacPrefix ?? 'vrrp',
    vmacAddressPrefix: set.vmacAddressPrefix ?? 'vrrp',
    lvsFlush: set.lvsFlush ?? false,
    lvsFlushOnStop: set.lvsFlushOnStop ?? 'no',
    ...(set.lvsTimeouts === undefined ? {} : { lvsTimeouts: set.lvsTimeouts }),
    ...(set.lvsSyncDaemon === undefined ? {} : { lvsSyncDaemon: set.lvsSyncDaemon }),
    ...(set.lvsReceiveBuffer === undefined ? {} : { lvsReceiveBuffer: set.lvsReceiveBuffer }),
    lvsDrift: set.lvsDrift ?? 'repair',
    lvsForeign: set.lvsForeign ?? 'leave',
    reload: {
      ...(set.reloadCheck === undefined ? {} : { check: set.reloadCheck }),
      ...(set.reloadTimeFile === undefined ? {} : { timeFile: set.reloadTimeFile }),
      repeat: set.reloadRepeat ?? false,
      ...(set.reloadFile === undefined ? {} : { file: set.reloadFile }),
    },
  };
}

const HIGHEST_REAL_TIME = 99;
/** keepalived's limit of a real-time process, µs. */
const REAL_TIME_LIMIT = 10_000;

function processSettings(set: {
  readonly name: string | undefined;
  readonly nice: number;
  readonly noSwap: boolean | undefined;
  readonly realTime: number | undefined;
  readonly limit: number | undefined;
  readonly cpus: readonly number[] | undefined;
}): ProcessSettings {
  return {
    ...(set.name === undefined ? {} : { name: set.name }),
    ...(set.realTime === undefined ? {} : { realTimePriority: set.realTime }),
    nice: set.nice,
    realTimeLimit: set.limit ?? REAL_TIME_LIMIT,
    noSwap: set.noSwap ?? false,
    cpus: set.cpus ?? [],
  };
}
