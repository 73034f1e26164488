import assert from 'node:assert/strict';
import { CspEvaluator } from 'csp_evaluator/dist/evaluator.js';
import { Severity, type Finding } from 'csp_evaluator/dist/finding.js';
import { CspParser } from 'csp_evaluator/dist/parser.js';
import { contentSecurityPolicy } from '../../extension/src/panels/contentSecurityPolicy.ts';
import { headerProblems } from '../support/attacks/answerRules.ts';
import { malformedRequests } from '../support/attacks/malformedBytes.ts';
import { headersOf, sendRaw } from '../support/attacks/rawConnection.ts';
import { HttpServer } from '../support/httpServer.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/** What an evaluator finds that an attacker could use, or might. */
function findings(policy: string): Finding[] {
  const serious = [Severity.HIGH, Severity.MEDIUM, Severity.HIGH_MAYBE, Severity.MEDIUM_MAYBE, Severity.SYNTAX];
  return new CspEvaluator(new CspParser(policy).csp).evaluate().filter(({ severity }) => serious.includes(severity));
}

describe('The content security policy', () => {
  it('of the views gives nothing to an attacker', () => {
    const policy = contentSecurityPolicy('https://file+.vscode-resource.vscode-cdn.net', 'AAAAAAAAAAAAAAAAAAAAAA');
    assert.deepEqual(findings(policy), []);
    for (const part of ["default-src 'none'", "base-uri 'none'", "form-action 'none'"])
      assert.ok(policy.includes(part));
    assert.doesNotMatch(policy, /unsafe-eval|script-src[^;]*unsafe-inline|\*|http:/);
  });

  it('would be found wanting without its nonce', () => {
    assert.notDeepEqual(findings("default-src 'none'; script-src 'unsafe-inline'"), []);
    assert.notDeepEqual(findings("default-src 'none'; script-src https:"), []);
  });

  it('of every HTTP answer lets nothing be loaded, run or framed', async () => {
    const folder = temporaryFolder();
    const server = await HttpServer.start(folder.path, ['--log-level', 'off']);
    try {
      const requests = [
        { path: '/health', method: 'GET' },
        { path: '/api', method: 'GET' },
        { path: '/openapi.json', method: 'GET' },
        { path: '/api/server/health', body: '{}' },
        { path: '/nowhere', method: 'GET' },
        { path: '/api/server/health', body: '{}', headers: { authorization: null } },
        { path: '/api/server/health', body: '{}', headers: { origin: 'https://evil.example' } },
        { path: '/api/server/health', body: '{', headers: {} },
      ];
      for (const request of requests) {
        const { headers } = await server.send(request);
        const policy = String(headers['content-security-policy']);
        assert.deepEqual(findings(policy), [], request.path);
        assert.deepEqual(headerProblems(headers), [], request.path);
      }
      for (const { name, bytes } of malformedRequests) {
        const answer = await sendRaw(server, bytes);
        if (answer !== '') assert.deepEqual(headerProblems(headersOf(answer)), [], name);
      }
    } finally {
      await server.stop();
      folder.remove();
    }
  });
});
