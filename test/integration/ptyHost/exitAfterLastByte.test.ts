import assert from 'node:assert/strict';
import { flowMarks } from '../../../server/src/ptyHost/outputFlow.ts';
import { ptyHostSuite } from '../../support/ptyHostSuite.ts';
import { createParams, untilOutputStands, Viewer } from '../../support/ptyHostWorld.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';

/** Lines of nine digits, which a terminal turns into eleven bytes each. */
const countTo = (lines: number) => `seq -f %09.0f 1 ${lines}`;
const counted = (lines: number) =>
  Array.from({ length: lines }, (_, index) => `${String(index + 1).padStart(9, '0')}\r\n`).join('');

describe('The exit of a program in the pty host', function () {
  const host = ptyHostSuite(this);

  it('is reported after the last byte when the viewer gave no credit while 300 kB were printed', async () => {
    const lines = 27_300;
    const { sessionId } = await host.client.create(createParams(`${countTo(lines)}; exit 7`));
    const viewer = await Viewer.open(host.client, { sessionId, windowBytes: 4_096, acknowledging: false });
    await waitFor('the program to end', async () =>
      (await host.client.list()).find((s) => s.sessionId === sessionId && s.exit),
    );
    assert.equal(viewer.receivedBytes, 4_096);
    assert.equal(viewer.exited, undefined);
    viewer.giveCredit();
    await waitFor('the exit', () => viewer.exited);
    assert.equal(viewer.text, counted(lines));
    assert.deepEqual(viewer.exited, { kind: 'exited', exitCode: 7, signal: null, endOffset: lines * 11 });
  });

  it('has the code of a program that closes its terminal before it ends, as touch does', async () => {
    const folder = temporaryFolder();
    const touch = createParams(`exec touch "${folder.path}/made"`);
    for (let round = 0; round < 20; round++) {
      const { sessionId } = await host.client.create(touch);
      const viewer = await Viewer.open(host.client, { sessionId, windowBytes: 4_096, acknowledging: true });
      const { exitCode, signal } = await waitFor('the exit', () => viewer.exited);
      assert.deepEqual([exitCode, signal], [0, null], `round ${round}`);
    }
    folder.remove();
  });

  it('comes after what a program prints that has closed its terminal and opens it again', async () => {
    const away =
      'exec </dev/null >/dev/null 2>&1; sleep 0.2; echo back >/dev/tty; sleep 0.2; seq 1 5000 >/dev/tty; exit 7';
    const { sessionId } = await host.client.create(createParams(`echo here; ${away}`));
    const viewer = await Viewer.open(host.client, { sessionId, windowBytes: 4_096, acknowledging: true });
    const { exitCode, signal } = await waitFor('the exit', () => viewer.exited);
    assert.deepEqual([exitCode, signal], [7, null]);
    assert.match(viewer.text, /^here\r\nback\r\n1\r\n2\r\n[\s\S]*\n4999\r\n5000\r\n$/);
  });

  it('loses nothing of a program that was paused in mid-output and ends once it goes on', async () => {
    const lines = 200_000;
    const { sessionId } = await host.client.create(createParams(countTo(lines)));
    const viewer = await Viewer.open(host.client, { sessionId, windowBytes: 65_536, acknowledging: false });
    const produced = await untilOutputStands(host.client, sessionId, flowMarks.high);
    assert.ok(produced < 1.5 * flowMarks.high, `the terminal was not paused: ${produced} bytes`);
    viewer.giveCredit();
    await waitFor('the exit', () => viewer.exited);
    assert.equal(viewer.text, counted(lines));
    assert.deepEqual(viewer.gaps, []);
  });

  it('finds what a paused terminal still held when its program was killed', async () => {
    const { sessionId, pid } = await host.client.create(createParams(`exec ${countTo(200_000)}`));
    const viewer = await Viewer.open(host.client, { sessionId, windowBytes: 65_536, acknowledging: false });
    const produced = await untilOutputStands(host.client, sessionId, flowMarks.high);
    process.kill(pid, 'SIGKILL');
    const { exit } = await waitFor('the exit in the list', async () =>
      (await host.client.list()).find((s) => s.sessionId === sessionId && s.exit),
    );
    assert.deepEqual(exit, { exitCode: null, signal: 9 });
    viewer.giveCredit();
    const exited = await waitFor('the exit', () => viewer.exited);
    assert.ok(exited.endOffset > produced, 'nothing was drained from the paused terminal');
    assert.equal(viewer.text, counted(200_000).slice(0, exited.endOffset));
  });

  it('does not wait for a background job that still holds the terminal', async () => {
    const script = 'trap "" HUP; sleep 60 & echo $!; exit 3';
    const { sessionId } = await host.client.create(createParams(script));
    const viewer = await Viewer.open(host.client, { sessionId });
    const exited = await waitFor('the exit', () => viewer.exited, 3_000);
    assert.equal(exited.exitCode, 3);
    assert.match(viewer.text, /^\d+\r\n$/);
    assert.ok(process.kill(Number(viewer.text), 'SIGKILL'), 'the job was not there any more');
  });
});
