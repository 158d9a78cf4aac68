import type { GarpGroup, InterfaceDelay, NotifyFifo, TrackFile, TrackGroup, TrackProcess } from '../model/model.ts';
import { type Line, commandText, optional, secondsText, when, wordText, wordsText } from './text.ts';

export function fileLines({ name, path, weight, reverse, initial }: TrackFile): Line {
  return [
    `track_file ${wordText(name)}`,
    [
      `file ${wordText(path)}`,
      `weight ${weight}${reverse ? ' reverse' : ''}`,
      ...optional('init_file', initial, ({ value, overwrite }) => `${value}${overwrite ? ' overwrite' : ''}`),
    ],
  ];
}

export function trackProcessLines(tracked: TrackProcess): Line {
  const { parameters, weight, reverse, forkDelay, terminateDelay } = tracked;
  return [
    `vrrp_track_process ${wordText(tracked.name)}`,
    [
      `process ${wordsText(tracked.command)}`,
      ...when(parameters !== 'exact', `param_match ${parameters}`),
      `weight ${weight}${reverse ? ' reverse' : ''}`,
      `quorum ${tracked.quorum}`,
      ...optional('quorum_max', tracked.quorumMax, String),
      ...when(forkDelay > 0, `fork_delay ${secondsText(forkDelay)}`),
      ...when(terminateDelay > 0, `terminate_delay ${secondsText(terminateDelay)}`),
      ...when(tracked.fullCommand, 'full_command'),
    ],
  ];
}

export function garpGroupLines({ interfaces, arpInterval, neighbourInterval }: GarpGroup): Line {
  return [
    'garp_group',
    [
      ...optional('garp_interval', arpInterval, secondsText),
      ...optional('gna_interval', neighbourInterval, secondsText),
      ['interfaces', interfaces.map(wordText)],
    ],
  ];
}

export function trackGroupLines({ name, instances }: TrackGroup): Line {
  return [`track_group ${wordText(name)}`, [['group', instances.map(wordText)]]];
}

export function interfaceDelayLines(delays: readonly InterfaceDelay[]): readonly Line[] {
  if (delays.length === 0) return [];
  return [
    [
      'interface_up_down_delays',
      delays.map(({ interface: name, up, down }) => `${wordText(name)} ${secondsText(up)} ${secondsText(down)}`),
    ],
  ];
}

export function fifoLines(keyword: string, fifo: NotifyFifo | undefined): readonly Line[] {
  if (fifo === undefined) return [];
  const { path, owner, script } = fifo;
  const words = [path, owner?.user, owner?.group].filter((word) => word !== undefined);
  return [`${keyword} ${wordsText(words)}`, ...optional(`${keyword}_script`, script, commandText)];
}
