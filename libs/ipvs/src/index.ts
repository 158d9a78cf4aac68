export * from './messages.ts';
export * from './settings.ts';
export * from './snapshot.ts';
