import { type ChildProcess, spawn } from 'node:child_process';
import type { ScriptCommand, VrrpSettings } from '@keepfleet/vrrp';
import { errorText } from '../error-text.ts';
import { type Account, findAccount } from './accounts.ts';
import { programOf, whyInsecure } from './security.ts';

export type ScriptRules = Pick<VrrpSettings, 'scriptUser' | 'scriptSecurity'>;

export type ScriptEnd =
  | { readonly kind: 'ended'; readonly code: number | null; readonly signal: NodeJS.Signals | null }
  /** It did not even begin. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface RunningScript {
  readonly end: Promise<ScriptEnd>;
  /** To the script and all that it started. */
  kill(signal: NodeJS.Signals): void;
}

/** What keepalived takes out of the environment of scripts: it could change what they run. */
const REMOVED = new Set(['IFS', 'LD_PRELOAD', 'LD_LIBRARY_PATH']);

/** Starts programs of the configuration: as the configured user, in a process group of their own, without a terminal or our pipes. */
export class ScriptRunner {
  #rules: ScriptRules = {};
  readonly #accounts = new Map<string, Promise<Account>>();

  configure(rules: ScriptRules): void {
    this.#rules = rules;
    this.#accounts.clear();
  }

  run(command: ScriptCommand): RunningScript {
    let child: ChildProcess | undefined;
    let killed: NodeJS.Signals | undefined;
    const start = async (): Promise<ScriptEnd> => {
      const account = await this.#account(command);
      const [program = '', ...args] = command.argv;
      const found = programOf(program);
      if ('reason' in found) return refused(found.reason);
      const judged = this.#rules.scriptSecurity === true && account.uid === 0;
      const problem = judged ? whyInsecure(found.path) : undefined;
      if (problem !== undefined) return refused(`${problem}, and enable_script_security is on`);
      // Killed before it began.
      if (killed !== undefined) return { kind: 'ended', code: null, signal: killed };
      return new Promise((resolve) => {
        child = spawn(program, args, {
          uid: account.uid,
          gid: account.gid,
          cwd: '/',
          env: scriptEnvironment(process.env),
          stdio: 'ignore',
          detached: true,
        });
        child.once('error', (error) => resolve(refused(errorText(error))));
        child.once('exit', (code, signal) => resolve({ kind: 'ended', code, signal }));
        child.unref();
      });
    };
    return {
      end: start().catch((error: unknown) => refused(errorText(error))),
      kill: (signal) => {
        killed = signal;
        const pid = child?.pid;
        if (pid === undefined || child?.exitCode !== null || child.signalCode !== null) return;
        try {
          process.kill(-pid, signal);
        } catch {
          // It ended at this moment.
        }
      },
    };
  }

  #account({ user, group }: ScriptCommand): Promise<Account> {
    const wanted = user === undefined ? this.#rules.scriptUser : { user, ...(group === undefined ? {} : { group }) };
    const key = `${wanted?.user ?? ''}:${wanted?.group ?? ''}`;
    const known = this.#accounts.get(key) ?? findAccount(wanted?.user, wanted?.group);
    this.#accounts.set(key, known);
    return known;
  }
}

export function scriptEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !REMOVED.has(name)));
}

function refused(reason: string): ScriptEnd {
  return { kind: 'refused', reason };
}
