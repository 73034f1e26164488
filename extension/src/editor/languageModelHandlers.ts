import * as vscode from 'vscode';
import type { ParamsOf, ParsedParamsOf } from '../../../server/protocol/contract.ts';
import { CodedError } from '../../../server/protocol/errors.ts';
import { describeError } from '../log.ts';
import type { EditorHandlers } from './editorHandler.ts';

type ModelMethods = 'languageModel/list' | 'languageModel/request' | 'languageModel/cancel';
type Message = ParsedParamsOf<'languageModel/request'>['messages'][number];
type Content = ParamsOf<'languageModel/chunk'>['content'];

/** Where the pieces of an answer and its end go. */
export interface LanguageModelEvents {
  chunk(params: ParamsOf<'languageModel/chunk'>): void;
  ended(params: ParamsOf<'languageModel/ended'>): void;
}

/** More requests at a time than any agent makes. */
const maxRequests = 32;

/** Lends the models that other extensions offer in VS Code to the server. */
export function createLanguageModelHandlers(events: LanguageModelEvents): Pick<EditorHandlers, ModelMethods> {
  const running = new Map<string, vscode.CancellationTokenSource>();
  return {
    'languageModel/list': async () => {
      const models = await vscode.lm.selectChatModels();
      return {
        models: models.map(({ id, name, vendor, maxInputTokens }) => ({ id, name, vendor, maxInputTokens })),
      };
    },
    'languageModel/request': async (params) => {
      const { requestId } = params;
      if (running.size >= maxRequests) throw new CodedError('ResourceLimit', 'Too many requests to models at a time.');
      const cancellation = new vscode.CancellationTokenSource();
      running.set(requestId, cancellation);
      const finish = (error?: unknown): void => {
        running.delete(requestId);
        cancellation.dispose();
        events.ended({ requestId, ...(error !== undefined && { error: describeError(error) }) });
      };
      try {
        const response = await send(params, cancellation.token);
        forward(response, requestId, events).then(() => finish(), finish);
        return {};
      } catch (error) {
        running.delete(requestId);
        cancellation.dispose();
        throw error;
      }
    },
    'languageModel/cancel': ({ requestId }) => {
      running.get(requestId)?.cancel();
      return Promise.resolve({});
    },
  };
}

async function send(
  params: ParsedParamsOf<'languageModel/request'>,
  token: vscode.CancellationToken,
): Promise<vscode.LanguageModelChatResponse> {
  const [model] = await vscode.lm.selectChatModels({ id: params.model });
  if (!model) throw new CodedError('NotFound', `VS Code offers no model "${params.model}" any more.`);
  const tools = params.tools.map(({ name, description, inputSchema }) => ({
    name,
    description,
    inputSchema: inputSchema as object,
  }));
  try {
    return await model.sendRequest(params.messages.map(toMessage), { tools }, token);
  } catch (cause) {
    const isRefused = cause instanceof vscode.LanguageModelError && cause.code === 'NoPermissions';
    throw new CodedError(isRefused ? 'PolicyDenied' : 'Unavailable', describeError(cause), { cause });
  }
}

async function forward(
  response: vscode.LanguageModelChatResponse,
  requestId: string,
  events: LanguageModelEvents,
): Promise<void> {
  for await (const part of response.stream) {
    const content = fromPart(part);
    if (content) events.chunk({ requestId, content });
  }
}

function fromPart(part: unknown): Content | undefined {
  if (part instanceof vscode.LanguageModelTextPart) return { type: 'text', text: part.value };
  if (part instanceof vscode.LanguageModelToolCallPart) {
    return { type: 'toolCall', callId: part.callId, name: part.name, input: part.input };
  }
  return undefined;
}

function toMessage({ role, content }: Message): vscode.LanguageModelChatMessage {
  if (role === 'assistant') {
    return vscode.LanguageModelChatMessage.Assistant(
      content.flatMap((part) => {
        if (part.type === 'text') return new vscode.LanguageModelTextPart(part.text);
        if (part.type === 'toolCall') {
          return new vscode.LanguageModelToolCallPart(part.callId, part.name, part.input as object);
        }
        return [];
      }),
    );
  }
  return vscode.LanguageModelChatMessage.User(
    content.flatMap((part) => {
      if (part.type === 'text') return new vscode.LanguageModelTextPart(part.text);
      if (part.type === 'toolResult') {
        return new vscode.LanguageModelToolResultPart(part.callId, [new vscode.LanguageModelTextPart(part.text)]);
      }
      return [];
    }),
  );
}
