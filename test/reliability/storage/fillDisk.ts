import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';

/** Writes a file until its disk has no room for any further byte. */
export function fillDisk(file: string): void {
  const handle = fs.openSync(file, 'w');
  try {
    for (;;) fs.writeSync(handle, Buffer.alloc(4_096));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    fs.closeSync(handle);
  }
}
