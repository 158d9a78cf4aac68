import { type CheckerSettings, type CheckerStatus, describeChecker, isWatched, questionOf } from '@keepfleet/health';
import { type LvsSettings, type VirtualServerSettings, type WeightEffect, noEffect, weightOf } from '@keepfleet/ipvs';
import type { Log } from '../log.ts';
import type { BfdSessions } from './bfd-sessions.ts';
import { CheckerDriver, type CheckerListener } from './checker-driver.ts';
import { LeftOut } from './left-out.ts';
import { Patient } from './patient.ts';
import { WatchedDriver } from './watched-driver.ts';

/** What becomes of the results. */
export interface HealthListener {
  /** A real server is up when all its checkers are. Told at every change of a verdict, also when that stays the same. */
  health(service: string, server: string, up: boolean, reason: string): void;
  /** What the checks make of the weight of a server is another. */
  effect(service: string, server: string, effect: WeightEffect): void;
  /** A first run found a server down that begins as down. */
  confirmedDown(service: string, server: string, reason: string): void;
  /** A run has ended. */
  ran(): void;
}

export interface CheckerReport {
  readonly what: string;
  readonly status: CheckerStatus;
}

/** One check, whoever asks for it: services that check the same thing in the same way share it. */
export interface SharedCheck {
  readonly what: string;
  driver: CheckerDriver | WatchedDriver;
  readonly patients: Set<Patient>;
}

/** The checkers of all real servers. */
export class HealthChecks {
  readonly #listener: HealthListener;
  readonly #log: Log;
  readonly #sessions: BfdSessions;
  /** By the key of their virtual server, then by their own. */
  #patients = new Map<string, Map<string, Patient>>();
  #services = new Map<string, VirtualServerSettings<CheckerSettings>>();
  #checks = new Map<string, SharedCheck>();
  readonly #leftOut: LeftOut;

  constructor(listener: HealthListener, sessions: BfdSessions, log: Log) {
    this.#listener = listener;
    this.#sessions = sessions;
    this.#log = log;
    this.#leftOut = new LeftOut(log);
  }

  /** Different checks that run. */
  get size(): number {
    return this.#checks.size;
  }

  /** What keeps checks from being made, if anything does. */
  get problem(): string | undefined {
    return this.#leftOut.problem;
  }

