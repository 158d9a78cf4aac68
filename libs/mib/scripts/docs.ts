import { writeFileSync } from 'node:fs';
import { objectReference } from '../src/object-reference.ts';

writeFileSync(new URL('../../../docs/snmp.md', import.meta.url), objectReference());
