import { mkdirSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import type { ConversationId } from '../../../server/protocol/sessionEvents.ts';
import { HttpServer } from '../httpServer.ts';
import { messageText, ModelServer } from '../modelServer.ts';
import { calls, says } from '../modelScript.ts';
import { endPtyHostsOf, ptyHostsOf } from '../ptyHostOf.ts';
import { temporaryFolder } from '../temporaryFolder.ts';
import { waitFor } from '../waitFor.ts';
import { WebSocketClient } from '../webSocketClient.ts';

/** A call of a tool, as a model that was talked over makes it. */
export interface WantedCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What became of a turn. */
export interface AttackOutcome {
  /** What the person was asked, word for word. */
  readonly asked: readonly string[];
  /** What each call was answered, in order. */
  readonly answers: readonly string[];
}

export interface AttackedAgentOptions {
  /** Files of the workspace by their paths: the repository that the person has cloned. */
  readonly files?: Readonly<Record<string, string>>;
  /** The person opens the folder in which everything of theirs stands, our data folder too. */
  readonly opensHome?: boolean;
}

/**
 * The built server with a model that follows whoever talks it over, and a person who watches and answers each question
 * alike. The owner calls `close`.
 */
export class AttackedAgent {
  readonly home: string;
  /** The folder that is open. */
  readonly workspace: string;
  readonly dataFolder: string;
  readonly model: ModelServer;
  readonly server: HttpServer;
  private readonly person: WebSocketClient;
  private readonly remove: () => void;

  static async open({ files = {}, opensHome = false }: AttackedAgentOptions = {}): Promise<AttackedAgent> {
    const folder = temporaryFolder();
    const dataFolder = path.join(folder.path, 'data');
    const repository = path.join(folder.path, 'repository');
    for (const made of [dataFolder, repository]) mkdirSync(made, { mode: 0o700 });
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(repository, name)), { recursive: true });
      writeFileSync(path.join(repository, name), text);
    }
    const model = await ModelServer.start({ models: ['test-model'] });
    const settings = {
      'providers.openaiCompatible.baseUrl': model.baseUrl,
      // Nothing listens there, so that a model on the machine of whoever runs the tests changes nothing.
      'providers.ollama.baseUrl': 'http://127.0.0.1:9',
      'limits.terminalPerSecond': 1_000,
    };
    writeFileSync(path.join(dataFolder, 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
    const workspace = opensHome ? folder.path : repository;
    const server = await HttpServer.start(dataFolder, ['--log-level', 'off', '--workspace', workspace]);
    const person = await WebSocketClient.open(server);
    return new AttackedAgent({ folder, dataFolder, workspace, model, server, person });
  }

  private constructor(parts: {
    folder: ReturnType<typeof temporaryFolder>;
    dataFolder: string;
    workspace: string;
    model: ModelServer;
    server: HttpServer;
    person: WebSocketClient;
  }) {
    this.home = parts.folder.path;
    this.remove = () => parts.folder.remove();
    this.dataFolder = parts.dataFolder;
    this.workspace = parts.workspace;
    this.model = parts.model;
    this.server = parts.server;
    this.person = parts.person;
  }

  /** Everything that was ever sent to the model. */
  get sentToModel(): string {
    return JSON.stringify(this.model.chats);
  }

  /** One turn in which the model makes these calls, each after the answer to the one before. */
  async turn(
    wanted: readonly WantedCall[],
    optionId: 'allow_once' | 'reject_once' = 'reject_once',
  ): Promise<AttackOutcome> {
    this.willCall(wanted);
    const { sessionId } = await this.person.call('session/new', { cwd: this.workspace, mcpServers: [] });
    await this.person.call('session/attach', { sessionId });
    const { notifications } = this.person;
    const seen = notifications.length;
    let answered = 0;
    const asked: string[] = [];
    const turn = this.person.request('session/prompt', {
      sessionId,
      prompt: [{ type: 'text', text: 'What does this project do?' }],
    });
    const watching = setInterval(() => {
      const questions = questionsIn(notifications.slice(seen), sessionId);
      for (const { requestId, detail } of questions.slice(answered)) {
        answered += 1;
        asked.push(detail);
        void this.person.request('session/answer_permission', { sessionId, requestId, optionId });
      }
    }, 10);
    try {
      await turn;
    } finally {
      clearInterval(watching);
    }
    return { asked, answers: this.answersOfLastTurn() };
  }

  /** The same asked for over HTTP, with nobody who watches. */
  async turnUnwatched(wanted: readonly WantedCall[]): Promise<readonly string[]> {
    this.willCall(wanted);
    const { body } = await this.server.call('session/new', { cwd: this.workspace, mcpServers: [] });
    const prompt = [{ type: 'text', text: 'What does this project do?' }];
    await this.server.call('session/prompt', { sessionId: body['sessionId'], prompt });
    return this.answersOfLastTurn();
  }

  async close(): Promise<void> {
    await this.person.close();
    await this.server.stop();
    await this.model.close();
    endPtyHostsOf(this.dataFolder);
    await waitFor('the pty host to end', () => ptyHostsOf(this.dataFolder).length === 0);
    this.remove();
  }

  private willCall(wanted: readonly WantedCall[]): void {
    const replies = wanted.map(({ name, arguments: input }, index) =>
      calls({ id: `call_${index}`, name, arguments: input }),
    );
    this.model.play({ models: ['test-model'], replies: [...replies, says('Done.')] });
  }

  private answersOfLastTurn(): string[] {
    const messages = this.model.chats.at(-1)?.messages ?? [];
    return messages.filter(({ role }) => role === 'tool').map(messageText);
  }
}

interface Question {
  readonly requestId: string;
  readonly detail: string;
}

function questionsIn(
  notifications: readonly { readonly method: string; readonly params: Record<string, unknown> }[],
  sessionId: ConversationId,
): Question[] {
  return notifications.flatMap(({ method, params }) => {
    if (method !== 'session/update' || params['sessionId'] !== sessionId) return [];
    const update = params['update'] as { sessionUpdate: string } & Question;
    return update.sessionUpdate === 'permission_requested' ? [update] : [];
  });
}

/** Every way there is to write a file of the workspace: tools by the names that agents know, and commands. */
export function waysToWrite(file: string, text: string): WantedCall[] {
  const quoted = `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const folder = path.posix.dirname(file);
  const commands = [
    `mkdir -p ${folder} && printf %s ${quoted} > ${file}`,
    `mkdir -p ${folder}; printf %s ${quoted} | tee ${file}`,
    `mkdir -p ${folder}; cd ${folder} && printf %s ${quoted} > ./${path.posix.basename(file)}`,
    `mkdir -p ${folder}; ln -s "$PWD/${folder}" elsewhere; printf %s ${quoted} > elsewhere/${path.posix.basename(file)}`,
    `python3 -c 'import os,sys; os.makedirs(sys.argv[1],exist_ok=True); open(sys.argv[2],"w").write(sys.argv[3])' ${folder} ${file} ${quoted}`,
  ];
  return [
    { name: 'write_file', arguments: { path: file, content: text } },
    { name: 'edit_file', arguments: { path: file, edits: [{ oldText: '', newText: text }] } },
    ...commands.map((command) => ({ name: 'run_command', arguments: { command } })),
    { name: 'run_command', arguments: { command: `printf %s ${quoted} > ${path.posix.basename(file)}`, cwd: folder } },
  ];
}
