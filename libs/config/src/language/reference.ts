import { type BlockDescription, type KeywordDescription, TOP_LEVEL, describeLanguage } from './language.ts';

/** docs/configuration.md: every keyword by its block. */
export function referenceMarkdown(): string {
  const blocks = describeLanguage();
  const keywords = blocks.flatMap((block) => block.keywords);
  const working = keywords.filter(({ works }) => works).length;
  return `# The keywords of keepalived.conf

The parser's own tables make this page, by \`npm run docs -w @keepfleet/config\`. It has each keyword in each block that
takes it: ${keywords.length} rows, of which ${working} work in Keepfleet today. The others are read and checked, and
reported as \`not-implemented\`.

- \`a..b\` are the least and the greatest value. \`s\` are seconds, with up to six decimals.
- \`[…]\` may be left out, \`|\` parts alternatives, \`…\` may go on.
- A keyword that is written twice in a block counts as it was written last, unless it opens a block.
- A value out of its range is reported and left out, so the default holds.
${blocks.map(section).join('')}`;
}

/** docs/completion/keepalived.json: for editors. */
export function completionJson(): string {
  const blocks = describeLanguage().map(({ name, openedBy, keywords }) => [
    name,
    {
      openedBy: openedBy.join(' '),
      keywords: Object.fromEntries(
        keywords.map(({ keyword, parameters, block, items, default: fallback, instead }) => [
          keyword,
          {
            parameters,
            block,
            ...(items === undefined ? {} : { items }),
            ...(fallback === undefined ? {} : { default: fallback }),
            ...(instead === undefined ? {} : { deprecated: `write ${instead}` }),
          },
        ]),
      ),
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(blocks), null, 2)}\n`;
}

function section({ name, openedBy, within, keywords }: BlockDescription): string {
  const title = name === TOP_LEVEL ? 'The top level' : openedBy.map((keyword) => `\`${keyword}\``).join(', ');
  const place = name === TOP_LEVEL ? '' : `\nIn ${within.join(', ')}.\n`;
  return `
## ${title}
${place}
<!-- prettier-ignore-start -->
| keyword | parameters | default | since | |
|---|---|---|---|---|
${keywords.map(row).join('\n')}
<!-- prettier-ignore-end -->
`;
}

function row({
  keyword,
  parameters,
  block,
  items,
  default: fallback,
  since,
  instead,
  own,
  works,
}: KeywordDescription): string {
  const braces =
    block === 'none'
      ? ''
      : block === 'items'
        ? `{ ${items ?? ''} } one a line`
        : block === 'keywords'
          ? '{ }'
          : '{ … }';
  const remarks = [
    ...(instead === undefined ? [] : [`deprecated, write ${instead}`]),
    ...(own ? ['not of keepalived'] : []),
    ...(works ? [] : ['no effect yet']),
  ];
  const cells = [
    `\`${keyword}\``,
    code([parameters, braces].filter((part) => part !== '').join(' ')),
    fallback ?? '',
    since ?? '',
    remarks.join('; '),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}
