import type { TrackedName } from '../model/parts.ts';
import type { Arguments } from './context.ts';
import { syntax } from './form.ts';
import { type Command, account, command, integer, seconds, wholeNumber } from './readers.ts';
import { type Draft, type Table, fixes, sets } from './rows.ts';

/** keepalived takes one more than has effect. */
const MAX_WEIGHT = 254;
const MAX_EFFECTIVE = 253;

/** `NAME [weight N [reverse|noreverse]]` */
export const trackedName = syntax(
  'NAME [weight -254..254 [reverse|noreverse]]',
  'x weight 10 reverse',
  (args: Arguments): TrackedName | undefined => {
    const name = args.need('a name');
    if (name === undefined) return undefined;
    const tracked: TrackedName = { name: name.text, reverse: false, at: name.at };
    if (!args.takeIf('weight')) return tracked;
    const found = weight(args);
    return found === undefined ? tracked : { ...tracked, ...found };
  },
);

export interface Weight {
  readonly weight: number;
  readonly reverse: boolean;
}

/** `N [reverse|noreverse]` */
export const weight = syntax('-254..254 [reverse|noreverse]', '10 reverse', (args: Arguments): Weight | undefined => {
  const found = args.need('a weight');
  const value = found === undefined ? undefined : wholeNumber(args, found, -MAX_WEIGHT, MAX_WEIGHT);
  const reverse = args.takeIf('reverse');
  if (!reverse) args.takeIf('noreverse');
  if (value === undefined) return undefined;
  return { weight: Math.max(-MAX_EFFECTIVE, Math.min(MAX_EFFECTIVE, value)), reverse };
});

/** The settings of `vrrp_script` as written. */
export interface ScriptSettings {
  command: Command;
  interval: number;
  timeout: number;
  weight: Weight;
  rise: number;
  fall: number;
  user: { user: string; group?: string };
  initiallyFailed: boolean;
}

const MANY = 0x7fff_ffff;

export const vrrpScript: Table<Draft<ScriptSettings>> = {
  script: sets('command', command),
  interval: sets('interval', seconds(0.001)),
  timeout: sets('timeout', seconds(0)),
  weight: sets('weight', weight),
  rise: sets('rise', integer(1, MANY)),
  fall: sets('fall', integer(1, MANY)),
  user: sets('user', account),
  init_fail: fixes('initiallyFailed', true),
};
