import { readFileSync } from 'node:fs';
import { parseStewardSettings, runSteward } from './steward.ts';

runSteward(parseStewardSettings(readFileSync('/run/lab/steward.json', 'utf8')), process.stdin, process.stdout);
