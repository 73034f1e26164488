import { z } from 'zod';
import { request, serverNotification } from './declaration.ts';

export const modelInfo = z.object({
  /** `provider/model`, as settings and the command line name it. */
  id: z.string(),
  name: z.string(),
  provider: z.string(),
  /** Tokens that the context window holds, where known. */
  contextTokens: z.int().optional(),
});
export type ModelInfo = z.output<typeof modelInfo>;

export const providerStatus = z.object({
  /** `openai`, `ollama`, `openai-compatible`. */
  id: z.string(),
  name: z.string(),
  status: z.enum(['ready', 'needsKey', 'needsEndpoint', 'unreachable', 'rejected']),
  /** What is wrong and what to do, for the person. */
  message: z.string().optional(),
  baseUrl: z.string().optional(),
});
export type ProviderStatus = z.output<typeof providerStatus>;

export const model = {
  'model/list': request({
    summary: 'Lists the models that can be reached, asking each configured provider.',
    params: z.strictObject({ refresh: z.boolean().default(false) }),
    result: z.object({
      models: z.array(modelInfo),
      /** What is used where a conversation names none; null if nothing is set and not exactly one is reachable. */
      defaultModel: z.string().nullable(),
    }),
    scope: 'read',
    timeoutMs: 15_000,
  }),
  'model/status': request({
    summary: 'Says of each provider whether it can be used, and if not, what to do.',
    params: z.strictObject({ refresh: z.boolean().default(false) }),
    result: z.object({ providers: z.array(providerStatus) }),
    scope: 'read',
    timeoutMs: 15_000,
  }),
  'model/changed': serverNotification({
    summary: 'The models that can be reached may have changed: list them again.',
    params: z.object({}),
  }),
} as const;
