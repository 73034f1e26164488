import type { ParsedParamsOf, ResultOf, ServerToClientMethod } from '../../../server/protocol/contract.ts';

/** One function for each question that the server may ask of the editor. */
export type EditorHandlers = {
  readonly [M in ServerToClientMethod]: (params: ParsedParamsOf<M>, signal: AbortSignal) => Promise<ResultOf<M>>;
};
