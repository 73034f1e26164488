import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { nodeFileSystem } from '../../../../server/src/base/fileSystem.ts';
import type { Client } from '../../../../server/src/base/handlers.ts';
import { inRequest } from '../../../../server/src/base/requestScope.ts';
import { auditKinds, type AuditKind } from '../../../../server/protocol/audit.ts';
import { CodedError } from '../../../../server/protocol/errors.ts';
import { verifyAudit } from '../../../../server/src/security/audit/auditVerifier.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { waitFor } from '../../../support/waitFor.ts';
import { FaultyFileSystem } from '../../../support/faultyFileSystem.ts';
import { AuditFixture, command } from './auditFixture.ts';

const refusal = (error: unknown): boolean => error instanceof CodedError && error.reason === 'Unavailable';

function client(kind: Client['kind'], tokenId?: string): Client {
  const nobody = (): Promise<never> => Promise.reject(new Error('This client answers nothing.'));
  const closed = { dispose: () => undefined };
  const token = tokenId === undefined ? {} : { tokenId };
  return {
    id: `${kind}-1`,
    kind,
    scope: 'admin',
    ...token,
    notify: () => undefined,
    request: nobody,
    onClosed: () => closed,
  };
}

describe('The audit log', () => {
  let audit: AuditFixture;

  beforeEach(() => {
    audit = new AuditFixture();
  });

  afterEach(() => audit.remove());

  const all = () => audit.chains().flatMap((name) => audit.records(name));
  const ofKind = (kind: AuditKind) => all().filter((record) => record.kind === kind);
  const isDegraded = () => audit.health.at(-1)?.status === 'degraded';

  it('writes nothing while there is nothing to tell', async () => {
    await audit.server().dispose();
    assert.deepEqual(audit.list(''), []);
    assert.equal((await audit.verify()).isIntact, true);
  });

  it('has a privileged event on disk before the promise resolves, for its owner alone', async () => {
    const service = audit.server();
    await service.record(command('echo now'));
    assert.equal(ofKind('command.run')[0]?.details['commandLine'], 'echo now');
    for (const name of [audit.chains()[0] ?? '', `anchors/${audit.chains()[0] ?? ''}`, 'signingKey.pem']) {
      assert.equal(statSync(audit.path(name)).mode & 0o777, 0o600, name);
    }
    assert.equal(statSync(audit.folder).mode & 0o777, 0o700);
  });

  it('takes many events at once, in their order, with few writes', async () => {
    const disk = new FaultyFileSystem();
    let writes = 0;
    disk.judge = (operation) => {
      if (operation === 'write') writes += 1;
      return undefined;
    };
    const service = audit.server({ fileSystem: disk.fileSystem });
    await service.record(command('first'));
    writes = 0;
    await Promise.all(Array.from({ length: 200 }, (_, index) => service.record(command(`echo ${index}`))));
    assert.ok(writes <= 6, `${writes} writes`);
    const told = ofKind('command.run').map(({ details }) => details['commandLine']);
    assert.deepEqual(told, ['first', ...Array.from({ length: 200 }, (_, index) => `echo ${index}`)]);
  });

  it('says who did it: a person, a program with its token, an agent on behalf of one, the server', async () => {
    const service = audit.server();
    const request = { client: client('http', 'deployments'), correlationId: 'abc-1' };
    await inRequest(request, () => service.record(command('by a program')));
    await inRequest({ client: client('editor'), correlationId: 'abc-2' }, async () => {
      await service.record(command('by a person'));
      await service.record({
        ...command('by an agent'),
        agent: { persona: 'tester', conversationId: 'c', toolCallId: 't' },
      });
    });
    await service.record(command('by nobody'));
    const actors = ofKind('command.run').map(({ actor }) => actor);
    assert.deepEqual(actors, [
      { kind: 'client', via: 'http', client: 'http-1', token: 'deployments' },
      { kind: 'person', via: 'editor', client: 'editor-1' },
      { kind: 'agent', via: 'editor', client: 'editor-1', persona: 'tester', conversationId: 'c', toolCallId: 't' },
      { kind: 'server' },
    ]);
    const ids = ofKind('command.run').map((record) => (record as { correlationId?: string }).correlationId);
    assert.deepEqual(ids, ['abc-1', 'abc-2', 'abc-2', undefined]);
  });

  it('keeps secrets out of every kind of event, whatever form they come in', async () => {
    const canaries = {
      known: 'plain-words-nobody-would-match',
      openai: 'sk-canaryCANARYcanaryCANARY1234',
      github: 'ghp_canarycanarycanarycanary12345678',
      bearer: 'Bearer canaryBearerTokenValue.123456',
      assigned: 'hunter2canary',
      url: 'urlPasswordCanary',
      aws: 'AKIACANARYCANARYCANA',
      pem: 'MC4CAQAwBQYDK2VwBCIEIcanary',
      keyed: 'valueUnderASecretKey',
    };
    const text = [
      `curl -H "Authorization: ${canaries.bearer}" https://me:${canaries.url}@host/`,
      `export DB_PASSWORD=${canaries.assigned} OPENAI=${canaries.openai} ${canaries.github} ${canaries.aws}`,
      `login --password ${canaries.assigned} ${canaries.known}`,
      `-----BEGIN PRIVATE KEY-----\n${canaries.pem}\n-----END PRIVATE KEY-----`,
    ].join('\n');
    const hidden = 'the-token-of-this-folder';
    const service = audit.server({ knownSecrets: [canaries.known, hidden] });
    for (const kind of auditKinds) {
      await service.record({
        kind,
        agent: { conversationId: text, persona: text },
        details: { text, nested: [{ apiKey: canaries.keyed, deeper: { text } }], hidden, [text]: 1 },
      });
    }
    await service.dispose();
    const written = audit
      .chains()
      .map((name) => audit.read(name).toString())
      .join('');
    for (const [name, canary] of Object.entries({ ...canaries, hidden })) {
      assert.equal(written.includes(canary.replace(/^Bearer /, '')), false, name);
    }
    for (const kind of auditKinds) assert.ok(written.includes(`"kind":"${kind}"`), kind);
    assert.ok(written.includes('curl -H'), 'the rest of the text stays');
  });

  it('keeps secrets out of what it tells of itself: how a file begins, goes on, what was missed', async () => {
    const canaries = { password: 'CANARYpassword1', key: 'sk-CANARYcanaryCANARY1234', known: 'a-secret-of-no-form' };
    const baseUrl = `https://user:${canaries.password}@models.example/v1?api_key=${canaries.key}`;
    const setting = { 'providers.openai.baseUrl': baseUrl, 'log.level': canaries.known, 'model.default': 'x/y' };
    const service = audit.server({ setting, knownSecrets: [canaries.known], maxFileBytes: 2_000 });
    for (let index = 0; index < 30; index += 1) await service.record(command('echo'));
    rmSync(audit.path(audit.chains().at(-1) ?? ''));
    await service.record(command('echo'));
    await service.dispose();
    assert.ok(ofKind('chain.opened').length > 2);
    assert.equal(ofKind('audit.missed').length, 1);
    for (const { details } of ofKind('chain.opened')) {
      assert.deepEqual(details['setting'], {
        'providers.openai.baseUrl': 'https://user:[redacted]@models.example/v1?api_key=[redacted]',
        'log.level': '[redacted]',
        'model.default': 'x/y',
      });
    }
    const written = audit.chains().map((name) => audit.read(name).toString());
    for (const canary of Object.values(canaries)) assert.equal(written.join('').includes(canary), false, canary);
  });

  it('verifies where its settings are long, and where what it makes of itself looks like a secret', async () => {
    const setting = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`key${index}`, 'x'.repeat(4_000)]));
    const service = audit.server({ setting, knownSecrets: ['000000000001', new Date().toISOString().slice(0, 4)] });
    await service.record(command('echo'));
    await service.dispose();
    await audit.written(1);
    assert.equal((await audit.verify()).isIntact, true);
    assert.match(String(ofKind('chain.opened')[0]?.details['cut']), /characters\)$/);
  });

  it('cuts what is too long, too deep or too much', async () => {
    const service = audit.server();
    const deep = Array.from({ length: 50 }).reduce<object>((inner) => ({ inner }), {});
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`key${index}`, 'ü'.repeat(500)]));
    for (const details of [
      { long: 'x'.repeat(1_000_000) },
      { deep },
      many,
      { bad: '\u0000\ud800', number: NaN, none: undefined },
    ]) {
      await service.record({ kind: 'command.run', details });
    }
    await service.dispose();
    for (const name of audit.chains()) {
      for (const line of audit.linesOf(name)) assert.ok(Buffer.byteLength(line) < 65_536);
    }
    assert.equal((await audit.verify()).isIntact, true);
  });

  it('refuses what is privileged while the disk is full, lets the rest go on, and tells what is missing', async () => {
    const clock = new FakeClock(Date.now());
    const disk = new FaultyFileSystem();
    const service = audit.server({ fileSystem: disk.fileSystem, clock });
    await service.record(command('before'));
    disk.judge = (operation) => (operation === 'write' ? 'ENOSPC' : undefined);
    await assert.rejects(service.record(command('never')), refusal);
    await service.record({ kind: 'setting.changed' });
    await assert.rejects(service.record(command('never either')), refusal);
    assert.ok(isDegraded());
    assert.match(audit.health.at(-1)?.message ?? '', /ENOSPC/);
    disk.mend();
    clock.advance(5_000);
    await waitFor('the log to be well again', () => !isDegraded());
    await service.record(command('after'));
    await service.dispose();
    assert.deepEqual(
      ofKind('command.run').map(({ details }) => details['commandLine']),
      ['before', 'after'],
    );
    const [missed] = ofKind('audit.missed');
    assert.deepEqual([missed?.details['count'], missed?.details['kinds']], [3, ['command.run', 'setting.changed']]);
    assert.equal((await audit.verify()).isIntact, true);
    assert.equal(clock.pending, 0);
  });

  it('leaves a chain that holds, at whichever operation the disk fails first, and however', async () => {
    for (const verdict of ['EIO', 'torn']) {
      for (let failing = 1; failing <= 70; failing += 1) {
        const round = new AuditFixture();
        const clock = new FakeClock(Date.now());
        const disk = new FaultyFileSystem();
        disk.judge = (_operation, count) => (count === failing ? verdict : undefined);
        const service = round.server({ fileSystem: disk.fileSystem, clock, maxFileBytes: 1_500 });
        const kept: string[] = [];
        for (let index = 0; index < 8; index += 1) {
          const commandLine = `echo ${index}`;
          await service.record(command(commandLine)).then(
            () => kept.push(commandLine),
            (error: unknown) => assert.ok(refusal(error)),
          );
        }
        await service.dispose();
        assert.ok(kept.length >= 7, `operation ${failing}`);
        const { firstBad } = await round.verify();
        assert.equal(firstBad, undefined, `${verdict} at operation ${failing}: ${firstBad?.message ?? ''}`);
        const told = round
          .chains()
          .flatMap((name) => round.records(name))
          .filter(({ kind }) => kind === 'command.run')
          .map(({ details }) => details['commandLine']);
        assert.deepEqual(told, kept, `operation ${failing}`);
        await round.remove();
      }
    }
  });

  it('does not wait for ever for a disk that hangs', async () => {
    const clock = new FakeClock(Date.now());
    const hung = Promise.withResolvers<never>();
    let asked = 0;
    const open = (): Promise<never> => {
      asked += 1;
      return hung.promise;
    };
    const service = audit.server({ clock, fileSystem: { ...nodeFileSystem, open } });
    const recorded = assert.rejects(service.record(command('never')), refusal);
    await service.record({ kind: 'setting.changed' });
    await waitFor('the disk to be asked', () => asked > 0);
    clock.advance(10_000);
    await recorded;
    hung.reject(new Error('The disk was taken away'));
  });

  it('tells events that a stranger can cause by the thousand as one', async () => {
    const clock = new FakeClock(Date.now());
    const service = audit.server({ clock });
    for (let index = 0; index < 5_000; index += 1) await service.record({ kind: 'authentication.failed' });
    clock.advance(60_000);
    await service.dispose();
    const told = ofKind('authentication.failed');
    assert.equal(told.length, 21);
    assert.equal(told.at(-1)?.details['alike'], 4_980);
  });

  it('tells what is refused to somebody with a token of its own, whatever strangers cause', async () => {
    const clock = new FakeClock(Date.now());
    const service = audit.server({ clock });
    const stranger = { kind: 'client', via: 'http', client: '127.0.0.1' } as const;
    const forbidden = { kind: 'request.refused', outcome: 'Forbidden' } as const;
    const asked = (tokenId: string) => () =>
      inRequest({ client: client('http', tokenId), correlationId: 'abc-1' }, () => service.record(forbidden));
    for (let index = 0; index < 50; index += 1) {
      await service.record({ kind: 'request.refused', outcome: 'BadHost', by: stranger });
      await asked('noisy')();
    }
    await service.record({ kind: 'request.refused', outcome: 'BadOrigin', by: { ...stranger, client: '::1' } });
    await asked('quiet')();
    clock.advance(60_000);
    await service.dispose();
    const told = ofKind('request.refused');
    const of = (outcome: string, token?: string) =>
      told.filter(
        (one) => (one as { outcome?: string }).outcome === outcome && (one.actor as { token?: string }).token === token,
      );
    assert.deepEqual([of('BadHost').length, of('Forbidden', 'noisy').length], [21, 21]);
    assert.deepEqual([of('BadOrigin').length, of('Forbidden', 'quiet').length], [1, 1]);
    const summaries = told.filter(({ details }) => 'alike' in details);
    assert.deepEqual(
      summaries.map(({ actor, details }) => [actor, details['alike']]),
      [
        [stranger, 30],
        [{ kind: 'client', via: 'http', client: 'http-1', token: 'noisy' }, 30],
      ],
    );
  });

  it('counts more tokens than it can tell apart together, and says only what is true of all', async () => {
    const clock = new FakeClock(Date.now());
    const service = audit.server({ clock });
    const forbidden = { kind: 'request.refused', outcome: 'Forbidden' } as const;
    for (let index = 0; index < 600; index += 1) {
      const by = { kind: 'client', via: 'http', client: `http-${index}`, token: `token${index}` } as const;
      await service.record({ ...forbidden, by });
    }
    clock.advance(60_000);
    await service.dispose();
    const told = ofKind('request.refused');
    assert.equal(told.length, 512 + 20 + 1);
    assert.deepEqual([told.at(-1)?.actor, told.at(-1)?.details['alike']], [{ kind: 'client', via: 'http' }, 68]);
    assert.equal((told.at(-1) as { outcome?: string } | undefined)?.outcome, 'Forbidden');
  });

  it('counts a flood before it looks through what was sent', async () => {
    const clock = new FakeClock();
    let looked = 0;
    const service = audit.server({
      clock,
      knownSecrets: () => {
        looked += 1;
        return [];
      },
    });
    for (let index = 0; index < 5_000; index += 1) service.tell({ kind: 'request.refused', details: { host: 'x' } });
    await service.dispose();
    // The log's own records are the beginning, the end, and the one that tells of the flood.
    assert.equal(looked, 20 + 3);
    assert.equal(ofKind('request.refused').length, 21);
  });

  it('says in the log what goes wrong with an event for which nobody waits', async () => {
    const service = audit.server({
      knownSecrets: () => {
        throw new Error('The secrets cannot be had');
      },
    });
    service.tell({ kind: 'setting.changed' });
    await waitFor('the log line', () => audit.lines.some((line) => line.includes('The secrets cannot be had')));
    await service.dispose();
  });

  it('goes on in another file when one is large, in one chain', async () => {
    const files = await audit.written(40, { maxFileBytes: 2_000 });
    assert.ok(files.length > 3);
    const sequences = files.flatMap((name) => audit.records(name).map(({ sequence }) => sequence));
    assert.deepEqual(
      sequences,
      Array.from({ length: sequences.length }, (_, index) => index + 1),
    );
    assert.equal((await audit.verify()).isIntact, true);
  });

  it('holds while the clock is set back, and says so', async () => {
    const clock = new FakeClock(Date.parse('2026-05-05T12:00:00Z'));
    const service = audit.server({ clock, maxFileBytes: 2_000 });
    const back = new FakeClock(Date.parse('2020-01-01T00:00:00Z'));
    for (let index = 0; index < 6; index += 1) await service.record(command('before'));
    Object.assign(clock, { time: back.now() });
    for (let index = 0; index < 12; index += 1) await service.record(command('after'));
    await service.dispose();
    await audit.written(2);
    const verdict = await audit.verify();
    assert.equal(verdict.firstBad, undefined);
    assert.ok(verdict.notes.some(({ kind }) => kind === 'clockSetBack'));
    // A file that is read after those which it follows is checked against them all the same.
    const first = audit.chains().find((name) => name.startsWith('2026')) ?? '';
    audit.write(first, audit.linesOf(first).slice(0, -1).join('\n') + '\n');
    assert.equal((await audit.verify()).isIntact, false);
  });

  it('lets two servers write at once, each its own chain', async () => {
    const [one, other] = [audit.server(), audit.server()];
    await Promise.all(
      [one, other].flatMap((service) => Array.from({ length: 50 }, () => service.record(command('echo')))),
    );
    assert.equal((await audit.verify()).isIntact, true, 'while both are open');
    await Promise.all([one.dispose(), other.dispose()]);
    const verdict = await audit.verify();
    assert.equal(verdict.isIntact, true);
    assert.equal(verdict.files, 2);
    assert.equal(verdict.keys.length, 1);
  });

  it('holds whenever it is verified while it grows', async () => {
    const service = audit.server({ maxFileBytes: 5_000 });
    const progress: { isDone: boolean } = { isDone: false };
    const writing = (async () => {
      for (let index = 0; index < 150; index += 1) await service.record(command(`echo ${index}`));
      progress.isDone = true;
    })();
    let checks = 0;
    while (!progress.isDone) {
      assert.equal((await audit.verify()).firstBad, undefined);
      checks += 1;
    }
    await writing;
    assert.ok(checks > 3);
  });

  it('holds where another chain begins each time that its folder is looked at', async () => {
    await audit.written(1);
    let begun = 0;
    const list = async (folder: string): Promise<readonly string[]> => {
      const names = await nodeFileSystem.list(folder);
      await audit.written(1);
      begun += 1;
      return names;
    };
    const { signal } = new AbortController();
    const verdict = await verifyAudit({ folder: audit.folder, fileSystem: { ...nodeFileSystem, list }, signal });
    assert.equal(verdict.firstBad, undefined);
    assert.ok(begun >= 3);
  });

  it('refuses what comes when the server is going', async () => {
    const service = audit.server();
    await service.dispose();
    await assert.rejects(service.record(command('late')), refusal);
    await service.record({ kind: 'setting.changed' });
  });
});
