import type { ScriptCommand, VrrpSettings } from '@keepfleet/vrrp';
import { type ScriptEnd, type ScriptRefusal, startScript } from './script.ts';

export type ScriptRules = Pick<VrrpSettings, 'scriptUser' | 'scriptSecurity'>;

export interface RunningScript {
  readonly end: Promise<ScriptEnd | ScriptRefusal>;
  /** To the script and all that it started; nothing once it has ended. */
  kill(signal: NodeJS.Signals): void;
}

/** Starts programs of the configuration by its rules: as whom, and how secure they must be. The process does not wait for them at its end. */
export class ScriptRunner {
  #rules: ScriptRules = {};

  configure(rules: ScriptRules): void {
    this.#rules = rules;
  }

  /** `began` is called when it runs, unless it cannot be run. */
  run(command: ScriptCommand, began?: () => void): RunningScript {
    const { scriptUser, scriptSecurity: secure = false } = this.#rules;
    const { user = null, group = null } = (command.user === undefined ? scriptUser : command) ?? {};
    let over = false;
    let resolve: (how: ScriptEnd | ScriptRefusal) => void;
    const end = new Promise<ScriptEnd | ScriptRefusal>((settle) => (resolve = settle));
    const ended = (how: ScriptEnd | ScriptRefusal) => {
      over = true;
      resolve(how);
    };
    const running = startScript({ argv: command.argv, user, group, secure }, ended, { began, awaited: false });
    return {
      end,
      kill(signal) {
        if (!over) running.kill(signal);
      },
    };
  }
}
