import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a walk of ours is not keepalived's, by object with its instance, and why. Each row has to occur. */
export type Differences = readonly { readonly objects: RegExp; readonly why: string }[];

/** Objects by the list of the MIB files. */
const objects = readFileSync(join(import.meta.dirname, '../../../libs/mib/src/mib-objects.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#') && !line.includes(' | TABLE | '))
  .map((line) => line.split(' | '))
  .map(([, oid = '', name = '']) => ({ oid, name }));

function nameOf(instance: string): string {
  const found = objects.find(({ oid }) => instance === `${oid}.0` || instance.startsWith(`${oid}.`));
  return found === undefined ? instance : `${found.name}${instance.slice(found.oid.length)}`;
}

/** Type and value by object identifier, of lines of `-One`. */
export function valuesOf(lines: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    const [name, value] = line.split(/ = /, 2);
    if (name?.startsWith('.') && value !== undefined && !value.startsWith('No ')) values.set(name.slice(1), value);
  }
  return values;
}

/** What differs and stands in no row of the table, and the rows that are none any more. */
export function compareWalks(
  keepalived: ReadonlyMap<string, string>,
  ours: ReadonlyMap<string, string>,
  differences: Differences,
): { readonly unexplained: string[]; readonly unused: string[] } {
  const unexplained: string[] = [];
  const used = new Set<string>();
  for (const name of [...new Set([...keepalived.keys(), ...ours.keys()])].sort()) {
    const [want, got] = [keepalived.get(name), ours.get(name)];
    if (want === got) continue;
    const object = nameOf(name);
    const reason = differences.find(({ objects: pattern }) => pattern.test(object));
    if (reason === undefined) unexplained.push(`${object}: keepalived ${want ?? 'absent'}, ours ${got ?? 'absent'}`);
    else used.add(reason.why);
  }
  return { unexplained, unused: differences.map(({ why }) => why).filter((why) => !used.has(why)) };
}
