import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { waitFor } from '../../support/waitFor.ts';

/** No limit is to end a measurement: each is as high as it can be set. */
const raisedLimits = {
  'limits.apiPerMinute': 10_000_000,
  'limits.webSocketMessagesPerMinute': 10_000_000,
  'limits.terminalPerSecond': 10_000_000,
};

/** A data folder with raised limits. */
export function createServerFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ada-'));
  writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(raisedLimits));
  return folder;
}

/** Ends the pty host of a data folder whose server has ended, and removes it. */
export async function removeServerFolder(folder: string): Promise<void> {
  endPtyHostsOf(folder);
  await waitFor('the pty host to end', () => ptyHostsOf(folder).length === 0, 20_000);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
