import type { Position } from '../diagnostics.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { type Reader, integer, interfaceName, oneOf, optional, seconds, wholeNumber, word, words } from './readers.ts';
import { type Draft, type Row, type Table, assign, collects, fixes, sets, setsOnce } from './rows.ts';
import { type Weight, weight } from './tracking.ts';

/** The settings of `vrrp_track_process` as written. */
export interface ProcessSettings {
  command: readonly string[];
  parameters: 'initial' | 'partial';
  weight: Weight;
  quorum: number;
  quorumMax: number;
  forkDelay: number;
  terminateDelay: number;
  fullCommand: boolean;
}

/** The settings of `track_file` as written. */
export interface FileSettings {
  path: string;
  weight: Weight;
  initial: { readonly value: number; readonly overwrite: boolean };
}

/** The settings of `garp_group` as written. */
export interface GarpGroupSettings {
  interval: number;
  gnaInterval: number;
  interface: string;
  interfaces: readonly string[];
}

/** A line of `interface_up_down_delays`. */
export interface InterfaceDelayLine {
  readonly interface: string;
  readonly up: number;
  readonly down: number;
  readonly at: Position;
}

const delay = seconds(0.000001, 3600);

export const trackProcess: Table<Draft<ProcessSettings>> = {
  process: setsOnce(
    'command',
    syntax('COMMAND [ARGUMENT …]', '/bin/true x', (args: Arguments) => {
      const command = args.need('a command');
      return command === undefined ? undefined : [command.text, ...words(args)];
    }),
  ),
  param_match: sets('parameters', optional(oneOf('initial', 'partial'), 'initial')),
  weight: setsOnce('weight', weight),
  quorum: sets('quorum', integer(1, 65_535)),
  quorum_max: sets('quorumMax', integer(0, 65_535)),
  delay: bothDelays(),
  fork_delay: sets('forkDelay', delay),
  terminate_delay: sets('terminateDelay', delay),
  full_command: fixes('fullCommand', true),
};

/** `delay` is both of the others. */
function bothDelays(): Row<Draft<ProcessSettings>> {
  return {
    implemented: true,
    ...(delay.form === undefined ? {} : { form: delay.form }),
    read(target, args) {
      const value = delay(args);
      if (value === undefined) return;
      assign(target, 'forkDelay', value, args.at);
      assign(target, 'terminateDelay', value, args.at);
    },
  };
}

const MOST = 0x7fff_ffff;

export const trackFile: Table<Draft<FileSettings>> = {
  file: setsOnce('path', word('a path')),
  weight: setsOnce('weight', weight),
  init_file: sets(
    'initial',
    syntax('[VALUE] [overwrite]', '5 overwrite', (args: Arguments) => {
      const found = args.peek();
      const numeric = found !== undefined && found.text !== 'overwrite';
      if (numeric) args.take();
      const value = numeric ? wholeNumber(args, found, -MOST, MOST) : 0;
      const overwrite = args.takeIf('overwrite');
      return value === undefined ? undefined : { value, overwrite };
    }),
  ),
};

/** keepalived counts it in microseconds with a sign. */
const LONGEST_GAP = 2_147.483647;

export const garpGroup: Table<Draft<GarpGroupSettings>> = {
  garp_interval: sets('interval', seconds(0, LONGEST_GAP)),
  gna_interval: sets('gnaInterval', seconds(0, LONGEST_GAP)),
  interface: sets('interface', interfaceName),
  interfaces: collects('interfaces', interfaceName),
};

/** The settings of `track_group` as written. */
export interface TrackGroupSettings {
  instances: readonly string[];
}

export const trackGroup: Table<Draft<TrackGroupSettings>> = {
  group: collects('instances', word('the name of a vrrp_instance')),
};

/** `INTERFACE UP_DELAY [DOWN_DELAY]`; with one number both are the same. */
export const interfaceDelay: Reader<InterfaceDelayLine> = syntax(
  'INTERFACE SECONDS [SECONDS]',
  'eth0 3 1.5',
  (args: Arguments): InterfaceDelayLine | undefined => {
    const { at } = args;
    const name = interfaceName(args);
    const up = name === undefined ? undefined : seconds(0, 255)(args);
    const down = args.peek() === undefined ? up : seconds(0, 255)(args);
    return name === undefined || up === undefined || down === undefined ? undefined : { interface: name, up, down, at };
  },
);