  /**
   * Before anybody else knows the settings: a server that they bring back from weight 0 comes by slow_start like one that was
   * down. One that a script gives a weight in spite of a configured 0 was not away.
   */
  beginReturns({ virtualServers }: LvsSettings<CheckerSettings>): void {
    for (const service of virtualServers) {
      const before = this.#services.get(service.key);
      if (before === undefined || before === service) continue;
      const patients = this.#patients.get(service.key);
      const serversBefore = new Map(before.realServers.map((server) => [server.key, server]));
      for (const server of service.realServers) {
        if (server.slowStart === 0) continue;
        const settings = serversBefore.get(server.key);
        const known = patients?.get(server.key);
        const effect = known?.effect ?? noEffect;
        if (
          settings === undefined ||
          weightOf({ settings, effect }) > 0 ||
          weightOf({ settings: server, effect }) === 0
        )
          continue;
        const patient = known ?? new Patient(service.key, server.key, this.#listener);
        patients?.set(server.key, patient);
        patient.comeBack(server.slowStart);
      }
    }
  }

  /**
   * Starts what is new, stops what is gone, and leaves a checker whose settings are equal at its work. `isUp` is the state
   * that a new real server begins with, and `adoptedWeight` the kernel's weight that it keeps until its checks have spoken.
   */
  configure(
    settings: LvsSettings<CheckerSettings>,
    isUp: (service: string, server: string) => boolean,
    adoptedWeight: (service: string, server: string) => number | null = () => null,
  ): void {
    const before = this.#patients;
    const servicesBefore = this.#services;
    this.#patients = new Map();
    this.#services = new Map(settings.virtualServers.map((service) => [service.key, service]));
    const changed: Patient[] = [];
    /** With how to let each begin as up that was to begin as down. */
    const fresh = new Map<SharedCheck, (() => void) | undefined>();
    for (const virtualServer of settings.virtualServers) {
      const { key: service, realServers } = virtualServer;
      const knownPatients = before.get(service) ?? new Map<string, Patient>();
      // Of thousands of virtual servers a reload changes a few; the others come as the object that they were.
      if (servicesBefore.get(service) === virtualServer) {
        this.#patients.set(service, knownPatients);
        continue;
      }
      const patients = new Map<string, Patient>();
      this.#patients.set(service, patients);
      const serversBefore = lazily(() => new Set(servicesBefore.get(service)?.realServers.map(({ key }) => key)));
      for (const realServer of realServers) {
        const { key: server, checkers, slowStart } = realServer;
        const known = knownPatients.get(server);
        // Without checks a server is up from the start and stays so; there may be tens of thousands of them.
        if (checkers.length === 0 && slowStart === 0 && known === undefined) continue;
        const isNew = known === undefined && !serversBefore().has(server);
        const patient = known ?? new Patient(service, server, this.#listener);
        patient.slowStart = slowStart;
        const texts = new Set<string>();
        // Others may have made such a check for long, and know what is new here.
        let isChanged = isNew;
        for (const checker of checkers) {
          const text = JSON.stringify(checker);
          texts.add(text);
          isChanged ||= !patient.checks.has(text);
          const up = isNew ? isUp(service, server) : !checker.schedule.alpha;
          const check = this.#checks.get(text) ?? this.#newCheck(text, checker, asked(patient, checker) ?? up, fresh);
          // Of services that share a new check one may have the server up, which is then found down as always, not at once.
          if (isNew && up) fresh.get(check)?.();
          check.patients.add(patient);
          patient.checks.set(text, check);
        }
        const gone = [...patient.checks].filter(([text]) => !texts.has(text));
        for (const [text, check] of gone) {
          check.patients.delete(patient);
          patient.checks.delete(text);
        }
        if (isNew) {
          patient.adopt(isUp(service, server), { settings: realServer, weight: () => adoptedWeight(service, server) });
          // Without news it stays as it was found: neither up nor down is anything to tell.
          isChanged = patient.isInformed;
        }
        if (isChanged || gone.length > 0) changed.push(patient);
        patients.set(server, patient);
      }
      for (const [server, patient] of knownPatients) if (!patients.has(server)) patient.leave();
    }
    for (const [service, patients] of before)
      if (!this.#patients.has(service)) for (const patient of patients.values()) patient.leave();
    for (const [text, { driver, patients }] of this.#checks) {
      if (patients.size > 0) continue;
      driver.stop();
      this.#checks.delete(text);
      this.#leftOut.delete(text);
    }
    for (const { driver } of fresh.keys()) driver.start();
    for (const patient of changed) patient.settle('its checks were changed in the configuration');
  }

  /** The checks of these services rest (`ha_suspend`) with the verdicts that they have, but for those that others need too. */
  rest(services: ReadonlySet<string>): void {
    for (const [text, { driver, patients }] of this.#checks) {
      if ([...patients].every(({ service }) => services.has(service))) {
        driver.suspend();
        this.#leftOut.delete(text);
      } else driver.resume();
    }
  }

  stop(): void {
    for (const { driver } of this.#checks.values()) driver.stop();
    for (const patients of this.#patients.values()) for (const patient of patients.values()) patient.leave();
    this.#checks.clear();
    this.#leftOut.clear();
    this.#patients.clear();
    this.#services.clear();
  }

  of(service: string, server: string): CheckerReport[] {
    const checks = this.#patients.get(service)?.get(server)?.checks.values() ?? [];
    return [...checks].map(({ what, driver }) => ({ what, status: driver.status }));
  }

  #newCheck(
    text: string,
    settings: CheckerSettings,
    before: boolean | CheckerDriver,
    fresh: Map<SharedCheck, (() => void) | undefined>,
  ): SharedCheck {
    const what = describeChecker(settings);
    const patients = new Set<Patient>();
    const listener: CheckerListener = {
      ran: (success, result, first) => {
        this.#leftOut.delete(text);
        if (!success && settings.schedule.logAllFailures)
          for (const { service, server } of patients)
            this.#log.warn({ service, server, check: what, result }, 'a check failed');
        if (success) for (const patient of patients) patient.passed(check, `${what} ${result}`);
        if (first && !success && settings.schedule.alpha)
          for (const { service, server } of patients)
            this.#listener.confirmedDown(service, server, `${what} ${result}`);
        this.#listener.ran();
      },
      notRun: (reason) => {
        this.#leftOut.add(text, what, reason);
        for (const patient of patients) patient.notRun(check);
      },
      verdict: (_, reason) => {
        for (const patient of patients) patient.judge(`${what} ${reason}`);
      },
      weight: () => {
        for (const patient of patients) patient.weigh();
      },
    };
    const driverThatBegins = (from: boolean | CheckerDriver) =>
      isWatched(settings)
        ? new WatchedDriver(settings, typeof from === 'boolean' ? from : from.status.up, listener, this.#sessions)
        : new CheckerDriver(settings, from, listener);
    const check: SharedCheck = { what, driver: driverThatBegins(before), patients };
    this.#checks.set(text, check);
    const raise = () => {
      check.driver = driverThatBegins(true);
      fresh.set(check, undefined);
    };
    fresh.set(check, before === false ? raise : undefined);
    return check;
  }
}

/** Made when it is asked for first. */
function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Who asked the same of this server until now: its verdict holds on, as keepalived has it. */
function asked(patient: Patient, settings: CheckerSettings): CheckerDriver | undefined {
  const question = questionOf(settings);
  for (const { driver } of patient.checks.values())
    if (driver instanceof CheckerDriver && questionOf(driver.settings) === question) return driver;
  return undefined;
}
