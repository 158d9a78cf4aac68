/** Mails about what happens (smtp_alert): what is worth one, and how they get to the mail server without holding anything up. */
export { type Alert, alertOf } from './alert.ts';
export { MOST_WAITING, Mailer } from './mailer.ts';
