import { fleet, model } from '@keepfleet/rpc';
import Table from 'cli-table3';

/** A table without frames, so that it can be cut by awk and read by people. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const frame = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
    ].map((part) => [part, '']),
  );
  const drawn = new Table({
    head: [...head],
    chars: { ...frame, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows.map((row) => row.map(oneLine)));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** "850 ms", "12 s", "3 min", "5 h", "2 d": one unit, rounded down. */
export function age(milliseconds: bigint | number): string {
  const ms = Number(milliseconds);
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ];
  for (const [name, size] of units) if (ms >= size) return `${Math.floor(ms / size)} ${name}`;
  return `${Math.floor(ms / 1_000)} s`;
}

/** "2026-11-22 23:54:13Z": to the second, in UTC like every log here. */
export function time(date: Date | undefined): string {
  return date === undefined ? '-' : `${date.toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** The same to the millisecond, for what is compared with logs. */
export function exactTime(date: Date): string {
  return date.toISOString().replace('T', ' ');
}

/** The words of the API's enumerations: "no-master", "current", "backup" … */
export const words = {
  freshness: (value: fleet.Freshness) => word(fleet.freshnessToJSON(value)),
  health: (value: fleet.Health) => word(fleet.healthToJSON(value)),
  phase: (value: fleet.OperationPhase) => word(fleet.operationPhaseToJSON(value)),
  state: (value: model.RouterState) => word(model.routerStateToJSON(value)),
  family: (value: model.Family) => word(model.familyToJSON(value)),
  severity: (value: model.Severity) => word(model.severityToJSON(value)),
};

function word(name: string): string {
  return name
    .replace(/^(FRESHNESS|HEALTH|OPERATION_PHASE|ROUTER_STATE|FAMILY|SEVERITY)_/, '')
    .replace(/^UNSPECIFIED$/, 'UNKNOWN')
    .toLowerCase()
    .replaceAll('_', '-');
}

/** How much a state is worth: a stale one is shown with its age, never as current. */
export function staleness(freshness: fleet.Freshness, ageMs: bigint): string {
  if (freshness === fleet.Freshness.CURRENT) return 'current';
  return freshness === fleet.Freshness.STALE ? `STALE, seen ${age(ageMs)} ago` : 'unknown';
}

/**
 * Text that says nothing to the terminal but what it says: names and messages come from elsewhere, and a control character
 * in one could hide or forge what is shown. Line ends stay.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) =>
    character === '\n' ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The same where a line end would begin what looks like another entry. */
export function oneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n');
}

/** Parts that are undefined are left out; an empty one is an empty line. */
export function lines(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join('\n');
}
