import type { KeepalivedConfig } from '@keepfleet/config';
import { SIGRTMIN, onRealTimeSignal } from '@keepfleet/linux';
import type { VrrpSnapshot } from '@keepfleet/vrrp';
import { errorText } from '../error-text.ts';
import type { Log } from '../log.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { jsonDump, stateDump, statsDump } from './dumps.ts';

/** keepalived's places, where no keyword names another. */
const STATE_FILE = '/tmp/keepalived.data';
const STATS_FILE = '/tmp/keepalived.stats';
const JSON_FILE = '/tmp/keepalived.json';
/** Secrets are not in them, yet they are nobody else's business. */
const MODE = 0o600;

export interface DumpSource {
  readonly config: KeepalivedConfig | undefined;
  readonly vrrp: VrrpSnapshot | undefined;
}

type Dump = (config: KeepalivedConfig, snapshot: VrrpSnapshot) => { readonly file: string; readonly text: string };

const dumps: Readonly<Record<'SIGUSR1' | 'SIGUSR2' | 'SIGRTMIN+2', Dump>> = {
  SIGUSR1: (config, snapshot) => ({
    file: config.globalDefs.dumps.state ?? STATE_FILE,
    text: stateDump(config, snapshot),
  }),
  SIGUSR2: (config, snapshot) => ({ file: config.globalDefs.dumps.stats ?? STATS_FILE, text: statsDump(snapshot) }),
  'SIGRTMIN+2': (config, snapshot) => ({
    file: config.globalDefs.dumps.json ?? JSON_FILE,
    text: jsonDump(config, snapshot),
  }),
};

/** Writes what keepalived would write, where it would, at the signals that tell it to. Gives what ends that. */
export function dumpAtSignals(source: () => DumpSource, log: Log): () => void {
  const write = (signal: keyof typeof dumps) => {
    const { config, vrrp } = source();
    if (config === undefined || vrrp === undefined)
      return log.warn({ signal }, `${signal}: there is nothing to write yet, the vrrp process has not been heard`);
    const { file, text } = dumps[signal](config, vrrp);
    try {
      // A file that somebody else put there, perhaps as a link, is replaced and not followed.
      writeFileAtomically(file, text, MODE);
      log.info({ signal, file }, `${signal}: ${file} is written`);
    } catch (error) {
      log.error({ err: error, signal, file }, `${signal}: ${file} cannot be written: ${errorText(error)}`);
    }
  };
  const state = () => write('SIGUSR1');
  const stats = () => write('SIGUSR2');
  process.on('SIGUSR1', state);
  process.on('SIGUSR2', stats);
  const json = onRealTimeSignal(SIGRTMIN + 2, () => write('SIGRTMIN+2'));
  if (json === undefined) log.warn({}, 'SIGRTMIN+2 cannot be taken here: no JSON is written at it');
  return () => {
    process.off('SIGUSR1', state);
    process.off('SIGUSR2', stats);
    json?.close();
  };
}
