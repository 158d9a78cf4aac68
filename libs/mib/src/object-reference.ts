import { mibModules } from './mibs.ts';
import { notifications } from './notifications.ts';
import { type ListedObject, objectList } from './object-list.ts';
import { oidText } from './oid.ts';

const INTRODUCTION = `# SNMP

<!-- Generated from libs/mib by \`npm run docs -w @keepfleet/mib\`: change it there. -->

What an agent answers, by AgentX through the node's snmpd or by itself (\`snmp.standalone\` in agent.yaml). Objects that
cannot be read are indexes of their table. A column is left out of a row that has no such value, as in keepalived: it is
skipped in a walk, and \`noSuchInstance\` in a get. Where keepalived contradicts its own MIB file, Keepfleet follows the
file: see [differences](differences.md#snmp).
`;

/** The whole page about the objects, for docs/snmp.md. */
export function objectReference(): string {
  return `${[INTRODUCTION, ...mibModules.map(({ name }) => moduleText(name)), notificationText()].join('\n')}`;
}

function moduleText(name: string): string {
  const module = mibModules.find((one) => one.name === name);
  const objects = objectList().filter((object) => object.module === name);
  const tables = [...new Set(objects.map(({ table }) => table))];
  return [
    `## ${name}`,
    '',
    `${module?.source ?? ''}, below \`${oidText(module?.root ?? [])}\`: ${objects.length} objects.`,
    '',
    ...tables.flatMap((table) =>
      tableText(
        table,
        objects.filter((object) => object.table === table),
      ),
    ),
  ].join('\n');
}

function tableText(table: string, objects: readonly ListedObject[]): string[] {
  const [first] = objects;
  const entry = oidText(first?.oid.slice(0, -1) ?? []);
  const head =
    first === undefined || first.index.length === 0
      ? `Scalars below \`${entry}\`; the instance is \`.0\`.`
      : `Entry \`${entry}\`, INDEX { ${first.index.join(', ')} }.`;
  return [
    `### ${table}`,
    '',
    head,
    '',
    ...formatTable([
      ['#', 'object', 'syntax', 'access'],
      ...objects.map(({ number, name, syntax, access, status, writable }) => [
        String(number),
        `\`${name}\``,
        syntax.replaceAll('|', '\\|'),
        `${access}${writable ? ', SET' : ''}${status === 'current' ? '' : ` (${status})`}`,
      ]),
    ]),
    '',
  ];
}

function notificationText(): string {
  return [
    '## Notifications',
    '',
    ...formatTable([
      ['notification', 'snmpTrapOID', 'variables'],
      ...notifications.map(({ name, oid, variables }) => [
        `\`${name}\``,
        `\`${oidText(oid)}\``,
        variables.map((one) => `\`${one}\``).join(', '),
      ]),
    ]),
    '',
  ].join('\n');
}

/** A Markdown table with its columns in line, as the formatter of this repository has them. */
function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
}
