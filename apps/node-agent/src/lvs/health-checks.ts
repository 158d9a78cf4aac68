import { type CheckerSettings, type CheckerStatus, describeChecker } from '@keepfleet/health';
import type { LvsSettings } from '@keepfleet/ipvs';
import type { Log } from '../log.ts';
import { CheckerDriver } from './checker-driver.ts';

/** What becomes of the results. */
export interface HealthListener {
  /** A real server is up when all its checkers are. Told at every change of a verdict, also when that stays the same. */
  health(service: string, server: string, up: boolean, reason: string): void;
  /** A run has ended. */
  ran(): void;
}

export interface CheckerReport {
  readonly what: string;
  readonly status: CheckerStatus;
}

interface Patient {
  readonly service: string;
  readonly server: string;
  /** In the order of the settings; equal settings are one checker. */
  readonly checkers: Map<string, CheckerDriver>;
}

/** The checkers of all real servers. */
export class HealthChecks {
  readonly #listener: HealthListener;
  readonly #log: Log;
  #patients = new Map<string, Patient>();

  constructor(listener: HealthListener, log: Log) {
    this.#listener = listener;
    this.#log = log;
  }

  /**
   * Starts what is new, stops what is gone, and leaves a checker whose settings are equal at its work. `isUp` is the state
   * that a new real server begins with.
   */
  configure(settings: LvsSettings<CheckerSettings>, isUp: (service: string, server: string) => boolean): void {
    const before = this.#patients;
    this.#patients = new Map();
    const changed: Patient[] = [];
    for (const { key: service, realServers } of settings.virtualServers) {
      for (const { key: server, checkers } of realServers) {
        const key = patientKey(service, server);
        const known = before.get(key);
        const patient: Patient = { service, server, checkers: new Map() };
        for (const checker of checkers) {
          const text = JSON.stringify(checker);
          const running = known?.checkers.get(text);
          const up = known === undefined ? isUp(service, server) : !checker.schedule.alpha;
          patient.checkers.set(text, running ?? this.#start(patient, checker, up));
        }
        this.#patients.set(key, patient);
        const kept = [...patient.checkers.keys()].every((text) => known?.checkers.has(text));
        if (known !== undefined && (!kept || known.checkers.size !== patient.checkers.size)) changed.push(patient);
      }
    }
    const inUse = new Set([...this.#patients.values()].flatMap(({ checkers }) => [...checkers.values()]));
    for (const { checkers } of before.values()) {
      for (const driver of checkers.values()) if (!inUse.has(driver)) driver.stop();
    }
    for (const patient of changed) this.#tell(patient, 'its checks were changed in the configuration');
  }

  stop(): void {
    for (const { checkers } of this.#patients.values()) for (const driver of checkers.values()) driver.stop();
    this.#patients.clear();
  }

  of(service: string, server: string): CheckerReport[] {
    const checkers = this.#patients.get(patientKey(service, server))?.checkers.values() ?? [];
    return [...checkers].map(({ settings, status }) => ({ what: describeChecker(settings), status }));
  }

  #start(patient: Patient, settings: CheckerSettings, up: boolean): CheckerDriver {
    const what = describeChecker(settings);
    const driver = new CheckerDriver(settings, up, {
      ran: (success, result) => {
        if (!success && settings.schedule.logAllFailures)
          this.#log.warn({ service: patient.service, server: patient.server, check: what, result }, 'a check failed');
        this.#listener.ran();
      },
      verdict: (_, reason) =>
        this.#tell(this.#patients.get(patientKey(patient.service, patient.server)), `${what} ${reason}`),
    });
    driver.start();
    return driver;
  }

  #tell(patient: Patient | undefined, reason: string): void {
    if (patient === undefined) return;
    const up = [...patient.checkers.values()].every((driver) => driver.status.up);
    this.#listener.health(patient.service, patient.server, up, reason);
  }
}

function patientKey(service: string, server: string): string {
  return `${service} ${server}`;
}
