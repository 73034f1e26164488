import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { acquireLock } from '../../../server/src/storage/conversationLock.ts';
import { lockSystem } from './lockSystem.ts';

/** Waits for a line on stdin, tries for the lock, says how it went, keeps it until it is killed. */
const [folder = '', conversation = ''] = process.argv.slice(2);
const system = lockSystem();
writeSync(1, 'ready\n');
await once(process.stdin, 'data');
const lock = await acquireLock(folder, conversation, system);
writeSync(1, lock === undefined ? 'refused\n' : 'holds\n');
