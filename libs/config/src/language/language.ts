import { type Form, formText } from '../grammar/form.ts';
import { root } from '../grammar/root.ts';
import type { Table } from '../grammar/rows.ts';
import { DEFAULTS, type Default, SINCE } from './defaults.ts';

export interface KeywordDescription {
  readonly keyword: string;
  /** Its parameters as a manual writes them, empty without any. */
  readonly parameters: string;
  /** `keywords` and `items` (one a line) are what its block holds. */
  readonly block: 'none' | 'keywords' | 'items' | 'unread';
  /** The form of the items of its block. */
  readonly items?: string;
  /** In words. */
  readonly default?: string;
  /** The release of keepalived that brought it, where that is later than 2.2.7. */
  readonly since?: string;
  /** What to write instead of a keyword that keepalived has given up. */
  readonly instead?: string;
  /** True: keepalived does not have it. */
  readonly own: boolean;
  /** False: it is read, checked, and does nothing yet. */
  readonly works: boolean;
}

export interface BlockDescription {
  /** The keywords that open it; none for the top level. */
  readonly openedBy: readonly string[];
  readonly name: string;
  /** Names of the blocks it may stand in. */
  readonly within: readonly string[];
  readonly keywords: readonly KeywordDescription[];
}

/** One table of the grammar with what is known of it beside. */
export interface GrammarBlock {
  readonly name: string;
  readonly openedBy: Set<string>;
  readonly within: Set<string>;
  readonly table: Table<never>;
}

export const TOP_LEVEL = 'the top level';

/** The tables the parser reads by, each once, outer ones first. */
export function grammarBlocks(): readonly GrammarBlock[] {
  const top: GrammarBlock = { name: TOP_LEVEL, openedBy: new Set(), within: new Set(), table: root };
  const blocks = new Map<Table<never>, GrammarBlock>([[root, top]]);
  // A map's iteration reaches what is added on the way.
  for (const { name, table } of blocks.values()) {
    for (const [keyword, { contents }] of Object.entries(table)) {
      if (contents === undefined) continue;
      const known = blocks.get(contents);
      const block = known ?? { name: keyword, openedBy: new Set(), within: new Set(), table: contents };
      block.openedBy.add(keyword);
      block.within.add(name);
      if (known === undefined) blocks.set(contents, block);
    }
  }
  return [...blocks.values()];
}

/** Every block and keyword of the language, as the parser has them. */
export function describeLanguage(): readonly BlockDescription[] {
  return grammarBlocks().map(({ name, openedBy, within, table }) => ({
    name,
    openedBy: [...openedBy],
    within: [...within],
    keywords: Object.entries(table).map(([keyword, row]): KeywordDescription => {
      const since = SINCE[`${name}:${keyword}`] ?? SINCE[keyword];
      const fallback = defaultText(DEFAULTS[name]?.[keyword], row.form, row.block);
      return {
        keyword,
        parameters: row.form === undefined ? '' : formText(row.form),
        block:
          row.block === undefined
            ? 'none'
            : row.contents !== undefined
              ? 'keywords'
              : row.items === undefined
                ? 'unread'
                : 'items',
        ...(row.items === undefined ? {} : { items: formText(row.items) }),
        ...(fallback === undefined ? {} : { default: fallback }),
        ...(since === undefined ? {} : { since }),
        ...(row.deprecated === undefined ? {} : { instead: row.deprecated }),
        own: row.own === true,
        works: row.implemented,
      };
    }),
  }));
}

function defaultText(given: Default | undefined, form: Form | undefined, block: string | undefined) {
  if (given !== undefined) return typeof given === 'string' ? given : given.is;
  if (block !== undefined) return undefined;
  return form === undefined || form.kind === 'none' ? 'off' : undefined;
}
