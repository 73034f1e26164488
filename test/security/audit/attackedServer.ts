import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { grantedScopes, type GrantedScope } from '../../../server/protocol/declaration.ts';
import { HttpServer, type HttpAnswer } from '../../support/httpServer.ts';
import { ModelServer } from '../../support/modelServer.ts';
import { calls, says } from '../../support/modelScript.ts';
import { endPtyHostsOf, ptyHostsOf } from '../../support/ptyHostOf.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { waitFor } from '../../support/waitFor.ts';
import { upgradeHeaders } from '../../support/attacks/rawConnection.ts';

/** A key as a model provider gives them, which must turn up nowhere. */
const apiKey = 'sk-audit-0123456789abcdefghijklmnopqrstuvwxyz';
const widest = {
  'limits.apiPerMinute': 10_000_000,
  'limits.webSocketMessagesPerMinute': 10_000_000,
  'limits.failedAuthenticationsPer5Minutes': 10_000_000,
  'limits.terminalPerSecond': 1_000,
};
const maxKeptAnswers = 20_000;

/** An answer that was given during the audit, and to what. */
export interface KeptAnswer {
  readonly to: string;
  readonly answer: HttpAnswer;
}

export interface SentRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | Buffer;
}

/** A built server that serves a data folder of its own, with everything in it that is worth stealing. The owner calls `close`. */
export class AttackedServer {
  readonly dataFolder: string;
  readonly workspace: string;
  readonly http: HttpServer;
  /** One for each scope. */
  readonly tokens: Readonly<Record<GrantedScope, { readonly token: string; readonly tokenId: string }>>;
  /** Every answer so far; what stands in them is judged at the end. */
  readonly answers: KeptAnswer[] = [];
  private readonly model: ModelServer;
  private readonly remove: () => void;
  private readonly logged: { text: string };

  /** `limits` left out: so wide that they are never reached. */
  static async start(bundle: string, limits: Readonly<Record<string, number>> = widest): Promise<AttackedServer> {
    const folder = temporaryFolder();
    const dataFolder = path.join(folder.path, 'data');
    const workspace = path.join(folder.path, 'workspace');
    mkdirSync(dataFolder, { mode: 0o700 });
    mkdirSync(workspace);
    const model = await ModelServer.start({ models: ['test-model'], apiKey });
    const settings = { 'providers.ollama.baseUrl': 'http://127.0.0.1:9', ...limits };
    writeFileSync(path.join(dataFolder, 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
    const logged = { text: '' };
    const http = await HttpServer.start(dataFolder, ['--log-level', 'trace', '--workspace', workspace], {
      bundle,
      environment: { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: model.baseUrl },
      onLog: (chunk) => (logged.text += chunk),
    });
    const tokens = {} as Record<GrantedScope, { token: string; tokenId: string }>;
    for (const scope of grantedScopes) {
      const { body } = await http.call('security/issue', { name: scope, scope, hours: 1 });
      tokens[scope] = { token: String(body['token']), tokenId: String(body['tokenId']) };
    }
    return new AttackedServer({ folder, dataFolder, workspace, model, http, tokens, logged });
  }

  private constructor(parts: {
    folder: ReturnType<typeof temporaryFolder>;
    dataFolder: string;
    workspace: string;
    model: ModelServer;
    http: HttpServer;
    tokens: AttackedServer['tokens'];
    logged: { text: string };
  }) {
    this.remove = () => parts.folder.remove();
    this.dataFolder = parts.dataFolder;
    this.workspace = parts.workspace;
    this.model = parts.model;
    this.http = parts.http;
    this.tokens = parts.tokens;
    this.logged = parts.logged;
  }

  get port(): string {
    return this.http.url.port;
  }

  /** What the server has logged, at the most talkative level. */
  get log(): string {
    return this.logged.text;
  }

  /** What nobody may find anywhere, by what it is. */
  get secrets(): Readonly<Record<string, string>> {
    const tokens = Object.entries(this.tokens).map(([scope, { token }]): [string, string] => [
      `the token for ${scope}`,
      token,
    ]);
    return { 'the token of the data folder': this.http.token, ...Object.fromEntries(tokens), 'the API key': apiKey };
  }

  async send(request: SentRequest): Promise<HttpAnswer> {
    const answer = await this.http.send(request);
    if (this.answers.length < maxKeptAnswers)
      this.answers.push({ to: `${request.method ?? 'POST'} ${request.path}`, answer });
    return answer;
  }

  /** Status and reason of the answer to a call, as `401 Unauthenticated`. */
  async outcomeOf(request: SentRequest): Promise<string> {
    return outcome(await this.send(request));
  }

  /** The same on every way in: a call, a WebSocket and a stream of events; where `health` is set, the one open path too. */
  async everywhere(headers: SentRequest['headers'], { health = false } = {}): Promise<Record<string, string>> {
    const call = { path: '/api/server/health', body: '{}', ...(headers && { headers }) };
    const webSocket = { path: '/ws', method: 'GET', headers: { ...upgradeHeaders, ...headers } };
    const events = { path: '/events', method: 'GET', ...(headers && { headers }) };
    const results: Record<string, string> = {
      'a call': await this.outcomeOf(call),
      'a WebSocket': await this.outcomeOf(webSocket),
      'a stream of events': await this.outcomeOf(events),
    };
    if (health) results['/health'] = await this.outcomeOf({ ...events, path: '/health' });
    return results;
  }

  /** Does what people do: a terminal, a command, a turn of the agent; so that there is something on disk and in the logs. */
  async beUsed(): Promise<void> {
    await this.http.call('terminal/run', { command: 'env', cwd: this.workspace });
    await this.http.call('terminal/create', { shell: 'sh', cwd: this.workspace });
    const readsFile = calls({ name: 'list_files', arguments: {} });
    this.model.play({ models: ['test-model'], apiKey, replies: [readsFile, says('An empty folder.')] });
    const { body } = await this.http.call('session/new', { cwd: this.workspace });
    const { sessionId } = body;
    await this.http.call('session/set_config_option', { sessionId, configId: 'model', value: 'openai/test-model' });
    const prompt = [{ type: 'text', text: 'What is in this folder?' }];
    const turn = await this.http.call('session/prompt', { sessionId, prompt });
    if (turn.body['stopReason'] !== 'end_turn') throw new Error(`The agent's turn ended so: ${turn.text}`);
  }

  async close(): Promise<void> {
    await this.http.stop();
    await this.model.close();
    endPtyHostsOf(this.dataFolder);
    await waitFor('the pty host to end', () => ptyHostsOf(this.dataFolder).length === 0);
    this.remove();
  }
}

/** Status and reason of an answer, as `401 Unauthenticated`. */
export function outcome({ status, body }: HttpAnswer): string {
  const reason = body['error'];
  return typeof reason === 'string' ? `${status} ${reason}` : `${status}`;
}
