/** What the parameters of a keyword look like: what the documentation prints and the generated tests try. */
export type Form = { readonly optional?: true } & (
  | { readonly kind: 'none' }
  | { readonly kind: 'integer'; readonly low: number; readonly high: number }
  | { readonly kind: 'seconds'; readonly low: number; readonly high: number; readonly unit?: 'ms' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'text'; readonly what: string }
  | { readonly kind: 'words' }
  | { readonly kind: 'address' }
  /** Without a family of either. */
  | { readonly kind: 'multicast'; readonly family?: 'ipv4' | 'ipv6' }
  | { readonly kind: 'interface' }
  | { readonly kind: 'command' }
  /** Several parameters, with one line of them that is right. */
  | { readonly kind: 'syntax'; readonly syntax: string; readonly example: string }
);

/** A reader with the form it reads. */
export function described<R extends object>(form: Form, reader: R): R & { readonly form: Form } {
  return Object.assign(reader, { form });
}

export function syntax<R extends object>(text: string, example: string, reader: R): R & { readonly form: Form } {
  return described({ kind: 'syntax', syntax: text, example }, reader);
}

/** As a manual writes it. */
export function formText(form: Form): string {
  const text = requiredText(form);
  return form.optional === true ? `[${text}]` : text;
}

function requiredText(form: Form): string {
  switch (form.kind) {
    case 'none':
      return '';
    case 'integer':
      return `${form.low}..${form.high}`;
    case 'seconds':
      return `${form.low}..${form.high} ${form.unit ?? 's'}`;
    case 'boolean':
      return '[on|off|true|false|yes|no]';
    case 'choice':
      return form.choices.join('|');
    case 'text':
      return form.what
        .replace(/^(an?|the) /, '')
        .replaceAll(' ', '-')
        .toUpperCase();
    case 'words':
      return '[WORD …]';
    case 'address':
      return 'IP';
    case 'multicast':
      if (form.family === undefined) return 'IP-MULTICAST';
      return form.family === 'ipv4' ? 'IPv4-MULTICAST' : 'IPv6-MULTICAST';
    case 'interface':
      return 'INTERFACE';
    case 'command':
      return '"COMMAND [ARGUMENT …]" [USER [GROUP]]';
    case 'syntax':
      return form.syntax;
  }
}
