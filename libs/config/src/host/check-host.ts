import { type Diagnostic, Diagnostics } from '../diagnostics.ts';
import type { KeepalivedConfig } from '../model/model.ts';
import type { HostFacts } from './host-facts.ts';
import { type ProgramUse, type Use, hostQuestions } from './host-questions.ts';

/**
 * The rules that need the node: its interfaces, users, groups and programs. Nothing of this makes a configuration
 * unusable, since all of it may come later; the warnings say what does not work until then.
 */
export function checkHost(config: KeepalivedConfig, facts: HostFacts): readonly Diagnostic[] {
  const diagnostics = new Diagnostics();
  const questions = hostQuestions(config);
  checkInterfaces(questions, facts, diagnostics);
  for (const [kind, uses, known] of [
    ['user', questions.users, facts.users],
    ['group', questions.groups, facts.groups],
  ] as const) {
    sayUnknown(kind, uses, known, diagnostics);
    for (const { name, by, at } of once(uses)) {
      if (known?.[name] === false)
        diagnostics.warning('host-user', at, `${by}: this node has no ${kind} ${name}, so what runs under it does not`);
    }
  }
  sayUnknown('program', questions.programs, facts.programs, diagnostics);
  checkPrograms(config, questions.programs, facts, diagnostics);
  return diagnostics.all();
}

/** Once for a kind: where one was not looked up, hundreds may not have been. */
function sayUnknown(
  kind: string,
  uses: readonly Use[],
  known: Readonly<Record<string, unknown>> | undefined,
  diagnostics: Diagnostics,
): void {
  if (known === undefined) return;
  const unknown = once(uses).filter(({ name }) => !Object.hasOwn(known, name));
  const [first] = unknown;
  if (first === undefined) return;
  const more = unknown.length === 1 ? '' : `, nor of ${unknown.length - 1} more`;
  diagnostics.warning(
    'host-unknown',
    first.at,
    `${first.by}: it is not known of the ${kind} ${first.name} whether this node has it${more}`,
    'it was not looked up, or not found out in time: look with getent, or check again',
  );
}

function checkInterfaces(
  { ownInterfaces, otherInterfaces }: ReturnType<typeof hostQuestions>,
  { interfaces }: HostFacts,
  diagnostics: Diagnostics,
): void {
  if (interfaces === undefined) return;
  const known = new Map(interfaces.map((one) => [one.name, one]));
  for (const { name, by, at } of ownInterfaces) {
    const found = known.get(name);
    if (found === undefined) {
      const message = `${by}: this node has no interface ${name}; the instance is in fault until it has`;
      diagnostics.warning('host-interface', at, message, `it has ${[...known.keys()].sort().join(', ') || 'none'}`);
    } else if (found.loopback) {
      diagnostics.warning('host-interface', at, `${by}: ${name} is the loopback interface, where no other router is`);
    }
  }
  for (const { name, by, at } of otherInterfaces) {
    if (!known.has(name)) diagnostics.warning('host-interface', at, `${by}: this node has no interface ${name}`);
  }
}

function checkPrograms(
  config: KeepalivedConfig,
  uses: readonly ProgramUse[],
  facts: HostFacts,
  diagnostics: Diagnostics,
): void {
  let told = false;
  for (const { name, by, at, user } of uses) {
    const fact = facts.programs?.[name];
    if (fact === undefined) continue;
    if (fact.state === 'missing') {
      diagnostics.warning('host-program', at, `${by}: this node has no program ${name}, so it cannot run`);
      continue;
    }
    if (fact.state === 'not-executable') {
      diagnostics.warning('host-program', at, `${by}: ${fact.path} is not executable`, `chmod +x ${fact.path}`);
      continue;
    }
    const asRoot = (user ?? config.globalDefs.scriptUser?.user ?? 'root') === 'root';
    if (!asRoot) continue;
    if (fact.writableByOthers !== undefined) {
      diagnostics.warning(
        'host-security',
        at,
        `${by}: ${name} would run as root, but others than root may write ${fact.writableByOthers}`,
        'take their right to write, or name another user',
      );
    } else if (!config.globalDefs.enableScriptSecurity && !told) {
      told = true;
      diagnostics.warning(
        'host-security',
        at,
        `${by}: ${name} runs as root, and nothing keeps it from doing so once others may write it`,
        'add enable_script_security to global_defs, or name another user by script_user',
      );
    }
  }
}

function once(uses: readonly Use[]): readonly Use[] {
  return [...new Map(uses.map((use) => [use.name, use])).values()];
}
