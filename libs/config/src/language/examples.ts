import type { DiagnosticKind } from '../diagnostics.ts';
import type { Form } from '../grammar/form.ts';
import { grammarBlocks } from './language.ts';
import { SINCE } from './defaults.ts';

// What the generated tests try of each keyword, here and beside keepalived.

export interface KeywordExample {
  readonly block: string;
  readonly keyword: string;
  /** What is tried, in words. */
  readonly what: string;
  /** The statement, of one line or with an empty block. */
  readonly text: string;
  /** How it is reported; undefined for one that is right. */
  readonly kind?: DiagnosticKind;
  /** keepalived does not have the keyword, or not in every release from 2.2.7 on. */
  readonly newer: boolean;
}

/** Each keyword with its least and greatest values, and with what is below, above, of the wrong type, missing, or too many. */
export function keywordExamples(): readonly KeywordExample[] {
  return grammarBlocks().flatMap(({ name: block, table }) =>
    Object.entries(table).flatMap(([keyword, row]): KeywordExample[] => {
      const newer = row.own === true || SINCE[`${block}:${keyword}`] !== undefined || SINCE[keyword] !== undefined;
      const text = (parameters: string) =>
        `${keyword} ${parameters}`.trimEnd() + (row.block === 'required' ? ' {\n}' : '');
      return [
        ...right(row.form).map((parameters) => ({ what: 'right', text: text(parameters) })),
        ...(row.block === undefined && row.form !== undefined && row.form.kind !== 'none'
          ? [twice(right(row.form).map(text), row.firstCounts === true)]
          : []),
        ...wrong(row.form).map(([what, parameters, kind]) => ({ what, text: text(parameters), kind })),
      ].map((example) => ({ block, keyword, newer, ...example }));
    }),
  );
}

/** Parameters that a form takes: the least and the greatest, each choice, and none where it may be left out. */
export function right(form: Form | undefined): readonly string[] {
  return [...(form?.optional === true ? [''] : []), ...rightValues(form ?? { kind: 'none' })];
}

export function rightValues(form: Form): readonly string[] {
  switch (form.kind) {
    case 'none':
      return [''];
    case 'integer':
      return [String(form.low), String(form.high)];
    case 'seconds':
      return [decimal(form.low), decimal(form.high)];
    case 'boolean':
      return ['', 'on', 'off', 'true', 'false', 'yes', 'no'];
    case 'choice':
      return form.choices;
    case 'text':
      return ['some', '"some thing"'];
    case 'words':
      return ['', 'some more words'];
    case 'address':
      return ['192.0.2.1', '2001:db8::1'];
    case 'multicast':
      if (form.family === undefined) return ['224.0.0.1', '239.255.255.255', 'ff02::1'];
      return form.family === 'ipv4' ? ['224.0.0.1', '239.255.255.255'] : ['ff02::1', 'ff05::7'];
    case 'interface':
      return ['eth0', 'x'.repeat(15)];
    case 'command':
      return ['/bin/true', '"/bin/true some thing"', '/bin/true nobody', '/bin/true nobody nogroup'];
    case 'syntax':
      return [form.example];
  }
}

/** Parameters that a form excludes, each with what is wrong with them and how that is reported. */
export function wrong(form: Form | undefined): readonly (readonly [string, string, DiagnosticKind])[] {
  const missing = form?.optional === true ? [] : [['missing', '', 'missing-parameter'] as const];
  switch (form?.kind) {
    case undefined:
    case 'none':
      return [['one too many', 'some', 'extra-parameter']];
    case 'integer':
      return [
        ...missing,
        ['below the least', String(form.low - 1), 'out-of-range'],
        ['above the greatest', String(form.high + 1), 'out-of-range'],
        ['a word', 'some', 'bad-value'],
        ['a fraction', '1.5', 'bad-value'],
        ['one too many', `${form.low} some`, 'extra-parameter'],
      ];
    case 'seconds':
      return [
        ...missing,
        ['below the least', decimal(form.low - 0.000001), 'out-of-range'],
        ['above the greatest', decimal(form.high + 0.000001), 'out-of-range'],
        ['a word', 'some', 'bad-value'],
        ['a time with its unit', '5s', 'bad-value'],
        ['one too many', `${form.high} some`, 'extra-parameter'],
      ];
    case 'boolean':
      return [
        ['no such word', 'maybe', 'bad-value'],
        ['one too many', 'on some', 'extra-parameter'],
      ];
    case 'choice':
      return [...missing, ['no such choice', 'some', 'bad-value']];
    case 'text':
    case 'command':
      return missing;
    case 'words':
      return [];
    case 'address':
      return [...missing, ['no address', 'some', 'bad-value'], ['beyond a byte', '192.0.2.256', 'bad-value']];
    case 'multicast':
      return [
        ...missing,
        ['no address', 'some', 'bad-value'],
        ['no multicast address', form.family === 'ipv6' ? '2001:db8::1' : '192.0.2.1', 'bad-value'],
        ...(form.family === undefined
          ? []
          : [['of the other family', form.family === 'ipv4' ? 'ff02::1' : '224.0.0.1', 'bad-value'] as const]),
      ];
    case 'interface':
      return [...missing, ['too long a name', 'x'.repeat(16), 'bad-value']];
    case 'syntax':
      return form.syntax.startsWith('[') ? [] : missing;
  }
}

function decimal(value: number): string {
  return value.toFixed(6);
}

function twice(texts: readonly string[], firstCounts: boolean): Pick<KeywordExample, 'what' | 'text' | 'kind'> {
  const text = `${texts[0] ?? ''}\n${texts.at(-1) ?? ''}`;
  return { what: 'twice', text, ...(firstCounts ? { kind: 'duplicate' } : {}) };
}
