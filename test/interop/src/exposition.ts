/** Samples of one name. */
export class MetricFamily {
  readonly samples: { readonly labels: Readonly<Record<string, string>>; readonly value: string }[] = [];
  readonly type: string;

  constructor(type: string) {
    this.type = type;
  }

  /** The value of the one sample that has these labels. */
  find(labels: Readonly<Record<string, string>>): string | undefined {
    return this.samples.find((sample) => Object.entries(labels).every(([name, value]) => sample.labels[name] === value))
      ?.value;
  }
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;
const VALUE = /^(?:[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/;

/**
 * The Prometheus text format 0.0.4, as strict as `promtool check metrics`: HELP and TYPE before the samples, all samples of
 * a name together and none twice, counters named _total and nothing else. Throws with the line at fault.
 */
export function readExposition(text: string): ReadonlyMap<string, MetricFamily> {
  const families = new Map<string, MetricFamily>();
  const seen = new Set<string>();
  let help: string | undefined;
  let current: string | undefined;
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.split('\n').slice(0, -1)) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`);
    };
    const [, told, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (told === 'HELP') {
      if (!NAME.test(name) || families.has(name)) fail('a name that is none, or was there');
      help = name;
    } else if (told === 'TYPE') {
      if (help !== name) fail('no HELP before it');
      if (rest !== 'counter' && rest !== 'gauge') fail('an unknown type');
      if ((rest === 'counter') !== name.endsWith('_total')) fail('counters end in _total, and nothing else');
      families.set(name, new MetricFamily(rest));
      current = name;
    } else {
      const [, of = '', labels = '', value = ''] = SAMPLE.exec(line) ?? fail('no sample');
      if (of !== current) fail('a sample apart from its family');
      if (!VALUE.test(value)) fail('no number');
      if (seen.has(`${of}{${labels}}`)) fail('twice');
      seen.add(`${of}{${labels}}`);
      families.get(of)?.samples.push({ labels: labelsOf(labels, fail), value });
    }
  }
  return families;
}

function labelsOf(text: string, fail: (why: string) => never): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== '';) {
    const [whole, name = '', value = ''] = LABEL.exec(rest) ?? fail('no label');
    if (Object.hasOwn(labels, name)) fail('a label twice');
    labels[name] = value.replace(/\\([\\"n])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
    rest = rest.slice(whole.length);
  }
  return labels;
}
