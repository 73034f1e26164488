import assert from 'node:assert/strict';
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { appendFileSync, copyFileSync } from 'node:fs';
import { hashOf } from '../../../../server/src/security/audit/auditRecord.ts';
import { AuditFixture } from './auditFixture.ts';

type Facts = Readonly<Record<string, unknown>>;

describe('An audit log in the hands of somebody who has its key', () => {
  let audit: AuditFixture;
  let file: string;
  let key: KeyObject;

  beforeEach(async () => {
    audit = new AuditFixture();
    [file = ''] = await audit.written(3);
    key = createPrivateKey(audit.read('signingKey.pem'));
  });
  afterEach(() => audit.remove());

  /** Writes the chain anew with these records, each linked to the one before it, and signs every one of them. */
  function forge(records: readonly Facts[]): void {
    let previous = '';
    const lines = records.map((record, index) => {
      const line = JSON.stringify(index === 0 ? record : { ...record, sequence: index + 1, previous });
      previous = hashOf(line);
      return line;
    });
    audit.write(file, lines.map((line) => `${line}\n`).join(''));
    let before = hashOf(lines[0] ?? '');
    const anchors = lines.map((line, index) => {
      const facts = { file, sequence: index + 1, head: hashOf(line), previous: before };
      const ended = index === lines.length - 1 ? { ended: 'closed' } : {};
      const signed = JSON.stringify({ ...facts, ...ended });
      const signature = sign(null, Buffer.from(signed), key).toString('base64');
      const anchor = JSON.stringify({ ...facts, ...ended, signature });
      before = hashOf(anchor);
      return anchor;
    });
    audit.write(`anchors/${file}`, anchors.map((line) => `${line}\n`).join(''));
  }

  const records = (): Facts[] => audit.linesOf(file).map((line) => JSON.parse(line) as Facts);
  const edited = (): Facts[] =>
    records().map((record) => JSON.parse(JSON.stringify(record).replace('echo 1', 'echo innocent')) as Facts);

  it('can be written anew so that nothing shows, as long as nobody else has seen it', async () => {
    forge(edited());
    const verdict = await audit.verify();
    assert.deepEqual([verdict.isIntact, verdict.firstBad], [true, undefined]);
  });

  it('is found out once a later chain has seen another head', async () => {
    const [later = ''] = await audit.written(1);
    forge(edited());
    const { firstBad } = await audit.verify();
    assert.deepEqual([firstBad?.file, firstBad?.reason], [file, 'contradictsWitness']);
    assert.ok(firstBad?.message.includes(later), 'which one has seen it is said');
  });

  it('is found out by a record that was added, once a later chain has seen the end', async () => {
    await audit.written(1);
    const [last = {}] = records().slice(-1);
    forge([...records(), { ...last, kind: 'command.run' }]);
    assert.equal((await audit.verify()).firstBad?.reason, 'addedAfterEnd');
  });

  it('is found out by the anchors of another chain of the same key', async () => {
    const [other = ''] = await audit.written(3);
    copyFileSync(audit.path(`anchors/${other}`), audit.path(`anchors/${file}`));
    assert.equal((await audit.verify()).problems.find((problem) => problem.file.endsWith(file))?.reason, 'foreign');
  });

  it('is found out by half a record behind the signed end', async () => {
    appendFileSync(audit.path(file), '{"sequence":6,"at"');
    assert.equal((await audit.verify()).firstBad?.reason, 'addedAfterEnd');
  });
});
