import { RefusedError } from './refusal.ts';

const LONGEST_TEXT = 1024;

/** Who does something and why, as it goes into the audit log: throws {@link RefusedError} for nobody and for a flood. */
export function checkWords(actor: string, reason: string): void {
  if (actor.trim() === '') throw new RefusedError({ kind: 'invalid', message: 'say who asks (actor)' });
  if (actor.length <= LONGEST_TEXT && reason.length <= LONGEST_TEXT) return;
  throw new RefusedError({ kind: 'invalid', message: `actor and reason are at most ${LONGEST_TEXT} characters` });
}
